//! That what a node on Raft says should happen sometimes does, where faults make it happen, and does not
//! where there are none.

use std::collections::BTreeMap;
use std::time::Duration;

use bench::options::{FaultKind, Options};
use bench::progress::Silent;
use bench::simulated::{SimulatedNode, simulate};
use bench::workload::registry::named;

use FaultKind::{Duplicate, Kill, Loss, Membership, Partition, Pause};

/// How often each condition held over so many seeds of a run under these faults.
fn held(nemesis: &[FaultKind], seeds: u64) -> BTreeMap<String, u64> {
    let mut options = Options::new(named("lin-kv"));
    options.concurrency = 10;
    options.rate = 40.0;
    options.time_limit = Duration::from_secs(8);
    options.latency = Duration::from_millis(5);
    options.nemesis = nemesis.to_vec();
    options.nemesis_interval = Duration::from_secs(1);
    let args = ["lin-kv", "--compact-after", "10", "--state-dir", "{run}"].map(str::to_owned);
    let mut all = BTreeMap::new();
    for seed in 0..seeds {
        let options = Options { seed, ..options.clone() };
        let node = SimulatedNode::new("consensus", consensus::program);
        let record = simulate(node, &args, &options, None, &mut Silent).expect("runs");
        for (condition, count) in record.conditions {
            *all.entry(condition).or_insert(0) += count;
        }
    }
    all
}

#[test]
fn under_faults_all_of_it_happens() {
    let held = held(&[Membership, Kill, Partition, Pause, Loss, Duplicate], 12);
    assert_eq!(held.len(), 5, "{held:?}");
    assert!(held.values().all(|count| *count > 0), "{held:?}");
}

#[test]
fn without_faults_hardly_anything_does_and_what_has_no_occasion_is_not_spoken_of() {
    let held = held(&[], 1);
    let counts: Vec<u64> = held.values().copied().collect();
    assert_eq!(counts, [0, 0, 0, 0], "all but the change of members: {held:?}");
}
