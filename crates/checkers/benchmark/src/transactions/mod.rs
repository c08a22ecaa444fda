//! The transaction checkers beside `adya`, on histories of 20 clients with 1 to 4 micro-operations a
//! transaction. Every measurement runs in a process of its own, on one core.
//!
//! What is timed: `checkers` gets transactions as they are recorded, in batches that are made while
//! its clock stands still, so the numbering of keys and values is inside. `adya` gets its own
//! history type, numbered and paired before the clock starts. Memory is the most that was resident,
//! the input of `adya` included.

mod adya;
mod generator;

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use checkers::Verdict;
use checkers::transactions::{Options, list_append, rw_register};

use generator::{Generator, Shape};

/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(120);
const BATCH: usize = 1_000;

pub(crate) struct Case {
    name: &'static str,
    is_register: bool,
    transactions: usize,
    shape: Shape,
}

const fn case(name: &'static str, is_register: bool, transactions: usize, shape: Shape) -> Case {
    Case { name, is_register, transactions, shape }
}

const SHORT: Shape = Shape {
    writes_per_key: 16,
    stale_permille: 0,
    clients: 20,
    snapshots: false,
    amnesia_every: 0,
};
const LONG: Shape = Shape { writes_per_key: 256, ..SHORT };
const MANY: Shape = Shape { clients: 1_000, ..SHORT };
const STALE: Shape = Shape { stale_permille: 10, ..SHORT };

const AMNESIA: Shape = Shape { amnesia_every: 5_000, ..SHORT };
const SKEWED: Shape = Shape { snapshots: true, ..SHORT };

const CASES: [Case; 14] = [
    case("list-append, 100,000", false, 100_000, SHORT),
    case("list-append, 1,000,000", false, 1_000_000, SHORT),
    case("list-append, 1,000,000, 256 writes a key", false, 1_000_000, LONG),
    case("list-append, 1,000,000, 1,000 clients", false, 1_000_000, MANY),
    case("list-append, 100,000, 1% of reads stale", false, 100_000, STALE),
    case("list-append, 1,000,000, 1% of reads stale", false, 1_000_000, STALE),
    case("list-append, 100,000, snapshots", false, 100_000, SKEWED),
    case("list-append, 1,000,000, snapshots", false, 1_000_000, SKEWED),
    case("list-append, 100,000, one component", false, 100_000, AMNESIA),
    case("list-append, 1,000,000, one component", false, 1_000_000, AMNESIA),
    case("rw-register, 100,000", true, 100_000, SHORT),
    case("rw-register, 1,000,000", true, 1_000_000, SHORT),
    case("rw-register, 100,000, 1% of reads stale", true, 100_000, STALE),
    case("rw-register, 1,000,000, 1% of reads stale", true, 1_000_000, STALE),
];

const LIBRARIES: [&str; 2] = ["checkers", "adya"];

/// What one measurement printed.
struct Measured {
    is_valid: bool,
    kinds: String,
    time: Duration,
    mebibytes: u64,
}

/// Prints the table. False if `checkers` is not the fastest, or the verdicts differ.
pub(crate) fn compare() -> bool {
    println!(
        "\n{:<44} {:>22} {:>22} {:>7}  verdict and anomalies",
        "transactions a second, peak MiB", LIBRARIES[0], LIBRARIES[1], "ratio"
    );
    let mut is_fastest = true;
    for case in &CASES {
        let [ours, theirs] = LIBRARIES.map(|library| run(library, case));
        let text = |result: &Option<Measured>| match result {
            Some(result) => format!(
                "{:>12.0} {:>5} MiB",
                case.transactions as f64 / result.time.as_secs_f64(),
                result.mebibytes
            ),
            None => format!("> {} s", LIMIT.as_secs()),
        };
        let Some(result) = &ours else {
            println!("{:<44} took longer than {LIMIT:?}", case.name);
            is_fastest = false;
            continue;
        };
        let other = theirs.as_ref().map_or(LIMIT, |result| result.time);
        let ratio = other.as_secs_f64() / result.time.as_secs_f64();
        let agree = theirs.as_ref().is_none_or(|other| other.is_valid == result.is_valid);
        println!(
            "{:<44} {:>22} {:>22} {:>6.1}x  {} {}{}",
            case.name,
            text(&ours),
            text(&theirs),
            ratio,
            if result.is_valid { "valid" } else { "invalid" },
            result.kinds,
            if agree { "" } else { " (NOT what adya says)" },
        );
        is_fastest &= ratio > 1.0 && agree && result.is_valid == case.shape.is_valid();
    }
    is_fastest
}

fn run(library: &str, case: &Case) -> Option<Measured> {
    let mut child = Command::new(std::env::current_exe().ok()?)
        .args([library, case.name])
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let deadline = Instant::now() + 2 * LIMIT;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > deadline {
            child.kill().ok()?;
            child.wait().ok()?;
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut words = text.split_whitespace();
    Some(Measured {
        is_valid: words.next()?.parse().ok()?,
        time: Duration::from_nanos(words.next()?.parse().ok()?),
        mebibytes: words.next()?.parse().ok()?,
        kinds: words.collect::<Vec<_>>().join(" "),
    })
}

/// In a process of its own: verdict, nanoseconds, MiB and kinds. `None` if there is no such case.
pub(crate) fn measure(library: &str, name: &str) -> Option<ExitCode> {
    let case = CASES.iter().find(|case| case.name == name)?;
    let mut generator = Generator::new(case.shape);
    let (is_valid, kinds, time) = if library == "adya" {
        adya::check(&mut generator, case.transactions, case.is_register)
    } else if case.is_register {
        let mut history = rw_register::History::new();
        let mut time = Duration::ZERO;
        for _ in 0..case.transactions / BATCH {
            let batch: Vec<_> =
                (0..BATCH).map(|_| generator::register(&generator.next())).collect();
            let start = Instant::now();
            for transaction in &batch {
                history.push(transaction.call, &transaction.ops);
            }
            time += start.elapsed();
        }
        let start = Instant::now();
        let analysis = history.check(&Options::default(), rw_register::VersionOrder::default());
        finish(analysis, time + start.elapsed())
    } else {
        let mut history = list_append::History::new();
        let mut time = Duration::ZERO;
        for _ in 0..case.transactions / BATCH {
            let batch: Vec<_> = (0..BATCH).map(|_| generator.next()).collect();
            let start = Instant::now();
            for transaction in &batch {
                history.push(transaction.call, &transaction.ops);
            }
            time += start.elapsed();
        }
        let start = Instant::now();
        let analysis = history.check(&Options::default());
        finish(analysis, time + start.elapsed())
    };
    println!("{is_valid} {} {} {}", time.as_nanos(), peak_mebibytes(), kinds.join(" "));
    Some(ExitCode::SUCCESS)
}

type Outcome = (bool, Vec<String>, Duration);

fn finish(
    analysis: Result<checkers::transactions::Analysis, checkers::transactions::RepeatedWrite>,
    time: Duration,
) -> Outcome {
    let Ok(analysis) = analysis else { return (false, vec!["repeated-write".to_owned()], time) };
    let kinds = analysis.anomalies.iter().map(|(kind, found)| format!("{kind}({})", found.count));
    (analysis.verdict == Verdict::Valid, kinds.collect(), time)
}

/// The most memory that this process ever had in use; 0 where `/proc` does not tell.
fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kibibytes| kibibytes / 1024)
}
