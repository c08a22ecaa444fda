//! What is found out about a node, and how people are told.

use std::io::{self, Write};

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Grade {
    /// As it should be.
    Good,
    /// Maelstrom's workloads do not stumble over it, but people and other drivers may.
    Warning,
    /// The node breaks the protocol or the workload's rules.
    Mistake,
}

/// What came of one question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    pub(super) grade: Grade,
    /// What was tried.
    pub(super) what: String,
    /// What is wrong, in plain words, and how to mend it; what came, if all is well.
    pub(super) text: String,
    /// The line that was sent.
    pub(super) sent: String,
    /// The lines that came.
    pub(super) came: Vec<String>,
}

/// All findings about a node.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn count(&self, grade: Grade) -> usize {
        self.0.iter().filter(|finding| finding.grade == grade).count()
    }

    /// A line for each, and what was sent and came where something is wrong.
    pub(super) fn tell(&self, out: &mut impl Write) -> io::Result<()> {
        for Finding { grade, what, text, sent, came } in &self.0 {
            let mark = match grade {
                Grade::Good => "ok     ",
                Grade::Warning => "warning",
                Grade::Mistake => "MISTAKE",
            };
            writeln!(out, "{mark}  {what}: {text}")?;
            if *grade == Grade::Good {
                continue;
            }
            writeln!(out, "           sent: {sent}")?;
            for line in came {
                writeln!(out, "           came: {line}")?;
            }
        }
        let count = |grade, word| match self.count(grade) {
            1 => format!("1 {word}"),
            number => format!("{number} {word}s"),
        };
        let (mistakes, warnings) =
            (count(Grade::Mistake, "mistake"), count(Grade::Warning, "warning"));
        writeln!(out, "{mistakes}, {warnings}")
    }
}
