//! Bytes to lines.

use crate::event::LINE_BYTES_MAX;

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    /// Whether what comes, up to the next newline, belongs to a line that was too long.
    skipping: bool,
}

/// A piece of output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A line without its end.
    Line(Vec<u8>),
    /// The beginning of a line that is longer than what is kept; the rest of it is left out.
    TooLong(Vec<u8>),
}

impl Lines {
    /// The lines that `bytes` complete, and the beginning of one that has become too long.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.feed_up_to(LINE_BYTES_MAX, bytes)
    }

    fn feed_up_to(&mut self, max: usize, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let body = piece.strip_suffix(b"\n");
            if !self.skipping {
                let room = max - self.partial.len();
                let part = body.unwrap_or(piece);
                self.partial.extend_from_slice(&part[..part.len().min(room)]);
                if part.len() > room {
                    self.skipping = true;
                    pieces.push(Piece::TooLong(std::mem::take(&mut self.partial)));
                }
            }
            if body.is_some() && !std::mem::take(&mut self.skipping) {
                pieces.push(Piece::Line(std::mem::take(&mut self.partial)));
            }
        }
        pieces
    }

    /// What is left when nothing more comes.
    pub(crate) fn rest(&mut self) -> Option<Vec<u8>> {
        (!self.partial.is_empty()).then(|| std::mem::take(&mut self.partial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Piece {
        Piece::Line(text.into())
    }

    #[test]
    fn lines_come_out_whole_however_they_go_in() {
        let text = b"one\n\ntwo\nrest";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut got = lines.feed(&text[..cut]);
            got.extend(lines.feed(&text[cut..]));
            assert_eq!(got, [line("one"), line(""), line("two")]);
            assert_eq!(lines.rest().as_deref(), Some(&b"rest"[..]));
            assert_eq!(lines.rest(), None);
        }
    }

    #[test]
    fn of_a_line_that_is_too_long_the_beginning_is_kept_and_the_next_is_whole() {
        let text = b"four\nfives\nthree";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut got = lines.feed_up_to(4, &text[..cut]);
            got.extend(lines.feed_up_to(4, &text[cut..]));
            let expected =
                [line("four"), Piece::TooLong(b"five".into()), Piece::TooLong(b"thre".into())];
            assert_eq!(got, expected);
            assert_eq!(lines.rest(), None);
        }
    }
}
