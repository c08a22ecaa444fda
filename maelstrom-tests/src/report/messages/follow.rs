//! Reads the journal of a run that is still being made, on a thread of its own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Journal;
use crate::lines::Lines;

/// How long is waited for more, unless the end comes sooner.
const WAIT: Duration = Duration::from_millis(1);

/// Who reads a journal while it is being written.
pub struct Follower {
    thread: Option<JoinHandle<io::Result<Journal>>>,
    is_whole: Arc<AtomicBool>,
}

impl Follower {
    /// Begins to read the journal of a run, whether or not there is one already.
    ///
    /// # Errors
    /// If there can be no further thread.
    pub fn start(run_dir: &Path) -> io::Result<Self> {
        let path = run_dir.join(Journal::FILE);
        let is_whole = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&is_whole);
        let read = move || {
            let lines = open(&path, &end)?.map(|file| Lines::of(Growing { file, is_whole: &end }));
            Journal::of_lines(path, lines)
        };
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(read)?;
        Ok(Self { thread: Some(thread), is_whole })
    }

    /// Says that nothing more will be written.
    pub fn end(&self) {
        self.is_whole.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// The journal, which is whole now, with times since `time_zero`, as [`Journal::read`] has them.
    ///
    /// # Errors
    /// If it could not be read.
    pub fn journal(mut self, time_zero: u64) -> io::Result<Journal> {
        self.end();
        let Some(thread) = self.thread.take() else { return Ok(Journal::default()) };
        let read = thread.join().map_err(|_| io::Error::other("its reader ended early"))?;
        Ok(read?.since(time_zero))
    }
}

/// A run that failed has nobody who waits for its journal.
impl Drop for Follower {
    fn drop(&mut self) {
        self.end();
    }
}

/// Opens a file as soon as there is one; `None` if there is none in the end.
fn open(path: &Path, is_whole: &AtomicBool) -> io::Result<Option<File>> {
    loop {
        let is_end = is_whole.load(Ordering::Acquire);
        match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.map(Some),
        }
        if is_end {
            return Ok(None);
        }
        thread::park_timeout(WAIT);
    }
}

/// A file to which somebody adds, read up to where it is whole.
struct Growing<'a, R> {
    file: R,
    is_whole: &'a AtomicBool,
}

impl<R: Read> Read for Growing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Asked for before: what was written until then is in the file.
            let is_end = self.is_whole.load(Ordering::Acquire);
            let length = self.file.read(buffer)?;
            if length > 0 || is_end {
                return Ok(length);
            }
            thread::park_timeout(WAIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const LINE: &str = r#"{"time":5,"id":0,"event":"send","src":"c1","dest":"n1","body":{"type":"read","msg_id":1}}"#;

    #[test]
    fn what_is_written_piece_by_piece_is_read_as_if_it_were_whole() {
        let directory = tempfile::tempdir().unwrap();
        let follower = Follower::start(directory.path()).unwrap();
        let text = format!("{LINE}\n").repeat(5000);
        let mut file = File::create(directory.path().join(Journal::FILE)).unwrap();
        for piece in text.as_bytes().chunks(1777) {
            file.write_all(piece).unwrap();
            thread::yield_now();
        }
        follower.end();
        let followed = follower.journal(3).unwrap();
        assert_eq!(followed.sent, 5000);
        assert_eq!(followed, Journal::read(directory.path(), 3).unwrap());
    }

    /// A file in which there is nothing more now and then; the last piece is written at the end.
    struct Hesitant<'a> {
        pieces: Vec<&'a [u8]>,
        is_whole: &'a AtomicBool,
    }

    impl Read for Hesitant<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.pieces.is_empty() {
                return Ok(0);
            }
            let piece = self.pieces.remove(0);
            self.is_whole.store(self.pieces.len() <= 1, Ordering::Release);
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn a_file_ends_when_it_is_whole_and_not_before() {
        let is_whole = AtomicBool::new(false);
        let pieces: Vec<&[u8]> = vec![b"ab", b"", b"", b"cd", b"", b"ef"];
        let file = Hesitant { pieces, is_whole: &is_whole };
        let mut text = String::new();
        Growing { file, is_whole: &is_whole }.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcdef");
    }

    #[test]
    fn where_no_journal_comes_there_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let follower = Follower::start(directory.path()).unwrap();
        assert_eq!(follower.journal(0).unwrap().lines(), 0);
        let follower = Follower::start(directory.path()).unwrap();
        let thread = Arc::downgrade(&follower.is_whole);
        drop(follower);
        while thread.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
