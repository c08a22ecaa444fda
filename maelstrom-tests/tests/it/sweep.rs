//! `eddy sweep`: what it prints, keeps and returns, and that a printed command repeats the failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{TemporaryDirectory, eddy, run};

/// Ids that are counted in memory repeat after a restart.
const REPEATING: [&str; 14] = [
    "sweep",
    "--simulate",
    "identifier",
    "-w",
    "unique-ids",
    "--node-count",
    "3",
    "--time-limit",
    "30",
    "--nemesis",
    "kill,pause",
    "--nemesis-interval",
    "3",
    "--store",
];

fn sweep(store: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let mut args = REPEATING.to_vec();
    args.push(store.to_str().expect("the path is UTF-8"));
    args.extend(more);
    run(&args)
}

/// The run directories in a store.
fn runs(store: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(store.join("unique-ids")) else { return Vec::new() };
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    runs.retain(|path| !path.is_symlink());
    runs.sort();
    runs
}

fn results(directory: &Path) -> Value {
    let text = fs::read_to_string(directory.join("results.json")).expect("there are results");
    serde_json::from_str(&text).expect("the results are JSON")
}

/// The word after the only line's `prefix`.
fn after<'a>(text: &'a str, prefix: &str) -> &'a str {
    let mut rest = text.lines().filter_map(|line| line.trim_start().strip_prefix(prefix));
    let found = rest.next().unwrap_or_else(|| panic!("no line with `{prefix}` in:\n{text}"));
    assert_eq!(rest.next(), None, "two lines with `{prefix}` in:\n{text}");
    found
}

/// Runs a command that eddy printed, in a directory of its own.
fn repeat(command: &str, directory: &Path) -> PathBuf {
    let shell = command.replacen("eddy ", &format!("{} ", eddy().display()), 1);
    let status = Command::new("sh").args(["-c", &shell]).current_dir(directory).status();
    assert_eq!(status.expect("sh runs").code(), Some(1), "{command}");
    directory.join("store").join("latest").canonicalize().expect("there is a run")
}

#[test]
fn the_lowest_failing_seed_is_kept_can_be_repeated_and_is_made_smaller() {
    let store = TemporaryDirectory::new("sweep-first");
    let (status, stdout, stderr) = sweep(store.path(), &["--seeds", "0..200"]);
    assert_eq!((status, stderr.as_str()), (Some(1), ""), "{stdout}");
    assert!(stdout.contains("ids were given out more than once"), "{stdout}");
    let kept = runs(store.path());
    assert_eq!(kept.len(), 2, "the failing run and the smaller one: {stdout}");

    let again = TemporaryDirectory::new("sweep-repeat");
    let repeated = repeat(after(&stdout, "repeat: "), again.path());
    for file in ["history.jsonl", "results.json", "messages.jsonl"] {
        let read = |directory: &Path| fs::read(directory.join(file)).expect("the file is there");
        assert!(read(&kept[0]) == read(&repeated), "{file} differs");
    }

    let (_, smaller) = stdout.split_once("  smaller").expect("a smaller run was found");
    let command = &smaller[smaller.find("eddy test").expect("its command follows")..];
    let smaller = repeat(command.lines().next().unwrap_or_default(), again.path());
    let (large, small) = (results(&kept[0]), results(&smaller));
    assert_eq!(small["workload"]["valid?"], false);
    assert_eq!(small["options"]["nemesis"], serde_json::json!(["kill"]));
    assert_eq!(small["options"]["node-count"], 1);
    let operations = |results: &Value| results["stats"]["count"].as_u64().expect("a number");
    assert!(operations(&small) < operations(&large) && operations(&small) < 8, "{stdout}");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let answers: Vec<String> = ["1", "2", "5"]
        .iter()
        .map(|jobs| {
            let store = TemporaryDirectory::new(&format!("sweep-jobs-{jobs}"));
            let flags = ["--seeds", "3..50", "--jobs", jobs, "--shrink", "0"];
            let (_, stdout, _) = sweep(store.path(), &flags);
            // Where it was kept, and how many seeds were under way, may differ.
            stdout.lines().take(2).map(|line| format!("{line}\n")).collect()
        })
        .collect();
    assert!(answers[0].starts_with("seed "), "{}", answers[0]);
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[test]
fn with_keep_going_all_seeds_of_a_shard_are_tried() {
    let store = TemporaryDirectory::new("sweep-keep-going");
    let mut tried = 0;
    for shard in ["0/3", "1/3", "2/3"] {
        let flags = ["--seeds", "0..40", "--keep-going", "--shard", shard, "--shrink", "0"];
        let (status, stdout, _) = sweep(store.path(), &flags);
        assert_eq!(status, Some(1));
        let last = stdout.lines().last().expect("there is a summary");
        let (done, rest) = last.split_once(" of ").expect("a summary");
        assert!(rest.starts_with(&format!("{done} seeds tried: ")), "{last}");
        tried += done.parse::<u64>().expect("a number");
    }
    assert_eq!(tried, 40);
    assert_eq!(runs(store.path()).len(), 30, "ten of each");
}

#[test]
fn valid_runs_are_counted_and_leave_no_files() {
    let store = TemporaryDirectory::new("sweep-valid");
    let flags = ["--seeds", "0..10", "--settle", "5", "--", "--state-dir", "{run}"];
    let (status, stdout, stderr) = sweep(store.path(), &flags);
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert_eq!(stdout, "10 of 10 seeds tried: 10 valid, 0 invalid, 0 unknown\n");
    assert_eq!(runs(store.path()), [""; 0].map(PathBuf::from));
}

#[test]
fn wrong_usage_is_refused_in_one_line() {
    let store = TemporaryDirectory::new("sweep-usage");
    for (flags, says) in [
        (&["--seeds", "9"][..], "A..B"),
        (&["--seeds", "0..9", "--shard", "3/3"], "from 0 to N - 1"),
        (&["--seeds", "0..9", "--seed", "1"], "--seeds A..B"),
        (&["--seeds", "0..9", "--", "--nonsense"], "--nonsense"),
        (&[], "--seeds"),
    ] {
        let (status, stdout, stderr) = sweep(store.path(), flags);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{flags:?}: {stderr}");
        assert!(stderr.starts_with("eddy: ") && stderr.lines().count() == 1, "{stderr}");
        assert!(stderr.contains(says), "{flags:?}: {stderr}");
    }
    assert_eq!(runs(store.path()).len(), 0);
    let (status, _, stderr) = run(&["sweep", "--simulate", "identifier", "--seeds", "0..9"]);
    let says = "eddy: identifier does not serve lin-kv; it serves unique-ids\n";
    assert_eq!((status, stderr.as_str()), (Some(2), says));
}
