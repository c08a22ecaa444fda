//! How fast is the runtime? `cargo bench -p proto --bench runtime`
//!
//! A file of requests goes through a node and, in turns, through a reference program that does the
//! least that can be done on one thread (see `reference.rs`). Counted is from the start of the
//! process until its last reply is out; both sides take the median of several runs, because a
//! shared machine is noisy. Also shown: the round trip of a request that is alone on the wire, and
//! the memory over five million requests.
//!
//! `echo` is the example of this crate, `generate` is `identifier`; both have to be built before:
//!
//! ```text
//! cargo build --release -p identifier -p proto --bins --examples
//! cargo bench -p proto --bench runtime
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints"
)]

mod reference;

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const REQUESTS: u64 = 200_000;
const RUNS: usize = 9;
const ROUND_TRIPS: usize = 5_000;
const MEMORY_REQUESTS: u64 = 5_000_000;

const INIT: &str = r#"{"id":0,"src":"c0","dest":"n1","body":{"type":"init","node_id":"n1","node_ids":["n1"],"msg_id":1}}"#;

/// What is asked, and who answers.
struct Workload {
    name: &'static str,
    request: fn(u64) -> String,
    node: Program,
}

struct Program {
    path: PathBuf,
    argument: Option<&'static str>,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("reference") {
        return reference::run();
    }
    let this = std::env::current_exe().unwrap();
    let target = this.parent().and_then(Path::parent).unwrap();
    let built = ["examples/echo", "identifier"].map(|name| target.join(name));
    if let Some(missing) = built.iter().find(|program| !program.exists()) {
        eprintln!(
            "{} is missing: cargo build --release -p identifier -p proto --bins --examples",
            missing.display()
        );
        return ExitCode::FAILURE;
    }
    let [echo, identifier] = built.map(|path| Program { path, argument: None });
    let reference = Program { path: this, argument: Some("reference") };
    let workloads = [
        Workload {
            name: "echo",
            request: |id| message(id, &format!(r#""type":"echo","echo":"Please echo {id}""#)),
            node: echo,
        },
        Workload {
            name: "generate",
            request: |id| message(id, r#""type":"generate""#),
            node: identifier,
        },
    ];
    for workload in &workloads {
        compare(workload, &reference);
    }
    for workload in &workloads {
        watch_memory(workload);
    }
    ExitCode::SUCCESS
}

fn message(id: u64, body: &str) -> String {
    format!(r#"{{"id":{id},"src":"c1","dest":"n1","body":{{{body},"msg_id":{id}}}}}"#)
}

impl Program {
    fn start(&self, stdin: impl Into<Stdio>) -> Child {
        Command::new(&self.path)
            .args(self.argument)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Answers per second for all requests of a file.
    fn throughput(&self, input: &Path) -> f64 {
        let input = File::open(input).unwrap();
        let start = Instant::now();
        let mut child = self.start(input);
        let lines = count_lines(child.stdout.as_mut().unwrap(), REQUESTS + 1);
        let took = start.elapsed();
        assert_eq!(lines, REQUESTS + 1);
        assert!(child.wait().unwrap().success());
        REQUESTS as f64 / took.as_secs_f64()
    }

    /// The median time from a request to its answer, when nothing else is on the wire.
    fn round_trip(&self, request: fn(u64) -> String) -> Duration {
        let mut child = self.start(Stdio::piped());
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut answer = String::new();
        let mut ask = |line: String| {
            let start = Instant::now();
            stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
            answer.clear();
            stdout.read_line(&mut answer).unwrap();
            start.elapsed()
        };
        ask(INIT.to_owned());
        let mut times: Vec<_> = (0..ROUND_TRIPS as u64).map(|id| ask(request(id))).collect();
        drop(stdin);
        child.wait().unwrap();
        times.sort_unstable();
        times[ROUND_TRIPS / 2]
    }
}

/// Reads until so many lines have come, or to the end.
fn count_lines(output: &mut impl Read, expected: u64) -> u64 {
    let mut buffer = vec![0; 1 << 16];
    let mut lines = 0;
    while lines < expected {
        match output.read(&mut buffer).unwrap() {
            0 => break,
            length => {
                lines += buffer[..length].iter().filter(|byte| **byte == b'\n').count() as u64
            }
        }
    }
    lines
}

fn compare(workload: &Workload, reference: &Program) {
    let file = std::env::temp_dir().join(format!("bench-runtime-{}.jsonl", std::process::id()));
    let mut input = BufWriter::new(File::create(&file).unwrap());
    writeln!(input, "{INIT}").unwrap();
    for id in 2..REQUESTS + 2 {
        writeln!(input, "{}", (workload.request)(id)).unwrap();
    }
    input.flush().unwrap();
    let mut rates = [const { Vec::new() }; 2];
    for _ in 0..RUNS {
        rates[0].push(reference.throughput(&file));
        rates[1].push(workload.node.throughput(&file));
    }
    std::fs::remove_file(&file).unwrap();
    let [reference_rate, node_rate] = rates.map(|mut rates| {
        rates.sort_unstable_by(f64::total_cmp);
        rates[RUNS / 2]
    });
    println!(
        "{:<9} {REQUESTS} requests: reference {:.2} M/s, node {:.2} M/s, ratio {:.2}",
        workload.name,
        reference_rate / 1e6,
        node_rate / 1e6,
        node_rate / reference_rate,
    );
    println!(
        "{:<9} one request at a time: reference {:.1} us, node {:.1} us",
        workload.name,
        reference.round_trip(workload.request).as_secs_f64() * 1e6,
        workload.node.round_trip(workload.request).as_secs_f64() * 1e6,
    );
}

/// Shows the memory of a node after a fifth of many requests and after all of them.
fn watch_memory(workload: &Workload) {
    const STEPS: u64 = 5;
    let mut child = workload.node.start(Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    writeln!(stdin, "{INIT}").unwrap();
    let mut peaks = Vec::new();
    for step in 0..STEPS {
        let request = workload.request;
        let count = MEMORY_REQUESTS / STEPS;
        let writer = std::thread::spawn(move || {
            let mut input = BufWriter::with_capacity(1 << 16, stdin);
            for id in step * count..(step + 1) * count {
                writeln!(input, "{}", request(id)).unwrap();
            }
            input.into_inner().unwrap()
        });
        let init_ok = u64::from(step == 0);
        assert_eq!(count_lines(&mut stdout, count + init_ok), count + init_ok);
        stdin = writer.join().unwrap();
        peaks.push(peak_memory_mib(child.id()));
    }
    drop(stdin);
    child.wait().unwrap();
    println!(
        "{:<9} {MEMORY_REQUESTS} requests: peak memory {:.1} MiB, of which {:.1} MiB after a fifth",
        workload.name,
        peaks[STEPS as usize - 1],
        peaks[0],
    );
}

fn peak_memory_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}
