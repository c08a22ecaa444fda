//! Bugs planted in small programs that know nothing of virtual time: each is found by a sweep within a
//! stated number of seeds, made smaller, and repeated by the command that the sweep tells. `just planted` runs all of them, CI
//! those that take no time.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{TemporaryDirectory, run};
use crate::virtual_time::{eddy, is_possible};

/// A planted bug and how it is found.
struct Planted {
    program: &'static str,
    /// A program in C is compiled first.
    is_compiled: bool,
    /// Within so many seeds.
    seeds: u64,
    /// How it is run.
    flags: &'static str,
    /// The node's arguments.
    args: &'static [&'static str],
    /// What the verdict says.
    cause: &'static str,
}

impl Planted {
    fn is_found(&self) {
        if !is_possible() {
            return;
        }
        let store = TemporaryDirectory::new(&format!("planted-{}", self.program));
        let Some(program) = self.program(store.path()) else { return };
        let sweep = format!(
            "sweep --seeds 0..{} --shrink 20 --bin {} {}",
            self.seeds,
            program.display(),
            self.flags
        );
        let more = if self.args.is_empty() { &[][..] } else { &["--"] };
        let (status, out) = eddy(store.path(), &sweep, &[more, self.args].concat());
        assert_eq!(status, Some(1), "{out}");
        assert!(out.contains(self.cause), "{} is not in {out}", self.cause);
        assert!(!out.contains("cannot be replayed"), "{out}");
        assert!(out.contains("smaller (after ") || out.contains("no smaller run like it"), "{out}");
        let line = out.lines().find_map(|line| line.trim_start().strip_prefix("repeat:"));
        let mut again: Vec<&str> = line
            .unwrap_or_else(|| panic!("how to repeat it is not in {out}"))
            .split_whitespace()
            .map(|word| word.trim_matches('\''))
            .collect();
        again.splice(..2, ["test", "--verify", "--json"]);
        let (status, told, err) = run(&again);
        assert_eq!(status, Some(1), "{again:?}: {told}{err}");
        assert!((told + &err).contains("a second run was the same"), "{out}");
    }

    fn program(&self, directory: &Path) -> Option<PathBuf> {
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nodes/planted").join(self.program);
        if !self.is_compiled {
            return Some(source);
        }
        let program = directory.join("program");
        let compiled =
            Command::new("cc").args(["-O1", "-pthread", "-o"]).arg(&program).arg(&source).status();
        match compiled {
            Ok(status) => assert!(status.success(), "the planted program is in order"),
            Err(_) => {
                eprintln!("skipped, as there is no C compiler");
                return None;
            }
        }
        Some(program)
    }
}

const PYTHON: Planted =
    Planted { program: "", is_compiled: false, seeds: 0, flags: "", args: &[], cause: "" };

#[test]
fn a_retry_that_is_given_up_too_early_loses_a_message() {
    Planted {
        program: "lost_retry.py",
        seeds: 50,
        flags: "-w broadcast --node-count 3 --topology line --time-limit 3 --rate 10 --latency 20 \
                --recovery-time 2 --loss 0.1",
        cause: "are gone",
        ..PYTHON
    }
    .is_found();
}

#[test]
#[ignore = "just planted"]
fn ids_repeat_after_a_kill_that_comes_before_the_counter_is_written() {
    Planted {
        program: "repeated_id.py",
        seeds: 20,
        flags: "-w unique-ids --node-count 2 --time-limit 4 --rate 20 --nemesis kill \
                --nemesis-interval 1",
        args: &["{run}"],
        cause: "(workload)",
        ..PYTHON
    }
    .is_found();
}

#[test]
#[ignore = "just planted"]
fn a_counter_loses_what_two_nodes_add_at_once() {
    Planted {
        program: "lost_counter.py",
        seeds: 20,
        flags: "-w g-counter --node-count 3 --time-limit 4 --rate 20 --latency 20 --recovery-time 1",
        cause: "(workload)",
        ..PYTHON
    }
    .is_found();
}

#[test]
#[ignore = "just planted"]
fn a_cached_read_is_stale() {
    Planted {
        program: "stale_read.py",
        seeds: 20,
        flags: "-w lin-kv --node-count 3 --time-limit 4 --rate 20 --latency 10",
        cause: "linearizable",
        ..PYTHON
    }
    .is_found();
}

#[test]
fn a_power_cut_takes_back_a_write_that_was_not_synced() {
    Planted {
        program: "unsynced_write.py",
        seeds: 20,
        flags: "-w unique-ids --node-count 2 --time-limit 4 --rate 20 --nemesis lose-unsynced \
                --nemesis-interval 1",
        args: &["{run}"],
        cause: "(workload)",
        ..PYTHON
    }
    .is_found();
}

#[test]
#[ignore = "just planted"]
fn what_is_synced_before_it_is_answered_survives_power_cuts_and_kills() {
    if !is_possible() {
        return;
    }
    let store = TemporaryDirectory::new("careful");
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nodes/planted/unsynced_write.py");
    let sweep = format!(
        "sweep --seeds 0..40 --bin {} -w unique-ids --node-count 2 --time-limit 4 --rate 20 \
         --nemesis lose-unsynced,kill --nemesis-interval 1",
        program.display()
    );
    let (status, out) = eddy(store.path(), &sweep, &["--", "{run}", "--careful"]);
    assert_eq!(status, Some(0), "{out}");
}

#[test]
#[ignore = "just planted"]
fn two_locks_in_two_orders_are_a_deadlock() {
    Planted {
        program: "deadlock.py",
        seeds: 50,
        flags: "-w echo --node-count 1 --time-limit 5 --rate 50 --concurrency 5 --preempt 50 \
                --nemesis pause --nemesis-interval 0.3",
        cause: "echo",
        ..PYTHON
    }
    .is_found();
}

#[test]
#[ignore = "just planted"]
fn a_data_race_shows_when_threads_change_places_between_instructions() {
    Planted {
        program: "data_race.c",
        is_compiled: true,
        seeds: 100,
        flags: "-w unique-ids --node-count 1 --concurrency 50n --time-limit 3 --rate 1000 \
                --nemesis pause --nemesis-interval 0.1 --preempt deep",
        cause: "(workload)",
        ..PYTHON
    }
    .is_found();
}

#[test]
fn a_fault_of_virtual_time_is_refused_for_real_processes() {
    let (status, _, err) = run(&["test", "--bin", "/bin/cat", "--nemesis", "lose-unsynced"]);
    assert_eq!(status, Some(2));
    assert!(err.contains("for virtual time only"), "{err}");
}

#[test]
fn flags_for_threads_are_refused_where_threads_run_by_themselves() {
    for target in [["--bin", "/bin/cat"], ["--simulate", "identifier"]] {
        for flag in ["--preempt", "--boot-seed"] {
            let (status, _, err) = run(&["test", target[0], target[1], flag, "5"]);
            assert_eq!(status, Some(2), "{err}");
            assert!(err.contains("--virtual-time"), "{err}");
        }
    }
}
