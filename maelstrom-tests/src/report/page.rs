//! The page: a template with the words and drawings, data for the parts that the reader moves in, and
//! a policy that lets nothing run but our own script.

use std::fmt::Write as _;
use std::io::{self, Write};

use askama::Template;
use base64::Engine;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::data::Data;
use super::faults::Fault;
use super::offence::Offence;
use super::palette;
use super::plots::Plot;
use super::text;
use super::words::{Words, percent};
use crate::results::Results;

/// The parts of the page's script, in the order in which they are needed.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("../../templates/common.js"),
    include_str!("../../templates/table.js"),
    include_str!("../../templates/diagram.js"),
    include_str!("../../templates/report.js"),
);
/// The style of all our pages.
pub(crate) const STYLE: &str = include_str!("../../templates/style.css");

/// What the page is made of.
pub struct Content<'a> {
    /// The results of the run.
    pub results: &'a Results,
    /// What their file has.
    pub raw_results: &'a str,
    /// Where to look first.
    pub offence: Option<&'a Offence>,
    /// The drawings that show why it is not valid.
    pub evidence: &'a [Plot],
    /// The plots.
    pub plots: &'a [Plot],
    /// Sent, received and lost by endpoint.
    pub traffic: Vec<TrafficRow>,
    /// What the script shows.
    pub data: &'a Data<'a>,
    /// Files of the run, for links.
    pub files: Vec<String>,
}

/// A line of the table of messages.
pub struct TrafficRow {
    /// The node.
    pub name: String,
    /// How much it sent, got, and what was lost on the way to it.
    pub counts: [String; 3],
    /// The first of these as a part of the highest, in percent.
    pub share: u8,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    results: Words<'a>,
    class: &'static str,
    sentence: String,
    causes: Vec<String>,
    offence: Option<&'a Offence>,
    evidence: &'a [Plot],
    plots: &'a [Plot],
    phases: Vec<PhaseRow>,
    traffic: &'a [TrafficRow],
    files: &'a [String],
    notes: Notes,
    raw_results: String,
    style: String,
    script: &'static str,
    style_hash: String,
    script_hash: String,
    data: String,
}

/// Remarks: those that are shown, and those that are folded away if there are many.
struct Notes {
    shown: Vec<String>,
    folded: Vec<String>,
}

impl Notes {
    /// What the page leaves out comes before what the bench remarks.
    fn new(of_results: Vec<String>, of_data: &[String]) -> Self {
        const SHOWN_MAX: usize = 6;
        let mut shown = [of_data, &of_results[..]].concat();
        // To fold a single line away saves nothing.
        let is_long = shown.len() > SHOWN_MAX + 1;
        let folded = if is_long { shown.split_off(SHOWN_MAX) } else { Vec::new() };
        Self { shown, folded }
    }

