//! `eddy sweep`: what it prints, keeps and returns, and that a printed command repeats the failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{TemporaryDirectory, eddy, run, write_script};

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
    // Elsewhere than in the store of the sweep.
    let (start, rest) =
        command.trim().split_once(" --store ").expect("the store of the sweep is named");
    let (_, rest) = rest.split_once(' ').expect("there is more");
    assert_eq!(start, format!("{} test", eddy().display()));
    let shell = format!("{start} {rest}");
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
    let (_, command) = smaller.split_once("runs): ").expect("its command follows");
    let smaller = repeat(command.lines().next().unwrap_or_default(), again.path());
    let (large, small) = (results(&kept[0]), results(&smaller));
    assert_eq!(small["workload"]["valid?"], false);
    assert_eq!(small["options"]["nemesis"], serde_json::json!(["kill"]));
    assert_eq!(small["options"]["node-count"], 1);
    let operations = |results: &Value| results["stats"]["count"].as_u64().expect("a number");
    assert!(operations(&small) < operations(&large) && operations(&small) < 8, "{stdout}");
}

#[test]
fn of_a_run_that_loses_messages_at_random_one_operation_and_one_lost_message_stay() {
    let store = TemporaryDirectory::new("sweep-spared");
    let broadcast = crate::process_bench::node("broadcast.py");
    let flags = "sweep -w broadcast --virtual-time --node-count 4 --rate 20 --latency 20 --time-limit 5 \
                 --latency-dist exponential --loss 0.05 --seeds 0..50 --shrink 300";
    let mut args: Vec<&str> = flags.split_whitespace().collect();
    args.extend([
        "--bin",
        broadcast.to_str().expect("the path is UTF-8"),
        "--store",
        store.path().to_str().expect("the path is UTF-8"),
    ]);
    let (status, stdout, stderr) = run(&args);
    assert_eq!((status, stderr.as_str()), (Some(1), ""), "{stdout}");
    let again = TemporaryDirectory::new("sweep-spared-again");
    let (_, smaller) = stdout.split_once("runs): ").expect("a smaller run was found");
    let smaller = results(&repeat(smaller.lines().next().unwrap_or_default(), again.path()));
    assert_eq!(smaller["net"]["lost"]["at-random"], 1, "{stdout}");
    assert_eq!(smaller["workload"]["lost-count"], 1, "{stdout}");
    assert_eq!(smaller["workload"]["attempt-count"], 1, "{stdout}");
    assert_eq!(smaller["options"]["latency-dist"], "constant", "{stdout}");
    assert_eq!(smaller["options"]["loss"], 0.0, "{stdout}");
    let lost = smaller["options"]["lose-messages"].as_str().expect("one is named");
    assert!(lost.parse::<u64>().is_ok(), "{lost}");
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
            let store = store.path().display().to_string();
            stdout.lines().take(2).map(|line| format!("{line}\n").replace(&store, "S")).collect()
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
        let plain = ["--strategy", "independent", "--shrink", "0"];
        let flags = ["--seeds", "0..40", "--keep-going", "--shard", shard];
        let flags = [&flags[..], &plain].concat();
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
fn wrong_usage_is_refused() {
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
        assert!(stderr.starts_with("eddy: "), "{stderr}");
        assert!(stderr.contains(says), "{flags:?}: {stderr}");
    }
    assert_eq!(runs(store.path()).len(), 0);
}

/// A node in Python that gives out the ids of a list, as Python has it, one after another.
fn write_generator(path: &Path, ids: &str) {
    let source = format!(
        r#"
import itertools, json, sys
ids = iter({ids})
for line in sys.stdin:
    request = json.loads(line)
    body = dict(in_reply_to=request["body"]["msg_id"], type=request["body"]["type"] + "_ok")
    if body["type"] == "generate_ok":
        body["id"] = next(ids)
    print(json.dumps(dict(src=request["dest"], dest=request["src"], body=body)), flush=True)
"#
    );
    write_script(path, &format!("exec python3 -c '{source}'"));
}

#[test]
fn real_processes_are_swept_one_after_another_and_only_failing_runs_kept() {
    let directory = TemporaryDirectory::new("sweep-real");
    let path = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    let (store, good, bad) = (path("store"), path("good"), path("bad"));
    write_generator(Path::new(&good), "itertools.count()");
    write_generator(Path::new(&bad), "itertools.cycle([1, 2, 3])");
    let sweep = |bin: &str| {
        let words = "sweep -w unique-ids --node-count 1 --rate 50 --time-limit 0.5 --seeds 3..5";
        let mut args: Vec<&str> = words.split(' ').collect();
        args.extend(["--shrink", "0", "--store", &store, "--bin", bin]);
        run(&args)
    };
    let (status, stdout, _) = sweep(&good);
    assert_eq!(status, Some(0), "{stdout}");
    assert_eq!(stdout, "2 of 2 seeds tried: 2 valid, 0 invalid, 0 unknown\n");
    assert_eq!(runs(Path::new(&store)).len(), 0);
    assert!(!Path::new(&store).join("latest").is_symlink(), "no link leads nowhere");

    let (status, stdout, _) = sweep(&bad);
    assert_eq!(status, Some(1), "{stdout}");
    assert!(stdout.starts_with("seed 3 is invalid (workload): "), "{stdout}");
    assert!(stdout.contains("ids were given out more than once"), "{stdout}");
    assert!(stdout.ends_with("1 of 2 seeds tried: 0 valid, 1 invalid, 0 unknown\n"), "{stdout}");
    assert_eq!(runs(Path::new(&store)).len(), 1, "{stdout}");
}
