//! The table of `just bench-virtual-time`: programs in several languages under `eddy`, in virtual time and
//! as real processes.
//!
//! `cargo bench -p supervisor --bench table -- EDDY [PROGRAMS] [--without-real]`
#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)]

#[path = "../tests/it/cluster.rs"]
mod cluster;
#[path = "../tests/it/programs.rs"]
mod programs;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use cluster::Program;

const ALL: &str = "python,asyncio,ruby,node,go,rust,c,java";
/// Seconds of a run's main phase and of its recovery.
const SECONDS: (u32, u32) = (20, 10);
/// Runs of a sweep: starting the programs once is part of what it costs.
const SEEDS: u32 = 40;

/// What a command has cost, in seconds.
struct Cost {
    wall: f64,
    processor: f64,
}

fn main() {
    let mut args: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let without_real = args.iter().position(|argument| argument == "--without-real");
    let without_real = without_real.map(|place| args.remove(place)).is_some();
    let Some(eddy) = args.first().map(Path::new).and_then(|path| path.canonicalize().ok()) else {
        panic!("the first argument is the path of `eddy`");
    };
    let store = tempfile::tempdir().unwrap();
    println!(
        "five nodes on a line, broadcast, latency 100 ms, {} s and {} s of recovery; start included\n",
        SECONDS.0, SECONDS.1
    );
    println!(
        "program  rate   wall s  times   processor s   real   ratio   seeds a minute and core"
    );
    for name in args.get(1).map_or(ALL, String::as_str).split(',') {
        let Some(program) = programs::program(name) else { continue };
        for rate in [20, 100] {
            let flags = format!(
                "test --store {} --quiet -w broadcast --node-count 5 --topology line --latency 100 \
                 --time-limit {} --recovery-time {} --rate {rate} --seed 1",
                store.path().display(),
                SECONDS.0,
                SECONDS.1
            );
            let ruled = run(&eddy, &format!("{flags} --virtual-time"), &program);
            let real = (!without_real).then(|| run(&eddy, &flags, &program));
            let seeds = (rate == 20).then(|| {
                let sweep = format!(
                    "sweep --store {} --seeds 0..{SEEDS} --jobs 1 --virtual-time -w broadcast \
                     --node-count 5 --topology line --latency 10 --time-limit 5 --recovery-time 1 \
                     --rate {rate}",
                    store.path().display()
                );
                60.0 * f64::from(SEEDS) / run(&eddy, &sweep, &program).processor
            });
            let times = f64::from(SECONDS.0 + SECONDS.1) / ruled.wall;
            let text =
                |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |n| format!("{n:.2}"));
            println!(
                "{name:8} {rate:4} {:8.2} {times:6.1} {:13.2} {:>6} {:>7} {:>8}",
                ruled.wall,
                ruled.processor,
                text(real.as_ref().map(|real| real.processor)),
                text(real.as_ref().map(|real| ruled.processor / real.processor)),
                seeds.map_or_else(String::new, |seeds| format!("{seeds:.0}"))
            );
        }
    }
}

/// Runs `eddy` with these words on a program. The verdict must be valid, or the figures mean nothing.
fn run(eddy: &Path, words: &str, program: &Program) -> Cost {
    let (before, start) = (processor_time(), Instant::now());
    let done = Command::new(eddy)
        .args(words.split_whitespace())
        .arg("--bin")
        .arg(&program.program)
        .arg("--")
        .args(&program.args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{words}: {text}{}", String::from_utf8_lossy(&done.stderr));
    Cost { wall: start.elapsed().as_secs_f64(), processor: processor_time() - before }
}

/// Seconds that ended children have used, and theirs.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name in brackets: state is field 3, and 16 and 17 are hundredths of a second.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    [16, 17].map(|index| fields[index - 3].parse::<f64>().unwrap() / 100.0).iter().sum()
}
