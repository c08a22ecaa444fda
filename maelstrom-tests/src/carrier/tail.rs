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
        // What went wrong comes first: Python says it last, JavaScript, Go, Java and Rust before all else.
        let error = self.lines.iter().rposition(|line| names_error(line));
        let others = (first..self.lines.len()).filter(|&place| Some(place) != error);
        let words: Vec<_> =
            error.into_iter().chain(others).map(|place| self.lines[place].trim()).collect();
        format!("its last words on {stream}: {}", words.join(" | "))
    }
}

/// Whether a line of a trace is the one that says what went wrong.
fn names_error(line: &str) -> bool {
    let is_name = |word: &str| {
        let last = word.rsplit(['.', ':']).next().unwrap_or(word);
        ["Error", "Exception"].iter().any(|end| last.ends_with(end))
    };
    let starts = ["panic:", "fatal error:", "thread '", "Exception in thread", "Error:"];
    let named = line.split_once(": ").is_some_and(|(name, _)| is_name(name.trim()));
    named && !line.starts_with([' ', '\t']) || starts.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_among_the_last_words_wherever_it_stands() {
        for error in [
            "TypeError: Cannot read properties of undefined",
            "panic: runtime error: index out of range [5] with length 3",
            "java.lang.NullPointerException: no such key",
            "thread 'main' (7) panicked at src/main.rs:3:5:",
        ] {
            let mut tail = Tail::default();
            for line in ["starting", error].into_iter().chain(["    at f (node:internal)"; 9]) {
                tail.push(line.as_bytes());
            }
            let words = tail.last_words("stderr");
            assert!(words.starts_with(&format!("its last words on stderr: {error} | ")), "{words}");
        }
        let mut tail = Tail::default();
        for line in
            ["Traceback (most recent call last):", "  File \"n.py\", line 3", "KeyError: 'a'"]
        {
            tail.push(line.as_bytes());
        }
        let words = "KeyError: 'a' | Traceback (most recent call last): | File \"n.py\", line 3";
        assert_eq!(tail.last_words("stderr"), format!("its last words on stderr: {words}"));
        let mut tail = Tail::default();
        for line in ["1", "a note: all is well", "3", "4", "5", "6", "7"] {
            tail.push(line.as_bytes());
        }
        assert_eq!(tail.last_words("stdout"), "its last words on stdout: 3 | 4 | 5 | 6 | 7");
    }
}
