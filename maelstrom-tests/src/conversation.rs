//! One node as a child process with which one talks line by line: what `tasks` and `check-node`
//! need, without network, clients or faults.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use crate::process::descendants;

/// How long the end of a node's stderr is waited for: it may be read later than that of its stdout.
const STDERR_PATIENCE: Duration = Duration::from_millis(300);
/// How much of a node's stderr is kept, counted from the end.
const STDERR_LINES_MAX: usize = 20;
/// How long a node that has closed its stdout may take to exit.
const EXIT_TIME: Duration = Duration::from_secs(1);
/// How often it is asked meanwhile.
const EXIT_POLL: Duration = Duration::from_millis(2);

/// A node that was started. It is killed when this is dropped, with all that it has started.
#[derive(Debug)]
pub struct Conversation {
    child: Child,
    /// What its descendants are known by.
    tag: String,
    /// Lines for the node; gone when its input has ended.
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<Line>,
    stderr: Receiver<String>,
}

/// A line that a node wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What it says, without the newline.
    pub text: String,
    /// Whether a newline came after it.
    pub ended: bool,
}

/// What came within a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A line.
    Line(Line),
    /// The node closed its stdout.
    End,
    /// Nothing until the time was up.
    Nothing,
}

impl Conversation {
    /// Starts a node.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(program: &Path, args: &[impl AsRef<OsStr>]) -> io::Result<Self> {
        let tag = descendants::run_tag();
        let mut child = Command::new(program)
            .args(args)
            .env(descendants::VARIABLE, &tag)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (input, lines) = unbounded::<Vec<u8>>();
        if let Some(mut stdin) = child.stdin.take() {
            // A thread of its own: a node that does not read must not block whoever talks to it.
            thread::spawn(move || {
                for line in lines {
                    if stdin.write_all(&line).is_err() {
                        break;
                    }
                }
            });
        }
        let output = read_lines(child.stdout.take(), |line| line);
        let stderr = read_lines(child.stderr.take(), |line| line.text);
        Ok(Self { child, tag, input: Some(input), output, stderr })
    }

    /// Writes a line to the node's stdin.
    pub fn say(&self, line: &str) {
        if let Some(input) = &self.input {
            // A node that is gone hears nothing; whoever listens for its answer will notice.
            let _ = input.send(format!("{line}\n").into_bytes());
        }
    }

    /// Ends the node's input.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits for the next line, at most until then.
    pub fn hear(&self, deadline: Deadline) -> Heard {
        match self.output.recv_deadline(deadline.0) {
            Ok(line) => Heard::Line(line),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }

    /// How the node ended; nothing if it still runs a moment after it closed its stdout.
    #[expect(clippy::disallowed_methods, reason = "a real process is waited for in real time")]
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        let mut waited = Duration::ZERO;
        while waited < EXIT_TIME {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            thread::sleep(EXIT_POLL);
            waited += EXIT_POLL;
        }
        None
    }

    /// The last lines that the node wrote to stderr: all of them if it has ended, else those so far.
    pub fn last_stderr_lines(&self) -> Vec<String> {
        let Deadline(until) = Deadline::after(STDERR_PATIENCE);
        let mut lines = Vec::new();
        while let Ok(line) = self.stderr.recv_deadline(until) {
            lines.push(line);
        }
        lines.drain(..lines.len().saturating_sub(STDERR_LINES_MAX));
        lines
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // Once it has been waited for its number may be somebody else's.
        let is_there = matches!(self.child.try_wait(), Ok(None));
        let own = i32::try_from(self.child.id()).ok().filter(|_| is_there);
        descendants::kill(&self.tag, |number, _| Some(number) == own);
        // It may have ended by itself, which is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A moment after which nobody waits any more.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    #[expect(clippy::disallowed_methods, reason = "a real process is waited for in real time")]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// Whether it is over.
    #[expect(clippy::disallowed_methods, reason = "a real process is waited for in real time")]
    pub fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }
}

fn read_lines<T: Send + 'static>(
    from: Option<impl Read + Send + 'static>,
    convert: fn(Line) -> T,
) -> Receiver<T> {
    let (lines, receiver) = unbounded();
    if let Some(from) = from {
        thread::spawn(move || {
            let mut reader = BufReader::new(from);
            let mut bytes = Vec::new();
            while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
                let ended = bytes.pop_if(|last| *last == b'\n').is_some();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if lines.send(convert(Line { text, ended })).is_err() {
                    break;
                }
                bytes.clear();
            }
        });
    }
    receiver
}
