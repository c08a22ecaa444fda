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

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::arguments::Options;
use crate::encode::encode;
use crate::engine::Engine;
use crate::message::{Body, Message, Payload};
use crate::node::{Effect, Node, Records};
use crate::storage::{Storage, StorageError};
use crate::time::{Now, Time};

mod input;
mod output;

use input::read_lines;
use output::Output;

/// Most that one batch holds, and most output that waits for the end of its batch, in bytes.
const BATCH_BYTES: usize = 64 * 1024;
/// How many messages of a batch share one reading of the clocks, which costs as much as a tenth of
/// handling a small message.
const MESSAGES_PER_CLOCK_READING: usize = 16;
/// Batches that may wait for the node.
const BATCHES_MAX: usize = 8;

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
    let reader = match reader {
        Ok(reader) => reader,
        Err(error) => {
            complain(&format!("cannot start the reader thread: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let mut process = Process::new(node, options, io::stdout().lock());
    match process.run(&receiver) {
        // It has ended: at the end of input, or in a panic, which has told its reason.
        Ok(()) if reader.join().is_ok() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Stop::Output(error)) => {
            complain(&format!("cannot write to stdout: {error}"));
            ExitCode::FAILURE
        }
        Err(Stop::Storage(error)) => {
            complain(&format!("state directory: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Why a node stops before the end of input.
enum Stop {
    /// Stdout is closed or full, or a message cannot be put into JSON.
    Output(io::Error),
    Storage(StorageError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
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
        let engine = Engine::new(node, seed, storage.is_some()).restartable();
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
        let mut now = Now::default();
        for (index, message) in batch.into_iter().enumerate() {
            if index.is_multiple_of(MESSAGES_PER_CLOCK_READING) {
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
            self.say_what_need_not_wait()?;
        }
        self.finish_effects()
    }

    fn fire(&mut self) -> Result<(), Stop> {
        self.engine.fire(self.clock.now(), &mut self.effects);
        self.finish_effects()
    }

    /// Says everything that the node asked for before its first write. What is left begins with a
    /// write, or nothing is.
    fn say_what_need_not_wait(&mut self) -> Result<(), Stop> {
        if matches!(self.effects.first(), None | Some(Effect::Persist(_))) {
            return Ok(());
        }
        let is_write = |effect: &Effect<_>| matches!(effect, Effect::Persist(_));
        let count = self.effects.iter().position(is_write).unwrap_or(self.effects.len());
        say(&mut self.out, &self.effects[..count])?;
        self.effects.drain(..count);
        Ok(())
    }

    /// Carries out all that is left, with one sync for all writes: what was asked before the first
    /// of them leaves before it, everything else after it.
    fn finish_effects(&mut self) -> Result<(), Stop> {
        self.say_what_need_not_wait()?;
        self.out.flush()?;
        if let (Some(storage), false) = (&mut self.storage, self.effects.is_empty()) {
            let writes = self.effects.iter().filter_map(|effect| match effect {
                Effect::Persist(write) => Some(write),
                _ => None,
            });
            storage.commit(writes)?;
            say(&mut self.out, &self.effects)?;
            self.effects.clear();
            self.out.flush()?;
        }
        Ok(())
    }
}

/// Writes messages to the output and log lines to stderr.
fn say<B: Body, W: io::Write>(out: &mut Output<W>, effects: &[Effect<B>]) -> io::Result<()> {
    for effect in effects {
        match effect {
            Effect::Send(message) => encode(message, out)?,
            Effect::Log(line) => complain(line),
            Effect::Persist(_) | Effect::Sometimes { .. } => {}
        }
    }
    Ok(())
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
