//! What the bench knows of a node in virtual time.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use proto::{NodeId, Time};
use supervisor::Stream;

use crate::carrier::Tail;
use crate::store::at;

/// Where a log ends at the latest, in bytes: a node that floods must not fill the disk.
const LOG_BYTES_MAX: usize = 16 << 20;

/// A node, running or not.
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) handle: supervisor::NodeId,
    pub(super) is_running: bool,
    /// The nemesis holds it.
    pub(super) is_paused: bool,
    /// Whether it is down because it ended by itself.
    pub(super) has_died: bool,
    /// Which life it leads, so that nothing of an earlier one is taken for its own.
    pub(super) life: u64,
    pub(super) log: Log,
    /// How far its wall clock is off, in milliseconds.
    pub(super) clock_offset_ms: i64,
    /// It has closed a stream: when that is told unless it has ended by then.
    pub(super) closed: Option<(Time, Stream)>,
    pub(super) reading: Option<Reading>,
}

impl Node {
    /// When it is late with something other than `init`.
    pub(super) fn deadline(&self) -> Option<Time> {
        let closed = self.closed.map(|(due, _)| due);
        let reading = self.reading.map(|reading| reading.due);
        [closed, reading].into_iter().flatten().min()
    }
}

/// Something was delivered, and by then the node should have read something.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) due: Time,
    /// Bytes that it had read before.
    pub(super) read: u64,
}

/// What a node says to people, each line with its virtual time, because that passes unseen.
pub(super) struct Log {
    file: Option<BufWriter<File>>,
    written: usize,
    /// The node's name if its lines are to be copied to the bench's own stderr.
    echo: Option<NodeId>,
    pub(super) tail: Tail,
    failure: Option<io::Error>,
}

impl Log {
    /// A log in a file, if there is one.
    pub(super) fn create(path: Option<&Path>, echo: Option<NodeId>) -> io::Result<Self> {
        let file = path.map(|path| File::create(path).map_err(at(path))).transpose()?;
        let file = file.map(BufWriter::new);
        Ok(Self { file, written: 0, echo, tail: Tail::default(), failure: None })
    }

    /// Adds a line of the node's.
    pub(super) fn line(&mut self, time: Time, line: &[u8]) {
        self.tail.push(line);
        let seconds = time.as_nanos() as f64 / 1e9;
        let text = String::from_utf8_lossy(line);
        if let Some(node) = &self.echo {
            let _ = writeln!(io::stderr(), "{node}: {seconds:.6} {text}");
        }
        self.write(&format!("{seconds:.6} {text}\n"));
    }

    /// Adds a line of the bench's.
    pub(super) fn remark(&mut self, time: Time, text: &str) {
        self.write(&format!("{:.6} (eddy: {text})\n", time.as_nanos() as f64 / 1e9));
    }

    fn write(&mut self, text: &str) {
        let Some(file) = &mut self.file else { return };
        self.written += text.len();
        if let Err(error) = file.write_all(text.as_bytes()) {
            self.failure.get_or_insert(error);
            self.file = None;
        } else if self.written > LOG_BYTES_MAX {
            let _ = writeln!(file, "(eddy: the log ends here, after {} bytes)", self.written);
            self.failure = file.flush().err();
            self.file = None;
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first failure there was.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.flush()?;
        }
        self.failure.take().map_or(Ok(()), Err)
    }
}
