//! `bench-consensus`: what the key-value store costs, in virtual time, so that
//! the figures are the same on every machine.
//!
//! Five nodes, 10 ms one-way constant latency between them; requests at random
//! times at a fixed mean rate, reads, writes and compare-and-sets alike, at
//! random nodes.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod load;

use std::time::Duration;

use consensus::Settings;
use simulator::{Cut, Random};

use self::load::{LATENCY, Load, NODES};

fn main() {
    println!("{NODES} nodes, {} ms one-way latency, virtual time", LATENCY.as_millis());
    println!();
    println!("healthy, 30 s                   read p50, ms         write p50, ms     server");
    println!("rate, ops/s  --gather, ms    at leader  follower   at leader  follower   msgs/op");
    let ends = [5, 20].map(|gather| (100, Duration::from_millis(gather)));
    let default = Settings::default().gather;
    let rates = [10, 100, 1_000, 5_000].map(|rate| (rate, default));
    for (rate, gather) in rates.into_iter().chain(ends) {
        let report = Load { rate, length: Duration::from_secs(30), gather }.run(|_, _| {});
        println!(
            "{rate:>11}  {:>12}    {:>9.1} {:>9.1}   {:>9.1} {:>9.1}   {:>7.2}",
            gather.as_millis(),
            report.median_ms(true, true),
            report.median_ms(true, false),
            report.median_ms(false, true),
            report.median_ms(false, false),
            report.messages_per_operation,
        );
    }
    println!();
    println!("partitions, 60 s, rate 100: cut for 10 s, healed for 10 s, sides drawn at random");
    let mut random = Random::new(7, "nemesis");
    let load = Load::new(100, Duration::from_secs(60));
    let report = load.run(|second, cluster| match second % 20 {
        10 => {
            let mut order: Vec<usize> = (0..NODES).collect();
            random.shuffle(&mut order);
            let cut = Cut::halves(NODES, |node| order[..NODES / 2].contains(&node));
            cluster.network_mut().set_cut(cut);
        }
        0 => cluster.network_mut().set_cut(Cut::none(NODES)),
        _ => {}
    });
    println!("availability                {:>6.1} %", report.availability() * 100.0);
    println!("longest gap in service      {:>6} ms", report.longest_gap.as_millis());
    println!("server msgs/op              {:>6.2}", report.messages_per_operation);
}
