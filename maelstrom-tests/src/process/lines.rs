//! Cuts what a node writes into lines, whatever it writes: no newline for a long time, a line of
//! many megabytes, half a line at the end.

use std::io::{self, Read};

/// What is read at once at most, in bytes: the capacity of a pipe on Linux.
const READ_BYTES: usize = 64 * 1024;

/// Bytes that were read and not yet handled.
#[derive(Debug)]
pub(super) struct LineBuffer {
    /// Longest line that is kept, in bytes.
    line_bytes_max: usize,
    bytes: Vec<u8>,
    filled: usize,
    /// No newline is among the first so many bytes.
    searched: usize,
    /// Whether what comes, up to the next newline, belongs to a line that was too long.
    skipping: bool,
}

/// What a read brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filled {
    /// This many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// Nothing ever again.
    End,
}

/// A piece of output.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Piece<'a> {
    /// A line without its newline.
    Line(&'a [u8]),
    /// The beginning of a line that is longer than the buffer keeps; the rest of it is dropped.
    TooLong(&'a [u8]),
}

impl LineBuffer {
    /// An empty buffer for lines of up to about so many bytes.
    pub(super) fn new(line_bytes_max: usize) -> Self {
        Self { line_bytes_max, bytes: Vec::new(), filled: 0, searched: 0, skipping: false }
    }

    /// Reads once.
    pub(super) fn fill(&mut self, input: &mut impl Read) -> Filled {
        if self.bytes.len() < self.filled + READ_BYTES {
            // Doubling, so that a huge line is not moved for every read.
            // Not beyond what is kept of a line, though.
            let doubled = (2 * self.filled).min(self.line_bytes_max.saturating_add(READ_BYTES));
            let length = (self.filled + READ_BYTES).max(doubled);
            self.bytes.resize(length, 0);
        }
        let end = self.filled + READ_BYTES;
        loop {
            return match input.read(&mut self.bytes[self.filled..end]) {
                Ok(0) => Filled::End,
                Ok(count) => {
                    self.filled += count;
                    Filled::Bytes(count)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Filled::Nothing,
                Err(_) => Filled::End,
            };
        }
    }

    /// Hands out every whole line and forgets it.
    pub(super) fn take_lines(&mut self, mut handle: impl FnMut(Piece<'_>)) {
        let unsearched = &self.bytes[self.searched..self.filled];
        let Some(last) = unsearched.iter().rposition(|byte| *byte == b'\n') else {
            self.searched = self.filled;
            if self.filled > self.line_bytes_max {
                if !self.skipping {
                    handle(Piece::TooLong(&self.bytes[..self.filled]));
                }
                *self = Self { skipping: true, ..Self::new(self.line_bytes_max) };
            }
            return;
        };
        let complete = self.searched + last;
        for line in self.bytes[..complete].split(|byte| *byte == b'\n') {
            if !std::mem::take(&mut self.skipping) {
                handle(Piece::Line(line));
            }
        }
        self.bytes.copy_within(complete + 1..self.filled, 0);
        self.filled -= complete + 1;
        self.searched = self.filled;
        if self.bytes.len() > 4 * READ_BYTES && self.filled < READ_BYTES {
            self.bytes.truncate(READ_BYTES);
            self.bytes.shrink_to_fit();
        }
    }

    /// What the last read brought.
    pub(super) fn newest(&self, count: usize) -> &[u8] {
        &self.bytes[self.filled - count..self.filled]
    }

    /// What stands after the last newline.
    pub(super) fn into_rest(mut self) -> Option<Vec<u8>> {
        self.bytes.truncate(self.filled);
        (!self.skipping && self.filled > 0).then_some(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(buffer: &mut LineBuffer, input: &[u8]) -> Vec<String> {
        let mut input = input;
        let mut lines = Vec::new();
        while buffer.fill(&mut input) != Filled::End {
            buffer.take_lines(|piece| match piece {
                Piece::Line(line) => lines.push(String::from_utf8(line.to_vec()).unwrap()),
                Piece::TooLong(start) => lines.push(format!("too long: {}", start.len() > 3)),
            });
        }
        lines
    }

    #[test]
    fn lines_come_whole_however_they_are_read() {
        let mut buffer = LineBuffer::new(1 << 28);
        assert_eq!(lines(&mut buffer, b"a\n\nb"), ["a", ""]);
        assert_eq!(lines(&mut buffer, b"c"), [""; 0]);
        assert_eq!(lines(&mut buffer, b"d\ne"), ["bcd"]);
        assert_eq!(buffer.into_rest(), Some(b"e".to_vec()));
    }

    #[test]
    fn a_line_of_ten_megabytes_leaves_no_memory_behind() {
        let mut buffer = LineBuffer::new(1 << 28);
        let text = "x".repeat(10_000_000);
        assert_eq!(lines(&mut buffer, format!("{text}\nshort\n").as_bytes()), [&*text, "short"]);
        assert!(buffer.bytes.capacity() <= 4 * READ_BYTES);
    }

    #[test]
    fn a_line_without_an_end_is_given_up_once_and_the_next_one_is_read() {
        struct Endless(usize);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = buffer.len().min(self.0);
                buffer[..count].fill(b'x');
                self.0 -= count;
                Ok(count)
            }
        }
        let mut buffer = LineBuffer::new(10 * READ_BYTES);
        let mut input = Endless(25 * READ_BYTES).chain(&b"\nnext\n"[..]);
        let (mut too_long, mut whole, mut most) = (0, Vec::new(), 0);
        while buffer.fill(&mut input) != Filled::End {
            buffer.take_lines(|piece| match piece {
                Piece::TooLong(_) => too_long += 1,
                Piece::Line(line) => whole.push(line.to_vec()),
            });
            most = most.max(buffer.bytes.capacity());
        }
        assert_eq!((too_long, whole), (1, vec![b"next".to_vec()]));
        // What is kept of a line and what is read at once on top of it, in a vector that grows by doubling.
        assert!(most <= 2 * 11 * READ_BYTES, "{most} bytes");
    }
}
