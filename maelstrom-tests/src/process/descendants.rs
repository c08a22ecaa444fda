//! What a node has started and its process group does not hold: children that called `setsid`, their
//! children, daemons. Every process inherits its environment, so each node gets a variable that names
//! its run and its life, and whoever has it is the node's. (Only one that has both left the group and
//! cleared its environment is not found.)
//!
//! Environments are read from `/proc`; where there is none, only the process group is killed.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, Signal, kill_process};

/// The variable.
pub(super) const VARIABLE: &str = "EDDY_NODE";
/// How often it is looked again for what was started while others were killed.
const ROUNDS_MAX: usize = 20;

/// A name that no other run on this machine has at the moment.
pub(super) fn run_tag() -> String {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}/", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed))
}

/// Kills every process whose variable begins with `tag`.
pub(super) fn kill_tagged(tag: &str) {
    let entry = format!("{VARIABLE}={tag}");
    for _ in 0..ROUNDS_MAX {
        let found = tagged(entry.as_bytes());
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Living processes with such an entry in their environment. Those that have ended have none.
fn tagged(entry: &[u8]) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = processes.flatten().filter_map(|process| {
        let number = process.file_name().to_str()?.parse::<i32>().ok()?;
        let environment = fs::read(process.path().join("environ")).ok()?;
        let mut entries = environment.split(|byte| *byte == 0);
        entries.any(|other| other.starts_with(entry)).then_some(number)
    });
    numbers.filter_map(Pid::from_raw).collect()
}
