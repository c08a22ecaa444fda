//! The only I/O of a node: stdin, stdout, stderr, clocks, and the directory of its records.
//!
//! ```text
//!            lines                 batches                    effects
//!   stdin ──────────▶ reader thread ──────▶ node loop (Engine) ──────▶ stdout, records, stderr
//!                     parses, typed  channel      ▲ timers: the channel's receive time-out
//! ```
//!
//! The reader hands over whatever one read of up to 64 KiB held as one batch, and what the batch
//! makes the node say is written at once when it is handled. So a request alone on the wire is
//! answered without delay, while under load reading and handling overlap on two cores and a write
//! carries many replies. The channel is bounded: a node that is slower than its input makes the
//! sender wait instead of filling the memory.

use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::decode::decode;
use crate::encode::encode;
use crate::engine::Engine;
use crate::message::{Body, Message, Payload};
use crate::node::{Effect, Node, Records};
use crate::storage::{Storage, StorageError};
use crate::time::{Now, Time};

/// Most that one batch holds, and most output that waits for the end of its batch, in bytes.
const BATCH_BYTES: usize = 64 * 1024;
/// How many messages of a batch share one reading of the clocks, which costs as much as a tenth of
/// handling a small message.
const MESSAGES_PER_CLOCK_READING: usize = 16;
/// Batches that may wait for the node.
const BATCHES_MAX: usize = 8;

/// How a node is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the nodes of a cluster keep their records: each in a directory of its own name
    /// within this one. Without it nothing outlives the process.
    pub state_dir: Option<PathBuf>,
}

/// Runs a node on stdin and stdout until the end of input, without a state directory.
pub fn run<N: Node>(node: N) -> ExitCode {
    run_with(node, &Options::default())
}

