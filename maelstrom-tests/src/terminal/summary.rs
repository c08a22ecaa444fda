//! The results of a run in a terminal: the verdict first, then what failed and where to look, then a
//! few figures and where the rest is.

use std::io::{self, Write};
use std::path::Path;

use checkers::Verdict;

use super::{BAD, BOLD, FAINT, GOOD, style};
use crate::report::offence::{Offence, Step};
use crate::report::words::Words;
use crate::report::{self, text};
use crate::results::Results;

/// Causes beyond these are in the report.
const CAUSES_MAX: usize = 8;
/// Remarks beyond these are in the report.
const NOTES_MAX: usize = 4;

/// Says what begins: `eddy paint on 5 nodes, seed 42`. Of the results only the options are needed.
pub fn announce(out: &mut impl Write, results: &Results) -> io::Result<()> {
    writeln!(out, "{BOLD}eddy{BOLD:#} {}", Words(results).title())
}

/// The results in one line: `✘ INVALID paint on 5 nodes, seed 42: ...`.
pub fn verdict_line(
    out: &mut impl Write,
    results: &Results,
    offence: Option<&Offence>,
) -> io::Result<()> {
    let results = Words(results);
    let (colour, sign) = style(results.verdict());
    let word = results.verdict_word();
    let why = match (Offence::first_sentence(offence, results), results.causes().into_iter().next())
    {
        // The verdict alone says nothing: a cause says more.
        (sentence, Some(cause)) if sentence == results.verdict_text() => cause,
        (sentence, _) => sentence,
    };
    writeln!(out, "{colour}{sign} {word}{colour:#} {}: {why}", results.title())
}

/// The results as JSON, and nothing else.
pub fn json(out: &mut impl Write, results: &Results) -> io::Result<()> {
    results.write(out)
}

/// What else a summary depends on.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Where the run is kept.
    pub run_dir: &'a Path,
    /// Whether the report was written.
    pub has_report: bool,
    /// Whether it was said already what was run.
    pub is_announced: bool,
    /// The command that repeats the run; may be empty.
    pub again: &'a str,
}

/// The results on a page of the terminal.
pub fn summary(
    out: &mut impl Write,
    results: &Results,
    offence: Option<&Offence>,
    told: Told<'_>,
) -> io::Result<()> {
    let results = Words(results);
    let (colour, sign) = style(results.verdict());
    let word = results.verdict_word();
    let sentence = Offence::first_sentence(offence, results);
    if told.is_announced {
        writeln!(out, "\n{colour}{sign} {word}{colour:#}")?;
    } else {
        writeln!(out, "\n{colour}{sign} {word}{colour:#} {BOLD}{}{BOLD:#}", results.title())?;
    }
    writeln!(out, "  {sentence}")?;
    failures(out, results, &Offence::other_causes(offence, results))?;
    if let Some(offence) = offence {
        first_look(out, offence)?;
    }
    figures(out, results)?;
    notes(out, results)?;
    writeln!(out)?;
    if told.has_report {
        writeln!(out, "  {BOLD}report{BOLD:#} {}", told.run_dir.join(report::FILE).display())?;
    } else {
        writeln!(out, "  {BOLD}files{BOLD:#}  {}", told.run_dir.display())?;
    }
    if !told.again.is_empty() {
        writeln!(out, "  {BOLD}again{BOLD:#}  {}", text::visible(told.again))?;
    }
    Ok(())
}

/// The results of a stored history, of which there is no report.
pub fn checked(out: &mut impl Write, results: &Results) -> io::Result<()> {
    let results = Words(results);
    let (colour, sign) = style(results.verdict());
    let (word, sentence) = (results.verdict_word(), Offence::first_sentence(None, results));
    writeln!(out, "{colour}{sign} {word}{colour:#} {BOLD}{}{BOLD:#}", results.title())?;
    writeln!(out, "  {sentence}")?;
    failures(out, results, &Offence::other_causes(None, results))?;
    figures(out, results)?;
    notes(out, results)
}

