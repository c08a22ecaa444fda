//! What a node says on stderr: it goes into its log, up to a bound, and the last lines are remembered for
//! the moment when something goes wrong.

use std::fs::File;
use std::io::{self, Read, Write as _};

use proto::{NodeId, Time};

use super::lines::{Filled, LineBuffer, Piece};
use crate::carrier::Tail;

/// Longest line that is looked at, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Where a log ends at the latest, in MiB: a node that floods must not fill the disk.
pub(super) const LOG_MIB_MAX: u64 = 16;

/// Where a node's stderr goes.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<File>,
    /// How many bytes are in the file.
    logged: u64,
    /// Whether the last byte in the file ended a line.
    at_line_start: bool,
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
        let tail = Tail::default();
        Self { file, logged: 0, at_line_start: true, is_full: false, echo, lines, tail }
    }

    /// Reads once. Each line gets its time, as those of simulated nodes have it.
    pub(super) fn read(&mut self, stderr: &mut impl Read, now: Time) -> Filled {
        let filled = self.lines.fill(stderr);
        if let Filled::Bytes(count) = filled {
            self.write(count, now);
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

    fn write(&mut self, count: usize, now: Time) {
        let Some(file) = &mut self.file else { return };
        let seconds = now.as_nanos() as f64 / 1e9;
        let text = stamped(self.lines.newest(count), seconds, &mut self.at_line_start);
        self.logged += text.len() as u64;
        // A full disk is no reason to end a run.
        if file.write_all(&text).is_err() {
            self.file = None;
        } else if self.logged > LOG_MIB_MAX << 20 {
            let _ = writeln!(file, "\n(eddy: the log ends here, after {} bytes)", self.logged);
            self.file = None;
            self.is_full = true;
        }
    }
}

/// A piece of a log with the time at the beginning of each line that begins in it.
fn stamped(piece: &[u8], seconds: f64, at_line_start: &mut bool) -> Vec<u8> {
    let stamp = format!("{seconds:.6} ");
    let mut text = Vec::with_capacity(piece.len() + stamp.len());
    for line in piece.split_inclusive(|byte| *byte == b'\n') {
        if *at_line_start {
            text.extend_from_slice(stamp.as_bytes());
        }
        text.extend_from_slice(line);
        *at_line_start = line.ends_with(b"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_log_has_the_time_at_which_it_began() {
        let mut at_line_start = true;
        let mut log = Vec::new();
        for (piece, seconds) in [("one\ntw", 0.5), ("o", 1.0), ("\n\n", 1.5), ("four\n", 2.0)] {
            log.extend(stamped(piece.as_bytes(), seconds, &mut at_line_start));
        }
        let log = String::from_utf8(log).unwrap();
        assert_eq!(log, "0.500000 one\n0.500000 two\n1.500000 \n2.000000 four\n");
    }

    #[test]
    fn the_log_of_a_node_that_floods_ends_at_its_bound_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("n0.log");
        let mut log = Log::new(Some(File::create(&path).unwrap()), None);
        // The stamps of empty lines make much of little.
        let mut flood = io::repeat(b'\n').take(LOG_MIB_MAX << 20);
        while log.read(&mut flood, Time::ZERO) != Filled::End {}
        assert!(log.is_full);
        let size = path.metadata().unwrap().len();
        let most = (LOG_MIB_MAX + 1) << 20;
        assert!((LOG_MIB_MAX << 20..most).contains(&size), "{size} bytes");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.trim_end().ends_with("bytes)") && text.contains("eddy: the log ends here"));
    }
}
