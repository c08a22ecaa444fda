//! Bytes to lines.

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// The lines that `bytes` complete, without their ends.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            match piece.split_last() {
                Some((b'\n', body)) => {
                    let mut line = std::mem::take(&mut self.partial);
                    line.extend_from_slice(body);
                    lines.push(line);
                }
                _ => self.partial.extend_from_slice(piece),
            }
        }
        lines
    }

    /// What is left when nothing more comes.
    pub(crate) fn rest(&mut self) -> Option<Vec<u8>> {
        (!self.partial.is_empty()).then(|| std::mem::take(&mut self.partial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_go_in() {
        let text = b"one\n\ntwo\nrest";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut got = lines.feed(&text[..cut]);
            got.extend(lines.feed(&text[cut..]));
            assert_eq!(got, [b"one".to_vec(), b"".to_vec(), b"two".to_vec()], "cut at {cut}");
            assert_eq!(lines.rest(), Some(b"rest".to_vec()));
        }
    }
}
