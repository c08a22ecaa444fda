//! What a node says on stderr: it goes into its log, up to a bound, and the last lines are remembered for
//! the moment when something goes wrong.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write as _};

use proto::NodeId;

use super::lines::{Filled, LineBuffer, Piece};
use super::message::quote;

/// How many lines are remembered.
const LINES_MAX: usize = 32;
/// How many lines are last words.
const LAST_WORDS_MAX: usize = 5;
/// Longest line that is looked at, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Where a log ends at the latest, in MiB: a node that floods must not fill the disk.
pub(super) const LOG_MIB_MAX: u64 = 16;

/// The last lines of something.
#[derive(Debug, Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
}

impl Tail {
    pub(super) fn push(&mut self, line: &[u8]) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(quote(line));
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }

    /// The very last lines in one, for a problem; the log has the others.
    pub(super) fn last_words(&self, stream: &str) -> String {
        if self.lines.is_empty() {
            return format!("it said nothing on {stream}");
        }
        let first = self.lines.len().saturating_sub(LAST_WORDS_MAX);
        let words: Vec<_> = self.lines.range(first..).map(|line| line.trim()).collect();
        format!("its last words on {stream}: {}", words.join(" | "))
    }

    /// The lines for people, with a heading.
    pub(super) fn describe(&self, stream: &str) -> String {
        if self.lines.is_empty() {
            return format!("it said nothing on {stream}");
        }
        let mut text = format!("its last lines on {stream}:");
        for line in &self.lines {
            let _ = write!(text, "\n  | {line}");
        }
        text
    }
}

/// Where a node's stderr goes.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<File>,
    logged: u64,
    /// Whether the log has ended because it would be too long.
    pub(super) is_full: bool,
    /// The node's name if its lines are to be copied to the bench's own stderr.
    echo: Option<NodeId>,
    lines: LineBuffer,
    pub(super) tail: Tail,
}

impl Log {
    pub(super) fn new(file: Option<File>, echo: Option<NodeId>) -> Self {
        let lines = LineBuffer::new(LINE_BYTES_MAX);
        Self { file, logged: 0, is_full: false, echo, lines, tail: Tail::default() }
    }

    /// Reads once.
    pub(super) fn read(&mut self, stderr: &mut impl Read) -> Filled {
        let filled = self.lines.fill(stderr);
        if let Filled::Bytes(count) = filled {
            self.write(count);
            let (tail, echo) = (&mut self.tail, &self.echo);
            self.lines.take_lines(|piece| {
                let (Piece::Line(line) | Piece::TooLong(line)) = piece;
                tail.push(line);
                if let Some(node) = echo {
                    let line = String::from_utf8_lossy(line);
                    let _ = writeln!(io::stderr(), "{node}: {line}");
                }
            });
        }
        filled
    }

    /// Remembers what stands after the last newline: the process has ended.
    pub(super) fn end(&mut self) {
        let lines = std::mem::replace(&mut self.lines, LineBuffer::new(LINE_BYTES_MAX));
        if let Some(rest) = lines.into_rest() {
            self.tail.push(&rest);
        }
    }

    fn write(&mut self, count: usize) {
        let Some(file) = &mut self.file else { return };
        self.logged += count as u64;
        // A full disk is no reason to end a run.
        if file.write_all(self.lines.newest(count)).is_err() {
            self.file = None;
        } else if self.logged > LOG_MIB_MAX << 20 {
            let _ = writeln!(file, "\n(eddy: the log ends here, after {} bytes)", self.logged);
            self.file = None;
            self.is_full = true;
        }
    }
}
