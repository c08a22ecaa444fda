//! `checkers` against `porcupine-rs` and `todc-utils`, and for transactions `adya`, on the same
//! histories.
//!
//! Every measurement runs in a process of its own, which is killed when it exceeds [`LIMIT`]. What
//! is timed: `checkers` gets the events of the history as they are recorded, so pairing, the split
//! by key, the numbering of values and the counterexample are inside; the others get their own
//! input types, into which the history is converted before the clock starts.
//!
//! Run it with `cargo run --release` in this directory.

mod histories;
mod ours;
mod porcupine;
mod todc;
mod transactions;

#[path = "../../tests/it/generator.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod generator;

use std::io::Read;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use histories::{CASES, Case};

/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(20);
/// For how long checks are repeated, if one takes less.
const REPEAT_FOR: Duration = Duration::from_millis(1500);
const REPEAT_MAX: usize = 50;

const LIBRARIES: [&str; 3] = ["checkers", "porcupine-rs", "todc-utils"];

/// A check, ready to be timed: the verdict, and how long it took.
type Check = Box<dyn FnMut() -> (bool, Duration)>;

/// Times `check` alone.
pub(crate) fn timed(check: impl FnOnce() -> bool) -> (bool, Duration) {
    let start = Instant::now();
    let verdict = check();
    (verdict, start.elapsed())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => {
            let is_fastest = compare();
            if transactions::compare() && is_fastest {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(1)
            }
        }
        [part] if part == "transactions" => {
            if transactions::compare() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(1)
            }
        }
        [library, case] => {
            transactions::measure(library, case).unwrap_or_else(|| measure(library, case))
        }
        _ => {
            eprintln!("no arguments are needed; `transactions` for that part alone");
            ExitCode::from(2)
        }
    }
}

/// In a process of its own: prints verdict and median time in nanoseconds.
fn measure(library: &str, case: &str) -> ExitCode {
    let Some(case) = CASES.iter().find(|known| known.name == case) else {
        return ExitCode::from(2);
    };
    let history = case.history();
    let mut check: Check = match library {
        "checkers" => ours::prepare(history),
        "porcupine-rs" => porcupine::prepare(&history),
        _ => todc::prepare(&history),
    };
    let start = Instant::now();
    let mut times = Vec::new();
    let mut verdict = false;
    while times.is_empty() || (start.elapsed() < REPEAT_FOR && times.len() < REPEAT_MAX) {
        let (this, time) = check();
        verdict = this;
        times.push(time);
    }
    times.sort_unstable();
    println!("{verdict} {}", times[times.len() / 2].as_nanos());
    ExitCode::SUCCESS
}

/// Verdict and time of one library on one case; `None` if it took too long.
fn run(library: &str, case: &Case) -> std::io::Result<Option<(bool, Duration)>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args([library, case.name])
        .stdout(Stdio::piped())
        .spawn()?;
    let deadline = Instant::now() + LIMIT + REPEAT_FOR;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut output = String::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_string(&mut output)?;
    }
    let mut words = output.split_whitespace();
    let verdict = words.next().and_then(|word| word.parse().ok());
    let nanoseconds = words.next().and_then(|word| word.parse().ok());
    Ok(verdict.zip(nanoseconds.map(Duration::from_nanos)))
}

fn compare() -> bool {
    println!(
        "{:<44} {:>12} {:>14} {:>12} {:>9}  verdict",
        "median time of one check, ms", LIBRARIES[0], LIBRARIES[1], LIBRARIES[2], "ratio"
    );
    let mut is_fastest = true;
    for case in &CASES {
        let results: Result<Vec<_>, _> =
            LIBRARIES.iter().map(|library| run(library, case)).collect();
        let results = match results {
            Ok(results) => results,
            Err(error) => {
                eprintln!("{}: {error}", case.name);
                return false;
            }
        };
        let Some((verdict, ours)) = results[0] else {
            println!("{:<44} took longer than {LIMIT:?}", case.name);
            is_fastest = false;
            continue;
        };
        let text = |result: &Option<(bool, Duration)>| match result {
            Some((_, time)) => format!("{:.2}", time.as_secs_f64() * 1e3),
            None => format!("> {}", LIMIT.as_millis()),
        };
        let fastest =
            results[1..].iter().map(|result| result.map_or(LIMIT, |(_, time)| time)).min();
        let ratio = fastest.unwrap_or(LIMIT).as_secs_f64() / ours.as_secs_f64();
        let agree = results.iter().flatten().all(|&(other, _)| other == verdict);
        println!(
            "{:<44} {:>12} {:>14} {:>12} {:>8.1}x  {}{}",
            case.name,
            text(&results[0]),
            text(&results[1]),
            text(&results[2]),
            ratio,
            if verdict { "valid" } else { "invalid" },
            if agree { "" } else { " (NOT what the others say)" },
        );
        is_fastest &= ratio > 1.0 && agree && verdict == case.is_valid;
    }
    println!("ratio: the fastest of the others by checkers; above 1 checkers is faster");
    is_fastest
}
