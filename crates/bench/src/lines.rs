//! Reads the lines of a large file one by one, with their places, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A longer line is passed over and counted: no message or event that people read is as long.
const LINE_BYTES_MAX: u64 = 32 << 20;
/// What is read at once.
const BUFFER_BYTES: usize = 1 << 16;

/// The lines of a file, or of what reads one.
pub struct Lines<R = File> {
    file: BufReader<R>,
    /// A line that was not in the buffer whole.
    line: Vec<u8>,
    /// Where the next line begins.
    offset: u64,
    /// What was lent from the buffer and is to be passed over now, in bytes.
    lent: usize,
    /// Lines that were too long.
    pub skipped: usize,
}

impl Lines {
    /// Opens a file; `None` if there is none.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Ok(Some(Self::of(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Goes on at this place, which is where a line begins.
    pub fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.file.consume(std::mem::take(&mut self.lent));
        // Within the buffer, if possible: lines that are asked for mostly follow each other.
        match i64::try_from(offset).ok().zip(i64::try_from(self.offset).ok()) {
            Some((to, from)) => self.file.seek_relative(to - from)?,
            None => _ = self.file.seek(SeekFrom::Start(offset))?,
        }
        self.offset = offset;
        Ok(())
    }
}

impl<R: Read> Lines<R> {
    /// The lines of what is read from here on.
    pub fn of(file: R) -> Self {
        let file = BufReader::with_capacity(BUFFER_BYTES, file);
        Self { file, line: Vec::new(), offset: 0, lent: 0, skipped: 0 }
    }

    /// The next line without its end, and where it begins.
    #[expect(clippy::should_implement_trait, reason = "it lends what it reads")]
    pub fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.file.consume(std::mem::take(&mut self.lent));
        let start = self.offset;
        // Nearly every line is in the buffer whole and need not be copied.
        if let Some(length) = memchr::memchr(b'\n', self.file.fill_buf()?) {
            self.lent = length + 1;
            self.offset += self.lent as u64;
            return Ok(Some((start, &self.file.buffer()[..length])));
        }
        loop {
            let start = self.offset;
            self.line.clear();
            let mut limited = Read::take(&mut self.file, LINE_BYTES_MAX);
            let length = limited.read_until(b'\n', &mut self.line)? as u64;
            self.offset += length;
            if length == 0 {
                return Ok(None);
            }
            if self.line.last() == Some(&b'\n') {
                self.line.pop();
            } else if length == LINE_BYTES_MAX {
                self.offset += self.file.skip_until(b'\n')? as u64;
                self.skipped += 1;
                continue;
            }
            return Ok(Some((start, &self.line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_places_to_come_back_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        std::fs::write(&path, "one\n\ntwo\nthree").unwrap();
        let mut lines = Lines::open(&path).unwrap().unwrap();
        let mut all = Vec::new();
        while let Some((offset, line)) = lines.next().unwrap() {
            all.push((offset, String::from_utf8(line.to_vec()).unwrap()));
        }
        assert_eq!(
            all,
            [(0, "one".into()), (4, String::new()), (5, "two".into()), (9, "three".into())]
        );
        lines.seek(5).unwrap();
        assert_eq!(lines.next().unwrap(), Some((5, &b"two"[..])));
        lines.seek(4).unwrap();
        assert_eq!(lines.next().unwrap(), Some((4, &b""[..])));
        assert!(Lines::open(&directory.path().join("none")).unwrap().is_none());
    }

    /// Lent from the buffer or put together, they are the same.
    #[test]
    fn lines_that_cross_the_end_of_the_buffer_are_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        let lengths = (0..300).map(|n| n * 37 % 1000).chain([BUFFER_BYTES, 3, BUFFER_BYTES * 2, 0]);
        let expected: Vec<String> =
            lengths.enumerate().map(|(n, length)| format!("{n} {}", "x".repeat(length))).collect();
        std::fs::write(&path, expected.join("\n")).unwrap();
        let mut lines = Lines::open(&path).unwrap().unwrap();
        let mut places = Vec::new();
        for line in &expected {
            let (place, read) = lines.next().unwrap().unwrap();
            assert!(read == line.as_bytes(), "{}", &line[..line.len().min(9)]);
            places.push(place);
        }
        assert_eq!(lines.next().unwrap(), None);
        for n in [0, 299, 300, 150, 149, 301, 303, 2] {
            lines.seek(places[n]).unwrap();
            assert!(lines.next().unwrap() == Some((places[n], expected[n].as_bytes())), "line {n}");
        }
    }

    #[test]
    fn an_endless_line_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        let mut text = vec![b'x'; LINE_BYTES_MAX as usize + 5];
        text.extend_from_slice(b"\nshort\n");
        std::fs::write(&path, text).unwrap();
        let mut lines = Lines::open(&path).unwrap().unwrap();
        assert_eq!(lines.next().unwrap(), Some((LINE_BYTES_MAX + 6, &b"short"[..])));
        assert_eq!(lines.skipped, 1);
    }
}
