//! What a million values cost: `cargo bench -p gossiper --bench gossiper`
//!
//! The built binary is driven on its stdin and stdout. Shown, beside its limit, is
//!
//! - the memory of the process with a million strings of 100 bytes, as a multiple of their JSON
//!   text, also at its highest while a `read` of all of them is answered;
//! - the processor time of a `broadcast` with a million values stored, as a multiple of that with
//!   none (measured by turns, medians of several runs, because a shared machine is noisy);
//! - the speed of a `read`.
//!
//! Exit code 1 if a limit is missed. Memory and processor time are read from `/proc`: without it
//! (elsewhere than on Linux) the first is left out and the second is the time that passes.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints"
)]

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const VALUES: usize = 1_000_000;
/// The JSON text of a value: a string of 100 bytes with its quotes.
const VALUE_BYTES: usize = 102;
/// Broadcasts in one measurement, and measurements on each side.
const BROADCASTS: usize = 50_000;
const RUNS: usize = 7;

const MEMORY_MAX: f64 = 3.0;
const SLOWDOWN_MAX: f64 = 1.5;

fn main() -> ExitCode {
    let text_bytes = (VALUES * VALUE_BYTES) as f64;
    let mut full = Node::start();
    full.broadcast(0, VALUES);
    let stored = full.memory_bytes("VmRSS:");
    let start = Instant::now();
    let read_bytes = full.read();
    let read_time = start.elapsed();
    let highest = full.memory_bytes("VmHWM:");

    let (mut empty_times, mut full_times) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        empty_times.push(Node::start().broadcast(0, BROADCASTS));
        full_times.push(full.broadcast(VALUES + run * BROADCASTS, BROADCASTS));
    }
    let (empty, full) = (median(empty_times), median(full_times));

    println!("{VALUES} strings of 100 bytes, {:.0} MB as JSON text", text_bytes / 1e6);
    let mut is_good = true;
    let mut show = |what: &str, figure: f64, limit: f64| {
        let verdict = if figure <= limit { "" } else { "  MISSED" };
        is_good &= figure <= limit;
        println!("{what:<44} {figure:>6.2}  (limit {limit}){verdict}");
    };
    if let (Some(stored), Some(highest)) = (stored, highest) {
        show("memory / JSON text", stored / text_bytes, MEMORY_MAX);
        show("highest memory while read / JSON text", highest / text_bytes, MEMORY_MAX);
    }
    let slowdown = full.as_secs_f64() / empty.as_secs_f64();
    show("cost of a broadcast, a million stored / none", slowdown, SLOWDOWN_MAX);
    let per_broadcast = |time: Duration| time.as_nanos() as f64 / BROADCASTS as f64 / 1e3;
    println!("a broadcast, none stored: {:.2} us", per_broadcast(empty));
    println!("a broadcast, a million stored: {:.2} us", per_broadcast(full));
    let megabytes = read_bytes as f64 / 1e6;
    println!(
        "a read of all: {:.0} ms, {:.0} MB/s",
        read_time.as_secs_f64() * 1e3,
        megabytes / read_time.as_secs_f64()
    );
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A cluster of one.
struct Node {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Node {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gossiper"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::with_capacity(1 << 16, child.stdout.take().unwrap());
        let mut node = Self { child, stdin, stdout };
        node.say(r#"{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}"#);
        node.hear();
        node
    }

    fn say(&mut self, body: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, r#"{{"src":"c1","dest":"n1","body":{body}}}"#).unwrap();
    }

    /// The length of the next line.
    fn hear(&mut self) -> usize {
        let mut length = 0;
        loop {
            let buffer = self.stdout.fill_buf().unwrap();
            assert!(!buffer.is_empty(), "the node is gone");
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.stdout.consume(used);
            length += used;
            if end.is_some() {
                return length;
            }
        }
    }

    /// Sends so many different values and waits for all replies.
    fn broadcast(&mut self, first: usize, count: usize) -> Duration {
        let mut lines = Vec::with_capacity(count * 180);
        for number in first..first + count {
            writeln!(
                lines,
                r#"{{"src":"c1","dest":"n1","body":{{"type":"broadcast","message":"{number:0100}","msg_id":{}}}}}"#,
                number + 2
            )
            .unwrap();
        }
        let mut stdin = BufWriter::new(self.stdin.take().unwrap());
        let (start, used) = (Instant::now(), self.processor_time());
        let writer = std::thread::spawn(move || {
            stdin.write_all(&lines).unwrap();
            stdin.into_inner().unwrap()
        });
        for _ in 0..count {
            self.hear();
        }
        self.stdin = Some(writer.join().unwrap());
        match (used, self.processor_time()) {
            (Some(before), Some(after)) => after - before,
            _ => start.elapsed(),
        }
    }

    /// The time that all threads of the process have spent on a processor.
    fn processor_time(&self) -> Option<Duration> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let mut sum = Duration::ZERO;
        for thread in threads {
            let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            sum += Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?);
        }
        Some(sum)
    }

    /// Reads everything and returns the length of the answer.
    fn read(&mut self) -> usize {
        self.say(r#"{"type":"read","msg_id":1}"#);
        self.hear()
    }

    /// A line of the process's status, where there is `/proc`.
    fn memory_bytes(&self, field: &str) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with(field))?;
        let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes * 1024.0)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Whether it is gone already is of no interest.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
