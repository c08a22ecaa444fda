//! Tasks as people are shown them: a list, and one task in full.

use std::io::{self, Write};

use serde_json::Value;

use super::case::{Case, Task};
use crate::command_line::quote;

/// A line for each task.
///
/// # Errors
/// If it cannot be written.
pub(super) fn list(tasks: &[&Task], out: &mut impl Write) -> io::Result<()> {
    let width = |of: fn(&Task) -> usize| tasks.iter().map(|task| of(task)).max().unwrap_or(0);
    let ids = width(|task| task.id.chars().count());
    let titles = width(|task| task.title.chars().count());
    for task in tasks {
        writeln!(
            out,
            "{:ids$}  {:titles$}  {:2} cases  {}",
            task.id,
            task.title,
            task.cases.len(),
            node(task)
        )?;
    }
    Ok(())
}

/// Each task in full: its node, what was decided, and its cases line by line.
///
/// # Errors
/// If it cannot be written.
pub(super) fn show(tasks: &[&Task], out: &mut impl Write) -> io::Result<()> {
    for (index, task) in tasks.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{} {}\n", task.id, task.title)?;
        writeln!(out, "Served by      {}", node(task))?;
        let inputs = task.cases.iter().flat_map(Case::input_lines);
        let expected = task.cases.iter().flat_map(|case| &case.expected);
        writeln!(out, "It is asked    {}", types(inputs))?;
        writeln!(out, "It answers     {}", types(expected.map(|message| message.text())))?;
        if !task.decisions.is_empty() {
            writeln!(out, "\nDecided where its text is open or contradicts itself")?;
            for decision in &task.decisions {
                writeln!(out, "  - {decision}")?;
            }
        }
        writeln!(out, "\nCases: what a fresh node reads (>), and what has to come (<)")?;
        for case in &task.cases {
            writeln!(out, "  {}", case.name)?;
            for line in case.input_lines() {
                writeln!(out, "    > {line}")?;
            }
            for message in &case.expected {
                // Laid out over several lines in the file, one line on the wire.
                writeln!(out, "    < {}", message.text().replace(['\n', '\r'], " "))?;
            }
        }
    }
    Ok(())
}

/// The command that starts the node.
fn node(task: &Task) -> String {
    let words = std::iter::once(&task.bin).chain(&task.args);
    words.map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// The types of some messages, each once, in the order in which they appear.
fn types(lines: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut types: Vec<String> = Vec::new();
    for line in lines {
        let message: Option<Value> = serde_json::from_str(line.as_ref()).ok();
        let kind = message
            .as_ref()
            .and_then(|message| message.pointer("/body/type")?.as_str())
            .unwrap_or("(no message)");
        if !types.iter().any(|known| known == kind) {
            types.push(kind.to_owned());
        }
    }
    if types.is_empty() { "nothing".to_owned() } else { types.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        serde_json::from_str(
            r#"{"task": "9-1", "title": "T", "bin": "node", "args": ["a", "b c"],
                "decisions": ["One.", "Two."], "cases": [{"name": "C",
                    "input": ["no json", {"body": {"type": "init"}}, {"body":
                        {"type": "init"}}, {"body": {"type": "read"}}],
                    "expected": [{"body": {"type":
                        "read_ok"}}]}]}"#,
        )
        .unwrap()
    }

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_list_has_a_line_for_each_task() {
        let (a, mut b) = (task(), task());
        (b.id, b.title) = ("9-1-1".to_owned(), "Longer".to_owned());
        assert_eq!(
            written(|out| list(&[&a, &b], out)),
            "9-1    T        1 cases  node a 'b c'\n9-1-1  Longer   1 cases  node a 'b c'\n"
        );
    }

    #[test]
    fn a_task_is_shown_with_its_node_its_decisions_and_its_messages() {
        let expected = r#"9-1 T

Served by      node a 'b c'
It is asked    (no message), init, read
It answers     read_ok

Decided where its text is open or contradicts itself
  - One.
  - Two.

Cases: what a fresh node reads (>), and what has to come (<)
  C
    > no json
    > {"body": {"type": "init"}}
    > {"body":                         {"type": "init"}}
    > {"body": {"type": "read"}}
    < {"body": {"type":                         "read_ok"}}
"#;
        assert_eq!(written(|out| show(&[&task()], out)), expected);
    }
}
