//! The last lines of a stream, remembered for the moment when something goes wrong.

use std::collections::VecDeque;

use crate::wire::quote;

/// How many lines are remembered.
const LINES_MAX: usize = 32;
/// How many lines are last words.
const LAST_WORDS_MAX: usize = 5;

/// The last lines of something.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: VecDeque<String>,
}

impl Tail {
    pub(crate) fn push(&mut self, line: &[u8]) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(quote(line));
    }

    pub(crate) fn clear(&mut self) {
        self.lines.clear();
    }

    /// The very last lines in one, for a problem; the log has the others.
    pub(crate) fn last_words(&self, stream: &str) -> String {
        if self.lines.is_empty() {
            return format!("it said nothing on {stream}");
        }
        let first = self.lines.len().saturating_sub(LAST_WORDS_MAX);
        let words: Vec<_> = self.lines.range(first..).map(|line| line.trim()).collect();
        format!("its last words on {stream}: {}", words.join(" | "))
    }
}