fn notes(out: &mut impl Write, results: Words<'_>) -> io::Result<()> {
    let notes = results.notes();
    for note in notes.iter().take(NOTES_MAX) {
        writeln!(out, "  {FAINT}note: {note}{FAINT:#}")?;
    }
    let more = notes.len().saturating_sub(NOTES_MAX);
    if more > 0 {
        writeln!(out, "  {FAINT}more notes in the report: {more}{FAINT:#}")?;
    }
    Ok(())
}

fn failures(out: &mut impl Write, results: Words<'_>, causes: &[String]) -> io::Result<()> {
    if causes.is_empty() {
        return Ok(());
    }
    let title = match results.verdict() {
        Some(Verdict::Invalid) => "What failed",
        _ => "Why",
    };
    writeln!(out, "\n  {BOLD}{title}{BOLD:#}")?;
    for (number, cause) in causes.iter().take(CAUSES_MAX).enumerate() {
        writeln!(out, "  {:>2}. {cause}", number + 1)?;
    }
    let more = causes.len().saturating_sub(CAUSES_MAX);
    if more > 0 {
        writeln!(out, "      more in the report: {more}")?;
    }
    Ok(())
}

fn first_look(out: &mut impl Write, offence: &Offence) -> io::Result<()> {
    if !offence.shows_more() {
        return Ok(());
    }
    writeln!(out, "\n  {BOLD}Where to look first{BOLD:#}")?;
    let width = |steps: &[Step]| steps.iter().map(|step| step.who.chars().count()).max();
    let width = width(&offence.operations).max(width(&offence.messages)).unwrap_or(0);
    for step in offence.operations.iter().chain(&offence.messages) {
        let time = text::seconds(step.time);
        let Step { who, what, end, .. } = step;
        writeln!(out, "    {time:>10}  {who:<width$}  {what}  {FAINT}{end}{FAINT:#}")?;
    }
    for line in &offence.log {
        let node = offence.node.as_deref().unwrap_or_default();
        writeln!(out, "    {FAINT}{node} stderr{FAINT:#} {}", text::cut(line, 200))?;
    }
    Ok(())
}

