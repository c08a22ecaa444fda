//! Hundreds of runs in virtual time, each with other faults at other moments.

use bench::sweep::Trial;

fn trial(node: &str) -> Trial {
    let trial = Trial::of(counter::program)
        .workload("g-counter")
        .nemesis("partition")
        .flag("nemesis-interval", 2)
        .flag("time-limit", 10)
        .flag("rate", 20)
        .flag("latency", 10)
        .store(concat!(env!("CARGO_TARGET_TMPDIR"), "/store"))
        .args([node]);
    #[cfg(feature = "eddy")]
    let trial = trial.drawn_by(eddy::draw);
    trial
}

#[test]
fn the_counter_counts_whatever_happens() {
    trial("counter").seeds(0..500).assert_valid();
}

#[test]
fn the_sweep_finds_the_additions_that_the_careless_counter_loses() {
    let told = trial("careless").seeds(0..500).run().unwrap_err();
    println!("{told}");
    assert!(told.contains(" is invalid (workload): "), "{told}");
    assert!(told.contains("  smaller (after "), "{told}");
    assert!(told.contains("  kept in: "), "{told}");
    let report = match cfg!(feature = "eddy") {
        true => "report.html in each directory",
        false => "`eddy report DIRECTORY`",
    };
    assert!(told.contains(report), "{told}");
}
