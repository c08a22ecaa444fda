//! Measures a line of nodes that broadcast: `cargo bench -p supervisor -- PROGRAMS [RATE] [RUNS] [CORE] [SECONDS] [copies]`.
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
        seconds: number(4, 20.0),
        rate,
        settle: 5.0,
        latency: (Duration::from_millis(100), Duration::from_millis(100)),
        loss: 0.0,
    };
    let names = args[0].split(',');
    for name in names {
        let Some(program) = programs::program(name) else { continue };
        let copies = args.get(5).is_some_and(|word| word == "copies");
        let mut templates = copies.then(|| {
            let options = supervisor::Options { core: Some(core), ..cluster::options(1) };
            cluster::templates(options, &program, &load)
        });
        for _ in 0..runs {
            let start = Instant::now();
            let before = processor_time();
            let record = std::env::var_os("CALLS").is_some();
            let options = supervisor::Options { core: Some(core), record, ..cluster::options(1) };
            let outcome = match &mut templates {
                Some(templates) => {
                    let copy =
                        supervisor::Supervisor::from_templates(1, Vec::new(), templates).unwrap();
                    cluster::run_on(copy, 1, &load)
                }
                None => cluster::run(options, &program, &load),
            };
            let wall = start.elapsed();
            let used = processor_time();
            println!(
                "{name:8} wall {:.2} s, {:.0} times; processor {:.2} + {:.2} s; {} stops, {} lines, forced {}, digest {:016x}",
                wall.as_secs_f64(),
                outcome.virtual_time.as_secs_f64() / wall.as_secs_f64(),
                used.0 - before.0,
                used.1 - before.1,
                outcome.stops,
                outcome.transcript.len(),
                outcome.forced,
                outcome.digest,
            );
            if record {
                let mut counts = std::collections::BTreeMap::new();
                outcome.calls.iter().for_each(|call| *counts.entry(call.number).or_insert(0) += 1);
                let mut counts: Vec<_> = counts.into_iter().collect();
                counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
                println!("  number of call, times: {:?}", &counts[..counts.len().min(12)]);
            }
        }
    }
}

/// Seconds that this process and its ended children have used.
fn processor_time() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name in brackets: state is field 3, and 14 to 17 are hundredths of a second.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let hundredths = |index: usize| fields[index - 3].parse::<f64>().unwrap() / 100.0;
    (hundredths(14) + hundredths(15), hundredths(16) + hundredths(17))
}
