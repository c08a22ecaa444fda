//! The page: a template with the words and drawings, data for the parts that the reader moves in, and
//! a policy that lets nothing run but our own script.

use askama::Template;
use base64::Engine;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::data::Data;
use super::history::Fault;
use super::offence::Offence;
use super::palette;
use super::plots::Plot;
use super::results::{Results, array, percent};
use super::text;

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
    pub results: Results<'a>,
    /// Where to look first.
    pub offence: Option<&'a Offence>,
    /// The drawing of a violation.
    pub violation: Option<&'a Plot>,
    /// The plots.
    pub plots: &'a [Plot],
    /// Sent, received and lost by endpoint.
    pub traffic: Vec<TrafficRow>,
    /// What the script shows.
    pub data: &'a Data,
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
    results: Results<'a>,
    class: &'static str,
    sentence: String,
    causes: Vec<String>,
    offence: Option<&'a Offence>,
    violation: Option<&'a Plot>,
    plots: &'a [Plot],
    phases: Vec<PhaseRow>,
    traffic: &'a [TrafficRow],
    files: &'a [String],
    data_notes: &'a [String],
    raw_results: String,
    style: String,
    script: &'static str,
    style_hash: String,
    script_hash: String,
    data: String,
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

/// The whole page as HTML.
pub fn render(content: &Content<'_>) -> Result<String, askama::Error> {
    let style = style();
    let results = content.results;
    Page {
        results,
        class: class(results),
        sentence: Offence::first_sentence(content.offence, results),
        causes: Offence::other_causes(content.offence, results),
        offence: content.offence,
        violation: content.violation,
        plots: content.plots,
        phases: phases(results, &content.data.faults),
        traffic: &content.traffic,
        files: &content.files,
        data_notes: &content.data.notes,
        raw_results: raw(results),
        style_hash: hash(&style),
        script_hash: hash(SCRIPT),
        style,
        script: SCRIPT,
        data: embedded(content.data)?,
    }
    .render()
}

/// The style of pages with plots.
pub(crate) fn style() -> String {
    format!("{STYLE}{}", palette::dark_rules())
}

/// The class of elements that show a verdict.
pub(crate) fn class(results: Results<'_>) -> &'static str {
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

/// Data as JSON that cannot end the element it stands in.
fn embedded(data: &impl Serialize) -> Result<String, askama::Error> {
    let json = serde_json::to_string(data).map_err(|error| askama::Error::Custom(error.into()))?;
    Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// The results as text, not all of them if they are many.
fn raw(results: Results<'_>) -> String {
    const LENGTH_MAX: usize = 200_000;
    let json = serde_json::to_string_pretty(results.0).unwrap_or_default();
    let cut = text::cut(&json, LENGTH_MAX);
    let lines = cut.split('\n').map(text::visible);
    lines.collect::<Vec<_>>().join("\n")
}

fn phases(results: Results<'_>, faults: &[Fault]) -> Vec<PhaseRow> {
    const ROWS_MAX: usize = 200;
    let phases = array(results.at(&["fault-phases"])).iter().take(ROWS_MAX);
    phases
        .map(|phase| {
            let number = |name| Results(phase).at(&[name]).as_u64().unwrap_or(0);
            let (ok, invoked) = (number("ok"), number("invoked"));
            let share = if invoked == 0 { 0.0 } else { ok as f64 / invoked as f64 };
            let (name, start) = (Results(phase).at(&["fault"]).as_str(), number("start-time"));
            let is_it = |fault: &&Fault| Some(&*fault.name) == name && fault.start == start;
            PhaseRow {
                fault: text::line(name.unwrap_or("?"), 60),
                whom: faults
                    .iter()
                    .find(is_it)
                    .map_or_else(String::new, |fault| fault.whom.clone()),
                from: text::seconds(start),
                to: text::seconds(number("end-time")),
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
    fn a_fault_says_whom_it_hit() {
        let results = serde_json::json!({"fault-phases": [
            {"fault": "kill", "start-time": 5, "end-time": 9},
            {"fault": "kill", "start-time": 7, "end-time": 9},
            {"fault": "pause", "start-time": 5}]});
        let fault = Fault { name: "kill".to_owned(), whom: "n1, n2".to_owned(), start: 5, end: 9 };
        let rows = phases(Results(&results), &[fault]);
        let whom: Vec<_> = rows.iter().map(|row| row.whom.as_str()).collect();
        assert_eq!(whom, ["n1, n2", "", ""]);
    }

    #[test]
    fn hashes_are_those_of_the_policy() {
        // The example of the CSP specification, level 3, section "hash-source".
        assert_eq!(hash("doSubmit()"), "sha256-jzgBGA4UWFFmpOBq0JpdsySukE1FrEN5bUpoK8Z29fY=");
    }
}
