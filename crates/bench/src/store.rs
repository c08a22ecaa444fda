//! Where runs are kept: `store/<workload>/<time>/`, with links to the latest.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::history;
use crate::journal::{Journal, LoggedMessages};
use crate::progress::Progress;
use crate::results::{self, Results};
use crate::workload::AnyEvent;

/// The directory of one run.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
    logged_messages: LoggedMessages,
    /// The first failure to keep something. It costs the run a file, never its verdict.
    unwritten: OnceLock<String>,
}

impl RunDirectory {
    /// Makes `store/<workload>/<time>/` and has `store/latest`, `store/current` and
    /// `store/<workload>/latest` point to it. The time has milliseconds; where two runs begin in
    /// the same one, the later gets a number.
    ///
    /// # Errors
    /// If a directory cannot be made.
    pub fn create(store: &Path, workload: &str) -> io::Result<Self> {
        let parent = store.join(workload);
        fs::create_dir_all(&parent).map_err(at(&parent))?;
        #[expect(clippy::disallowed_methods, reason = "the directory is named after the time")]
        let now: chrono::DateTime<chrono::Utc> = SystemTime::now().into();
        let time = now.format("%Y%m%dT%H%M%S%.3fZ").to_string();
        let mut name = time.clone();
        let mut collisions = 0;
        let path = loop {
            let path = parent.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    collisions += 1;
                    name = format!("{time}-{collisions}");
                }
                Err(error) => return Err(at(&path)(error)),
            }
        };
        let logs = path.join("node-logs");
        fs::create_dir(&logs).map_err(at(&logs))?;
        let from_store = Path::new(workload).join(&name);
        link(&store.join("current"), &from_store);
        link(&store.join("latest"), &from_store);
        link(&parent.join("latest"), Path::new(&name));
        let logged_messages = LoggedMessages::default();
        Ok(Self { path, logged_messages, unwritten: OnceLock::new() })
    }

    /// Has some messages copied to stderr as they go into `messages.jsonl`.
    #[must_use]
    pub fn with_logged_messages(mut self, logged_messages: LoggedMessages) -> Self {
        self.logged_messages = logged_messages;
        self
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes that something could not be kept, if so. The run goes on: its verdict is worth more.
    pub fn note_failure(&self, kept: io::Result<()>) {
        if let Err(error) = kept {
            let _ = self.unwritten.set(error.to_string());
        }
    }

    /// The first failure to keep something, if there was one.
    pub fn failure(&self) -> Option<&str> {
        self.unwritten.get().map(String::as_str)
    }

    /// Removes a run that nobody will look at, with the links that lead to it. What cannot be removed
    /// stays.
    pub fn remove(self) {
        let _ = fs::remove_dir_all(&self.path);
        let above = self.path.ancestors().skip(1).take(2);
        for link in
            above.flat_map(|directory| [directory.join("latest"), directory.join("current")])
        {
            let leads_here = fs::read_link(&link)
                .is_ok_and(|target| target.file_name() == self.path.file_name());
            if leads_here {
                let _ = fs::remove_file(link);
            }
        }
    }

    /// Where a node's stderr goes.
    pub fn node_log(&self, node: &str) -> PathBuf {
        self.path.join("node-logs").join(log_name(node))
    }

    /// Writes `results.json`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_results(&self, results: &Results) -> io::Result<()> {
        let path = self.path.join(results::FILE);
        let write = || {
            let mut out = BufWriter::new(File::create(&path)?);
            results.write(&mut out)?;
            out.flush()
        };
        write().map_err(at(&path))
    }

    /// Opens `messages.jsonl`.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn messages(&self) -> io::Result<Journal> {
        let path = self.path.join("messages.jsonl");
        Journal::create(&path, self.logged_messages).map_err(at(&path))
    }

    /// Opens `history.jsonl`.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn history(&self) -> io::Result<HistoryWriter> {
        let path = self.path.join(history::FILE);
        let file = File::create(&path).map_err(at(&path))?;
        let out = BufWriter::with_capacity(1 << 16, file);
        Ok(HistoryWriter { out, path, failure: None, line: Vec::new() })
    }
}

/// Names the file that an error of the operating system is about.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// What stands in the name of a log for itself; all else is written as in an address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The name of a node's log. A node id comes from the command line and must not lead out of the
/// directory; different ids have different names.
pub fn log_name(node: &str) -> String {
    format!("{}.log", utf8_percent_encode(node, PLAIN))
}

/// The node whose log has this name, without its ending.
pub fn logged_node(stem: &str) -> String {
    percent_decode_str(stem).decode_utf8_lossy().into_owned()
}

/// A link is a convenience; a system without links that anybody may make is no reason to fail.
fn link(link: &Path, target: &Path) {
    let _ = fs::remove_file(link);
    #[cfg(unix)]
    let _ = std::os::unix::fs::symlink(target, link);
    #[cfg(not(unix))]
    let _ = target;
}

/// Writes `history.jsonl` while the run goes on.
#[derive(Debug)]
pub struct HistoryWriter {
    out: BufWriter<File>,
    path: PathBuf,
    failure: Option<io::Error>,
    /// Kept for its memory.
    line: Vec<u8>,
}

impl HistoryWriter {
    /// Writes one event. A failure is kept for [`HistoryWriter::finish`].
    pub fn write(&mut self, event: &dyn AnyEvent) {
        self.line.clear();
        let mut written = event.write(&mut self.line);
        self.line.push(b'\n');
        written = written.and_then(|()| self.out.write_all(&self.line));
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first failure there was.
    pub fn finish(mut self) -> io::Result<()> {
        self.failure.map_or_else(|| self.out.flush(), Err).map_err(at(&self.path))
    }
}

/// Writes the history and passes everything on.
pub struct Recording<'a> {
    /// Where the history goes.
    pub history: &'a mut HistoryWriter,
    /// Who else watches.
    pub then: &'a mut dyn Progress,
}

impl Progress for Recording<'_> {
    fn event(&mut self, event: &dyn AnyEvent) {
        self.history.write(event);
        self.then.event(event);
    }

    fn phase(&mut self, name: &str) {
        self.then.phase(name);
    }
}