fn figures(out: &mut impl Write, results: Words<'_>) -> io::Result<()> {
    let figures = results.figures();
    let width = figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
    if width > 0 {
        writeln!(out)?;
    }
    for figure in figures {
        let note =
            if figure.note.is_empty() { String::new() } else { format!(" ({})", figure.note) };
        writeln!(out, "  {:<width$}  {}{FAINT}{note}{FAINT:#}", figure.name, figure.value)?;
    }
    for expectation in results.expectations() {
        let (colour, sign) = if expectation.is_met { (GOOD, "✔") } else { (BAD, "✘") };
        let measured = match expectation.measured {
            Some(measured) => format!("measured {measured}"),
            None => "there is no such figure".to_owned(),
        };
        writeln!(out, "  {colour}{sign}{colour:#} {}, {measured}", expectation.text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told() -> Told<'static> {
        let again = "./eddy test -w paint --seed 42";
        let run_dir = Path::new("store/paint/1");
        Told { run_dir, has_report: true, is_announced: true, again }
    }

    /// What is written, without colours.
    fn plain(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(bytes).unwrap()).to_string()
    }

    fn results(json: serde_json::Value) -> Results {
        serde_json::from_value(json).unwrap()
    }

    fn invalid() -> Results {
        results(json!({
            "valid?": false,
            "verdict": {"text": "Invalid: something is wrong.",
                "causes": ["key 3 is not linearizable", "n1: exited with 101"]},
            "options": {"workload": "paint", "node-count": 5, "seed": 42,
                "command": "eddy test -w paint --seed 42"},
            "stats": {"count": 10, "ok-count": 8, "fail-count": 1, "info-count": 1},
            "notes": ["a", "b", "c", "d", "e"],
            "expect": [{"expected": "p50<3", "measured": 4.0, "valid?": false, "text": ""}],
        }))
    }

    #[test]
    fn the_summary_says_the_verdict_first_and_once() {
        let step = |who: &str, what: &str| Step {
            time: 1_204_000_000,
            who: who.into(),
            what: what.into(),
            end: "ok".into(),
        };
        let offence = Offence {
            text: "process 4 read 1, but the register holds 2".into(),
            why: "`replicate` from n2 to n1 was lost.".into(),
            time: 1,
            operations: vec![step("process 4", "read 3 → 1")],
            messages: vec![step("c4 → n1", "read {\"key\":3}")],
            node: Some("n1".into()),
            log: vec!["panic".into()],
        };
        let titled = Told { is_announced: false, ..told() };
        let text = plain(|out| summary(out, &invalid(), Some(&offence), titled));
        assert_eq!(
            text,
            "
✘ INVALID paint on 5 nodes, seed 42
  process 4 read 1, but the register holds 2 `replicate` from n2 to n1 was lost.

  What failed
   1. key 3 is not linearizable
   2. n1: exited with 101

  Where to look first
       1.204 s  process 4  read 3 → 1  ok
       1.204 s  c4 → n1    read {\"key\":3}  ok
    n1 stderr panic

  operations  10 (8 ok, 1 failed, 1 of unknown outcome)
  ✘ p50<3, measured 4
  note: a
  note: b
  note: c
  note: d
  more notes in the report: 1

  report store/paint/1/report.html
  again  ./eddy test -w paint --seed 42
"
        );
        let text = plain(|out| summary(out, &invalid(), Some(&offence), told()));
        assert!(text.starts_with("\n✘ INVALID\n  process 4 read 1"), "{text}");
        let text = plain(|out| summary(out, &invalid(), None, told()));
        assert!(text.starts_with("\n✘ INVALID\n  key 3 is not linearizable\n"), "{text}");
        let text = plain(|out| checked(out, &invalid()));
        let said = "  key 3 is not linearizable\n\n  What failed\n   1. n1: exited with 101\n";
        assert!(
            text.starts_with(&format!("✘ INVALID paint on 5 nodes, seed 42\n{said}")),
            "{text}"
        );
    }

    #[test]
    fn a_heading_without_anything_under_it_is_left_out() {
        let offence = Offence {
            text: "n1: exited with 101".into(),
            why: String::new(),
            time: 1,
            operations: Vec::new(),
            messages: Vec::new(),
            node: Some("n1".into()),
            log: Vec::new(),
        };
        let text = plain(|out| summary(out, &invalid(), Some(&offence), told()));
        assert!(!text.contains("Where to look first"), "{text}");
        let logged = Offence { log: vec!["panic".into()], ..offence };
        let text = plain(|out| summary(out, &invalid(), Some(&logged), told()));
        assert!(text.contains("Where to look first\n    n1 stderr panic\n"), "{text}");
    }

    #[test]
    fn one_line_says_verdict_and_cause() {
        assert_eq!(
            plain(|out| verdict_line(out, &invalid(), None)),
            "✘ INVALID paint on 5 nodes, seed 42: key 3 is not linearizable\n"
        );
        assert_eq!(
            plain(|out| verdict_line(out, &results(json!({"valid?": true})), None)),
            "✔ valid run: Everything that was checked holds.\n"
        );
    }

    #[test]
    fn without_results_there_is_still_a_summary() {
        let text = plain(|out| {
            summary(out, &Results::default(), None, Told { is_announced: false, ..told() })
        });
        assert!(text.contains("? unfinished run"), "{text}");
    }

    #[test]
    fn hostile_text_moves_no_cursor() {
        let results = results(json!({"valid?": false, "verdict": {"text": "x\u{1b}[2J",
            "causes": ["a\u{1b}]0;title\u{7}\nb"]}}));
        let mut bytes = Vec::new();
        summary(&mut bytes, &results, None, told()).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("\u{1b}[2J") && !text.contains("\u{1b}]"), "{text:?}");
    }
}
