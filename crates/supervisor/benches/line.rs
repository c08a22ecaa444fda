//! Measures a line of nodes that broadcast: `cargo bench -p supervisor -- PROGRAMS [RATE] [RUNS] [CORE]`.
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

use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |index: usize, otherwise: f64| {
        args.get(index).map_or(otherwise, |text| text.parse().unwrap())
    };
    let (rate, runs, core) = (number(1, 20.0), number(2, 3.0) as usize, number(3, 1.0) as usize);
    let load = cluster::Load {
        nodes: 5,
        seconds: 20.0,
        rate,
        settle: 5.0,
        latency: (Duration::from_millis(100), Duration::from_millis(100)),
        loss: 0.0,
    };
    let names = args[0].split(',');
    for name in names {
        let Some(program) = programs::program(name) else { continue };
        for _ in 0..runs {
            let start = Instant::now();
            let options = supervisor::Options { core: Some(core), ..cluster::options(1) };
            let outcome = cluster::run(options, &program, &load);
            let wall = start.elapsed();
            println!(
                "{name:8} wall {:.2} s, {:.0} times; {} stops, {} lines, forced {}, digest {:016x}",
                wall.as_secs_f64(),
                outcome.virtual_time.as_secs_f64() / wall.as_secs_f64(),
                outcome.stops,
                outcome.transcript.len(),
                outcome.forced,
                outcome.digest,
            );
        }
    }
}