/// Runs a node on stdin and stdout until the end of input. Everything read is answered before this
/// returns. A closed stdout ends it quietly, a failing disk with a line on stderr.
pub fn run_with<N: Node>(node: N, options: &Options) -> ExitCode {
    let (sender, receiver) = bounded(BATCHES_MAX);
    let reader = std::thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || read_lines(io::stdin().lock(), &sender));
    if let Err(error) = reader {
        complain(&format!("cannot start the reader thread: {error}"));
        return ExitCode::FAILURE;
    }
    let mut process = Process::new(node, options, io::stdout().lock());
    match process.run(&receiver) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::OutputClosed) => ExitCode::SUCCESS,
        Err(Stop::Storage(error)) => {
            complain(&format!("state directory: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Why a node stops before the end of input.
enum Stop {
    OutputClosed,
    Storage(StorageError),
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::OutputClosed
    }
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

type Batch<B> = Vec<Message<Payload<B>>>;

/// A node between its channel and its output.
struct Process<N: Node, W> {
    engine: Engine<N>,
    clock: Clock,
    storage: Option<Storage>,
    out: Output<W>,
    effects: Vec<Effect<N::Body>>,
}

impl<N: Node, W: io::Write> Process<N, W> {
    fn new(node: N, options: &Options, out: W) -> Self {
        let clock = Clock::start();
        let storage = options.state_dir.as_ref().map(|dir| Storage::new(dir.clone()));
        // Incarnations and timeouts must differ between nodes and between lives of one node.
        let seed = random_seed(&clock);
        let engine = Engine::new(node, seed, storage.is_some());
        Self { engine, clock, storage, out: Output::new(out), effects: Vec::new() }
    }

    fn run(&mut self, input: &Receiver<Batch<N::Body>>) -> Result<(), Stop> {
        loop {
            let received = match self.engine.next_due() {
                None => input.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => input.recv_deadline(self.clock.instant(due)),
            };
            match received {
                Ok(batch) => self.handle(batch)?,
                Err(RecvTimeoutError::Timeout) => self.fire()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        while self.engine.owes_answer() {
            let Some(due) = self.engine.next_due() else { break };
            let wait = due.since(self.clock.now().monotonic);
            #[expect(clippy::disallowed_methods, reason = "there is no input left to wait for")]
            std::thread::sleep(wait);
            self.fire()?;
        }
        Ok(())
    }

    fn handle(&mut self, batch: Batch<N::Body>) -> Result<(), Stop> {
        let mut now = self.clock.now();
        for (index, message) in batch.into_iter().enumerate() {
            if index % MESSAGES_PER_CLOCK_READING == MESSAGES_PER_CLOCK_READING - 1 {
                now = self.clock.now();
            }
            // A timer that is due comes before a message that was read after it.
            if self.engine.next_due().is_some_and(|due| due <= now.monotonic) {
                self.engine.fire(now, &mut self.effects);
            }
            let mut failure = None;
            let storage = &mut self.storage;
            self.engine.receive(
                now,
                message,
                |init| match storage.as_mut().map(|storage| storage.open(&init.node_id)) {
                    None => Records::new(),
                    Some(Ok(records)) => records,
                    Some(Err(error)) => {
                        failure = Some(error);
                        Records::new()
                    }
                },
                &mut self.effects,
            );
            if let Some(error) = failure {
                return Err(Stop::Storage(error));
            }
            if self.storage.is_none() {
                self.carry_out()?;
            }
        }
        self.carry_out()?;
        Ok(self.out.flush()?)
    }

    fn fire(&mut self) -> Result<(), Stop> {
        self.engine.fire(self.clock.now(), &mut self.effects);
        self.carry_out()?;
        Ok(self.out.flush()?)
    }

    /// Carries out what the node asked for, in order, with one sync for all records: what was
    /// asked before the first of them leaves before it, everything else after it.
    fn carry_out(&mut self) -> Result<(), Stop> {
        let is_write = |effect: &Effect<_>| matches!(effect, Effect::Persist(_));
        let first_write = self.effects.iter().position(is_write).unwrap_or(self.effects.len());
        let (before, after) = self.effects.split_at(first_write);
        say(&mut self.out, before)?;
        if let (Some(storage), false) = (&mut self.storage, after.is_empty()) {
            self.out.flush()?;
            let writes = after.iter().filter_map(|effect| match effect {
                Effect::Persist(write) => Some(write),
                _ => None,
            });
            storage.commit(writes)?;
        }
        say(&mut self.out, after)?;
        self.effects.clear();
        Ok(())
    }
}

/// Writes messages to the output and log lines to stderr.
fn say<B: Body, W: io::Write>(out: &mut Output<W>, effects: &[Effect<B>]) -> io::Result<()> {
    for effect in effects {
        match effect {
            Effect::Send(message) => encode(message, out)?,
            Effect::Log(line) => complain(line),
            Effect::Persist(_) => {}
        }
    }
    Ok(())
}

/// Collects output and writes it when it is 64 KiB or when the batch ends.
struct Output<W> {
    inner: W,
    buffer: Vec<u8>,
}

impl<W: io::Write> Output<W> {
    fn new(inner: W) -> Self {
        Self { inner, buffer: Vec::with_capacity(BATCH_BYTES) }
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        self.inner.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    #[cold]
    fn write_beyond_buffer(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_buffer()?;
        if bytes.len() < BATCH_BYTES {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.inner.write_all(bytes)
    }
}

impl<W: io::Write> io::Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    // A message is made of some twenty small pieces.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > BATCH_BYTES - self.buffer.len() {
            return self.write_beyond_buffer(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.write_buffer()?;
        }
        self.inner.flush()
    }
}

/// Reads to the end of input, sending on all messages of a read as one batch.
fn read_lines<B: Body>(mut input: impl Read, batches: &Sender<Batch<B>>) {
    let mut buffer = vec![0; BATCH_BYTES];
    let mut filled = 0;
    let mut line_number = 0;
    let mut batch_length = 0;
    loop {
        let count = match input.read(&mut buffer[filled..]) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                complain(&format!("cannot read stdin: {error}"));
                0
            }
        };
        let mut batch = Vec::with_capacity(batch_length);
        if count == 0 {
            // The end: a last line may lack its newline.
            if filled > 0 {
                read_line(&buffer[..filled], &mut line_number, &mut batch);
            }
            let _ = batches.send(batch);
            return;
        }
        let end = filled + count;
        let Some(last) = buffer[filled..end].iter().rposition(|byte| *byte == b'\n') else {
            filled = end;
            if filled == buffer.len() {
                buffer.resize(2 * filled, 0);
            }
            continue;
        };
        let complete = filled + last;
        read_complete_lines(&buffer[..complete], &mut line_number, &mut batch);
        buffer.copy_within(complete + 1..end, 0);
        filled = end - complete - 1;
        if buffer.len() > BATCH_BYTES && filled < BATCH_BYTES {
            buffer.truncate(BATCH_BYTES);
            buffer.shrink_to_fit();
        }
        batch_length = batch.len();
        if batch_length > 0 && batches.send(batch).is_err() {
            return;
        }
    }
}

/// Reads whole lines, the last one without its newline.
fn read_complete_lines<B: Body>(bytes: &[u8], line_number: &mut u64, batch: &mut Batch<B>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            for line in text.split('\n') {
                read_text(line, line_number, batch);
            }
        }
        Err(_) => {
            for line in bytes.split(|byte| *byte == b'\n') {
                read_line(line, line_number, batch);
            }
        }
    }
}

fn read_line<B: Body>(line: &[u8], line_number: &mut u64, batch: &mut Batch<B>) {
    match std::str::from_utf8(line) {
        Ok(text) => read_text(text, line_number, batch),
        Err(error) => {
            *line_number += 1;
            complain(&format!("line {line_number}: not UTF-8: {error}"));
        }
    }
}

fn read_text<B: Body>(line: &str, line_number: &mut u64, batch: &mut Batch<B>) {
    *line_number += 1;
    match decode(line) {
        Ok(message) => batch.push(message),
        Err(error) => complain(&format!("line {line_number}: {error}")),
    }
}

/// A line on stderr. That nobody may be listening there is no reason to stop.
fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The clocks of this process.
struct Clock {
    start: Instant,
}

#[expect(clippy::disallowed_methods, reason = "this is where a node's time comes from")]
impl Clock {
    fn start() -> Self {
        Self { start: Instant::now() }
    }

    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            monotonic: Time::ZERO + self.start.elapsed(),
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn instant(&self, time: Time) -> Instant {
        self.start + time.since(Time::ZERO)
    }
}

/// A seed that no other process has: from the operating system, or from clock and process id.
fn random_seed(clock: &Clock) -> u64 {
    use rand::TryRng as _;
    rand::rngs::SysRng
        .try_next_u64()
        .unwrap_or_else(|_| clock.now().wall_ms.rotate_left(32) ^ u64::from(std::process::id()))
}