    const fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

/// A line of the table of faults.
struct PhaseRow {
    fault: String,
    /// Whom it hit, if the history says so.
    whom: String,
    from: String,
    to: String,
    start: u64,
    operations: String,
    is_vacuous: bool,
}

/// Writes the whole page, as HTML. It may have many megabytes, so `out` gets it as it is made.
///
/// # Errors
/// Those of `out`.
pub fn write(content: &Content<'_>, out: &mut dyn Write) -> io::Result<()> {
    let style = style();
    let results = Words(content.results);
    Page {
        results,
        class: class(results),
        sentence: Offence::first_sentence(content.offence, results),
        causes: Offence::other_causes(content.offence, results),
        offence: content.offence,
        evidence: content.evidence,
        plots: content.plots,
        phases: phases(content.results, &content.data.faults),
        traffic: &content.traffic,
        files: &content.files,
        notes: Notes::new(results.notes(), &content.data.notes),
        raw_results: raw(content.raw_results),
        style_hash: hash(&style),
        script_hash: hash(SCRIPT),
        style,
        script: SCRIPT,
        data: embedded(content.data)?,
    }
    .write_into(out)
}

/// The style of pages with plots.
pub(crate) fn style() -> String {
    format!("{STYLE}{}", palette::dark_rules())
}

/// The class of elements that show a verdict.
pub(crate) fn class(results: Words<'_>) -> &'static str {
    match results.verdict() {
        Some(checkers::Verdict::Valid) => "valid",
        Some(checkers::Verdict::Invalid) => "invalid",
        Some(checkers::Verdict::Unknown) | None => "unknown",
    }
}

/// What a content security policy names an inline script or style by.
pub(crate) fn hash(content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}

/// Data as JSON without the characters that mean something in HTML, so that it cannot end the element
/// it stands in: they are in strings only, and stand there by their codes.
fn embedded(data: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string(data)?;
    let means_something = |byte| (byte == b'<') | (byte == b'>') | (byte == b'&');
    if !text::has_byte(&json, means_something) {
        return Ok(json);
    }
    let mut harmless = String::with_capacity(json.len() + json.len() / 8);
    let mut rest = json.as_str();
    while let Some(place) = rest.bytes().position(means_something) {
        harmless.push_str(&rest[..place]);
        let _ = write!(harmless, "\\u{:04x}", rest.as_bytes()[place]);
        rest = &rest[place + 1..];
    }
    harmless.push_str(rest);
    Ok(harmless)
}

/// The results as text, not all of them if they are many.
fn raw(json: &str) -> String {
    const LENGTH_MAX: usize = 200_000;
    let cut = text::cut(json, LENGTH_MAX);
    let lines = cut.split('\n').map(text::visible);
    lines.collect::<Vec<_>>().join("\n")
}

fn phases(results: &Results, faults: &[Fault]) -> Vec<PhaseRow> {
    const ROWS_MAX: usize = 200;
    let phases = results.fault_phases.iter().take(ROWS_MAX);
    phases
        .map(|phase| {
            let (ok, invoked) = (phase.ok as u64, phase.invoked as u64);
            let share = if invoked == 0 { 0.0 } else { ok as f64 / invoked as f64 };
            let (name, start) = (text::line(&phase.fault, 40), phase.start_time);
            let is_it = |fault: &&Fault| fault.name == name && fault.start == start;
            let whom = faults.iter().find(is_it);
            PhaseRow {
                whom: whom.map_or_else(String::new, |fault| fault.whom.clone()),
                fault: name,
                from: text::seconds(start),
                to: text::seconds(phase.end_time),
                start,
                operations: format!(
                    "{} of {} ({})",
                    text::grouped(ok),
                    text::grouped(invoked),
                    percent(share)
                ),
                is_vacuous: share <= checkers::stats::FaultPhase::VACUOUS_BELOW,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_data_cannot_leave_its_element() {
        let json = embedded(&["</script><script>alert(1)</script>", "<!--", "&"]).unwrap();
        assert!(!json.contains(['<', '>', '&']));
        let back: Vec<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(back[0], "</script><script>alert(1)</script>");
    }

    #[test]
    fn many_remarks_are_folded_away() {
        let of = |count| Notes::new(vec!["remark".to_owned(); count], &["left out".to_owned()]);
        for (count, shown, folded) in [(0, 1, 0), (6, 7, 0), (7, 6, 2)] {
            let notes = of(count);
            assert_eq!((notes.shown.len(), notes.folded.len()), (shown, folded));
            assert_eq!(notes.shown[0], "left out");
        }
    }

    #[test]
    fn a_fault_says_whom_it_hit() {
        let phase = |fault: &str, start_time| checkers::stats::FaultPhase {
            fault: fault.to_owned(),
            start_time,
            end_time: 9,
            ..Default::default()
        };
        let fault_phases = vec![phase("kill", 5), phase("kill", 7), phase("pause", 5)];
        let results = Results { fault_phases, ..Results::default() };
        let fault = Fault { name: "kill".to_owned(), whom: "n1, n2".to_owned(), start: 5, end: 9 };
        let rows = phases(&results, &[fault]);
        let whom: Vec<_> = rows.iter().map(|row| row.whom.as_str()).collect();
        assert_eq!(whom, ["n1, n2", "", ""]);
    }

    #[test]
    fn hashes_are_those_of_the_policy() {
        // The example of the CSP specification, level 3, section "hash-source".
        assert_eq!(hash("doSubmit()"), "sha256-jzgBGA4UWFFmpOBq0JpdsySukE1FrEN5bUpoK8Z29fY=");
    }
}
