//! What the bench itself costs, with real processes: the overhead of an operation, the highest
//! rate that it sustains against `identifier`, the time to the first operation, its memory.
//!
//! `cargo bench -p maelstrom-tests --bench eddy`, after `cargo build --release`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use serde_json::Value;

/// Seconds that one step of the search for the highest rate takes.
const STEP_SECONDS: u64 = 5;
/// Part of the operations asked for that has to be done for a rate to count as sustained.
const SUSTAINED: f64 = 0.98;
/// The rates that are tried, in operations a second.
const RATES: [u64; 8] = [1_000, 4_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000];

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench eddy: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One run of `eddy test -w unique-ids` against three nodes.
struct Run {
    results: Value,
    peak_kib: u64,
    /// From the start of `eddy` to its end, less the time limit, in seconds.
    around_s: f64,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn run(binaries: &Path, store: &Path, rate: u64, seconds: u64) -> Result<Run, String> {
    let begun = Instant::now();
    let output = Command::new("/usr/bin/time")
        .args(["-f", "peak %M"])
        .arg(binaries.join("eddy"))
        .args(["test", "-w", "unique-ids", "--node-count", "3", "--concurrency", "30n", "--json"])
        .args(["--rate", &rate.to_string(), "--time-limit", &seconds.to_string()])
        .arg("--bin")
        .arg(binaries.join("identifier"))
        .arg("--store")
        .arg(store)
        .output()
        .map_err(|error| format!("GNU time (/usr/bin/time) is needed: {error}"))?;
    let around_s = begun.elapsed().as_secs_f64() - seconds as f64;
    let said = String::from_utf8_lossy(&output.stderr);
    let peak_kib = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("peak ")?.trim().parse().ok())
        .ok_or_else(|| format!("no peak memory in: {said}"))?;
    let results = std::fs::read_to_string(store.join("latest/results.json"))
        .map_err(|error| format!("no results: {error}; {said}"))?;
    let results = serde_json::from_str(&results).map_err(|error| error.to_string())?;
    Ok(Run { results, peak_kib, around_s })
}

fn measure() -> Result<(), String> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let binaries = target.join("release");
    let store = std::env::temp_dir().join(format!("eddy-bench-{}", std::process::id()));
    println!("unique-ids, 3 nodes, {STEP_SECONDS} s a rate");
    println!(
        "{:>9} {:>11} {:>9} {:>9} {:>9} {:>9}",
        "asked/s", "done/s", "p50 ms", "p99 ms", "MiB", "valid"
    );
    let mut highest = None;
    for rate in RATES {
        let Run { results, peak_kib, .. } = run(&binaries, &store, rate, STEP_SECONDS)?;
        let done = results["stats"]["ok-count"].as_f64().unwrap_or(0.0) / STEP_SECONDS as f64;
        let latency = |point: &str| results["latencies"][point].as_f64().unwrap_or(f64::NAN);
        println!(
            "{rate:>9} {done:>11.0} {:>9.3} {:>9.3} {:>9} {:>9}",
            latency("p50"),
            latency("p99"),
            peak_kib / 1024,
            results["valid?"],
        );
        if done < SUSTAINED * rate as f64 {
            break;
        }
        highest = Some(rate);
    }
    match highest {
        Some(rate) => println!("highest rate sustained: {rate} operations a second"),
        None => println!("no rate was sustained"),
    }
    let short = run(&binaries, &store, 1_000, 1)?;
    println!("start, end and checking of a run of 1 s: {:.2} s", short.around_s);
    let long = run(&binaries, &store, 4_000, 60)?;
    println!("peak memory over 60 s at rate 4000: {} MiB", long.peak_kib / 1024);
    std::fs::remove_dir_all(&store).map_err(|error| error.to_string())
}
