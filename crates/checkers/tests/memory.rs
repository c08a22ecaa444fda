//! What a search takes, measured in a process of its own, where no other test's memory counts.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing")]

use checkers::linearizable::{BYTES_PER_STATE, Undecided, WorkLimit, check};

#[path = "it/generator.rs"]
#[expect(dead_code, reason = "it is shared with the other tests")]
mod generator;
#[path = "it/mutation.rs"]
mod mutation;

use generator::{Random, Shape, valid_history};
use mutation::mutate;

/// The most memory that this process had so far, in bytes; nothing where that is not told.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// A hundred clients and many unknown outcomes: every configuration remembers which of them it has
/// used. It took 932 MB and 14 s, with the default bound that promises 150 MB, before a search counted
/// what it remembers.
#[test]
fn a_search_takes_no_more_memory_than_its_bound_promises() {
    const STATES_MAX: u64 = 100_000;
    let shape = Shape { operations: 1_000, clients: 100, keys: 1, values: 30, unknown_percent: 30 };
    let mut random = Random(2);
    let mut events = valid_history(&mut random, shape);
    for _ in 0..5 {
        mutate(&mut random, &mut events, shape.values);
    }
    let before = peak();
    let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
    let result = &check(&events, &mut limit).unwrap().results[0];
    assert_eq!(result.undecided, Some(Undecided::MemoryMax), "{} states", result.states);
    let Some((before, after)) = before.zip(peak()) else { return };
    let (taken, promised) = (after - before, STATES_MAX * BYTES_PER_STATE);
    println!("{taken} bytes, {promised} promised, {} states", result.states);
    // A table that grows has its old half beside it for a moment.
    assert!(taken < promised * 3 / 2 + (4 << 20), "{taken} bytes instead of {promised}");
}
