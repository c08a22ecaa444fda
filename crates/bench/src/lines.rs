//! Reads the lines of a large file one by one, with their places, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

/// A longer line is passed over and counted: no message or event that people read is as long.
const LINE_BYTES_MAX: u64 = 32 << 20;

/// The lines of a file.
pub struct Lines {
    file: BufReader<File>,
    line: Vec<u8>,
    offset: u64,
    /// Lines that were too long.
    pub skipped: usize,
}

impl Lines {
    /// Opens a file; `None` if there is none.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Ok(Some(Self {
                file: BufReader::with_capacity(1 << 16, file),
                line: Vec::new(),
                offset: 0,
                skipped: 0,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Goes on at this place, which is where a line begins.
    pub fn seek(&mut self, offset: u64) -> io::Result<()> {
        // Within the buffer, if possible: lines that are asked for mostly follow each other.
        match i64::try_from(offset).ok().zip(i64::try_from(self.offset).ok()) {
            Some((to, from)) => self.file.seek_relative(to - from)?,
            None => _ = self.file.seek(SeekFrom::Start(offset))?,
        }
        self.offset = offset;
        Ok(())
    }

    /// The next line without its end, and where it begins.
    #[expect(clippy::should_implement_trait, reason = "it lends what it reads")]
    pub fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        loop {
            let start = self.offset;
            self.line.clear();
            let mut limited = io::Read::take(&mut self.file, LINE_BYTES_MAX);
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
        assert!(Lines::open(&directory.path().join("none")).unwrap().is_none());
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
