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
    /// The links that lead here, each with where it led before.
    links: [Link; 3],
}

impl RunDirectory {
    /// Makes `store/<workload>/<time>/` and has `store/latest`, `store/current` and
    /// `store/<workload>/latest` point to it. The time has milliseconds; where two runs begin in
    /// the same one, the later gets a number.
    ///
    /// # Errors
    /// If a directory cannot be made.
    pub fn create(store: &Path, workload: &str) -> io::Result<Self> {
        Self::make(store, workload).map_err(|error| {
            io::Error::new(error.kind(), format!("{error}; --store DIR keeps runs elsewhere"))
        })
    }

    fn make(store: &Path, workload: &str) -> io::Result<Self> {
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
        let links = [
            Link::turn(store.join("current"), &from_store),
            Link::turn(store.join("latest"), &from_store),
            Link::turn(parent.join("latest"), Path::new(&name)),
        ];
        let logged_messages = LoggedMessages::default();
        Ok(Self { path, logged_messages, unwritten: OnceLock::new(), links })
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

    /// Removes a run that nobody will look at; the links that lead to it lead again to the run before. What
    /// cannot be removed stays.
    pub fn remove(self) {
        let _ = fs::remove_dir_all(&self.path);
        self.links.iter().for_each(|link| link.turn_back(&self.path));
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
        Ok(HistoryWriter { out, path, failure: None, is_empty: true, line: Vec::new() })
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

/// A link that was turned to a run. It is a convenience; a system without links that anybody may make is no
/// reason to fail.
#[derive(Clone, Debug)]
struct Link {
    path: PathBuf,
    /// Where it led before, if anywhere.
    before: Option<PathBuf>,
}

impl Link {
    fn turn(path: PathBuf, target: &Path) -> Self {
        let before = fs::read_link(&path).ok();
        let _ = fs::remove_file(&path);
        #[cfg(unix)]
        let _ = std::os::unix::fs::symlink(target, &path);
        #[cfg(not(unix))]
        let _ = target;
        Self { path, before }
    }

    /// Lets the link lead where it led before, unless it leads to another run than this by now. That one may
    /// be gone meanwhile.
    fn turn_back(&self, run: &Path) {
        let leads_there =
            fs::read_link(&self.path).is_ok_and(|target| target.file_name() == run.file_name());
        if !leads_there {
            return;
        }
        let there =
            |target: &&PathBuf| self.path.parent().is_some_and(|store| store.join(target).exists());
        match self.before.as_ref().filter(there) {
            Some(before) => drop(Self::turn(self.path.clone(), before)),
            None => drop(fs::remove_file(&self.path)),
        }
    }
}

/// Writes `history.jsonl` while the run goes on.
#[derive(Debug)]
pub struct HistoryWriter {
    out: BufWriter<File>,
    path: PathBuf,
    failure: Option<io::Error>,
    /// Whether nothing has happened yet.
    is_empty: bool,
    /// Kept for its memory.
    line: Vec<u8>,
}

impl HistoryWriter {
    /// Writes one event. A failure is kept for [`HistoryWriter::finish`].
    pub fn write(&mut self, event: &dyn AnyEvent) {
        self.is_empty = false;
        self.line.clear();
        let mut written = event.write(&mut self.line);
        self.line.push(b'\n');
        written = written.and_then(|()| self.out.write_all(&self.line));
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }

    /// Whether no event has been written.
    pub fn is_empty(&self) -> bool {
        self.is_empty
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

    fn wants_end(&self) -> bool {
        self.then.wants_end()
    }
}
