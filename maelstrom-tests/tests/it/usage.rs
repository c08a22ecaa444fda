//! What eddy says of a command line that it cannot use, of a store that it cannot write, and of runs
//! that say nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process_bench::node;
use crate::support::{TemporaryDirectory, eddy, run};

/// The run directories of a store.
fn runs(store: &Path) -> usize {
    let workloads = fs::read_dir(store).into_iter().flatten().flatten();
    let is_directory = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let times = workloads.filter(is_directory).flat_map(|workload| fs::read_dir(workload.path()));
    times.flatten().flatten().filter(is_directory).count()
}

/// `eddy test` of the echo node with these flags.
fn test(store: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
    let program = node("echo.py");
    let mut args = vec!["test", "--bin", program.to_str().expect("UTF-8"), "--node-count", "1"];
    args.extend(["--time-limit", "0.5", "--seed", "3", "--store", store.to_str().expect("UTF-8")]);
    for default in [["--rate", "20"], ["-w", "echo"]] {
        if !flags.contains(&default[0]) {
            args.extend(default);
        }
    }
    args.extend(flags);
    run(&args)
}

#[test]
fn a_wrong_command_line_is_two_and_leaves_nothing() {
    let store = TemporaryDirectory::new("usage");
    for (flags, first, more) in [
        (&["--rate", "-5"][..], "eddy: invalid value '-5' for '--rate <R>'", "0 or more"),
        (&["--tim", "5"], "eddy: unexpected argument '--tim' found", "\n\n  tip: "),
        (
            &["--expect", "foo<4"],
            "eddy: there is no figure `foo` in a run of echo",
            "\n  msgs-per-op",
        ),
        (&["--nodes", "a,b"], "eddy: --node-count 1 contradicts", "a, b"),
    ] {
        let (status, stdout, stderr) = test(store.path(), flags);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
        let line = stderr.lines().next().unwrap();
        assert!(line.starts_with(first), "{stderr}");
        assert!(stderr.contains(more), "{stderr}");
    }
    assert_eq!(runs(store.path()), 0);
}

#[test]
fn eddy_alone_shows_what_it_can_do() {
    let (status, stdout, stderr) = run(&[]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""));
    assert!(stderr.starts_with("eddy: ") && stderr.contains("\n  sweep "), "{stderr}");
    assert!(stderr.contains("Usage: eddy <COMMAND>"), "{stderr}");
}

#[test]
fn what_eddy_alone_tells_to_begin_with_works() {
    let (_, _, stderr) = run(&[]);
    let begin = stderr.split("To begin with:\n").nth(1).expect("commands to begin with");
    let commands: Vec<_> = begin.lines().map_while(|line| line.strip_prefix("  eddy ")).collect();
    assert_eq!(commands.len(), 3, "{stderr}");
    let directory = TemporaryDirectory::new("begin");
    for command in commands {
        // Shorter than for people.
        let command = command.replace("--time-limit 3", "--time-limit 1");
        let mut eddy = Command::new(eddy());
        let output = eddy.args(command.split(' ')).current_dir(directory.path()).output();
        let output = output.expect("eddy starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command}: {said}");
    }
}

#[test]
fn figures_are_listed_for_a_workload() {
    let (status, stdout, _) = run(&["figures", "-w", "broadcast"]);
    assert_eq!(status, Some(0));
    assert!(stdout.contains("p50") && stdout.contains("workload.lost-count"), "{stdout}");
}

#[test]
fn flags_of_maelstrom_without_meaning_are_passed_over_with_a_word() {
    let store = TemporaryDirectory::new("no-meaning");
    let (status, stdout, stderr) =
        test(store.path(), &["--no-ssh", "--username", "root", "--leave-db-running"]);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    for flag in ["--no-ssh", "--username", "--leave-db-running"] {
        assert!(stderr.contains(&format!("{flag} has no meaning")), "{stderr}");
    }
}

#[test]
fn the_verdict_is_said_once_and_the_run_can_be_repeated_as_it_was_started() {
    let store = TemporaryDirectory::new("again");
    let (status, stdout, _) = test(store.path(), &[]);
    assert_eq!(status, Some(0), "{stdout}");
    assert_eq!(stdout.matches("echo on 1 node").count(), 1, "{stdout}");
    assert_eq!(stdout.matches("✔").count(), 1, "{stdout}");
    let again = stdout.lines().last().unwrap().trim();
    let start = format!("again  {} test --store {} ", eddy().display(), store.path().display());
    assert!(again.starts_with(&start), "{again}");
}

#[test]
fn a_run_without_operations_says_nothing() {
    let store = TemporaryDirectory::new("vacuous");
    let (status, stdout, _) = test(store.path(), &["--rate", "0"]);
    assert_eq!(status, Some(2), "{stdout}");
    assert!(stdout.contains("nothing was put to the test"), "{stdout}");
}

#[test]
fn a_node_of_another_workload_is_asked_what_it_is() {
    let store = TemporaryDirectory::new("other-workload");
    let (_, stdout, stderr) = test(store.path(), &["-w", "broadcast", "--recovery-time", "0"]);
    assert!(
        (stdout + &stderr).contains("is this a node for broadcast? `eddy check-node -w broadcast`")
    );
    let (status, stdout, _) = test(store.path(), &["-w", "unique-ids"]);
    assert_eq!(status, Some(1));
    assert!(stdout.contains("is this a node for unique-ids? `eddy check-node"), "{stdout}");
}

#[test]
fn a_store_that_cannot_be_made_is_named() {
    let directory = TemporaryDirectory::new("no-store");
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let (status, _, stderr) = test(&file, &[]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains(&format!("{}/echo: ", file.display())), "{stderr}");
    assert!(stderr.contains("; --store DIR keeps runs elsewhere"), "{stderr}");
}

#[test]
fn a_full_disk_costs_files_and_not_the_verdict() {
    let store = TemporaryDirectory::new("full-disk");
    // No file may have more than 4 KiB, and to try is an error instead of a signal.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(eddy())
        .args(["test", "-w", "unique-ids", "--simulate", "identifier", "--node-count", "3"])
        .args(["--time-limit", "5", "--rate", "100", "--seed", "1", "--store"])
        .arg(store.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("✔ valid"), "{stdout}");
    assert!(stderr.starts_with("eddy: not all of this run could be kept: "), "{stderr}");
    assert!(stderr.contains(".jsonl: File too large"), "{stderr}");
}

#[test]
fn a_node_has_one_log_under_one_name_in_both_worlds() {
    let store = TemporaryDirectory::new("one-log");
    let name = "a b/../ä";
    let program = node("unique_ids.sh");
    let simulated = ["--simulate", "identifier"];
    let real = ["--bin", program.to_str().unwrap()];
    for world in [simulated, real] {
        let mut args = vec!["test", "-w", "unique-ids", "--nodes", name, "--time-limit", "0.5"];
        args.extend(["--store", store.path().to_str().unwrap(), "--rate", "10"]);
        args.extend(world);
        let (status, stdout, stderr) = run(&args);
        assert_eq!(status, Some(0), "{stdout}{stderr}");
        let logs = fs::read_dir(store.path().join("latest/node-logs")).unwrap();
        let logs: Vec<_> = logs.map(|log| log.unwrap().file_name()).collect();
        assert_eq!(logs, ["a%20b%2F..%2F%C3%A4.log"]);
        let read = eddy::report::logs::read(&store.path().join("latest")).unwrap();
        assert_eq!(read[0].node, name);
    }
}

#[test]
fn a_run_that_was_refused_is_not_kept_and_not_the_latest() {
    let store = TemporaryDirectory::new("refused");
    let place = store.path().to_str().unwrap();
    let run_of = |arguments: &[&str]| {
        let flags = ["test", "-w", "unique-ids", "--simulate", "identifier", "--time-limit", "1"];
        run(&[&flags[..], &["--store", place, "--"], arguments].concat())
    };
    assert_eq!(run_of(&["--no-such-flag"]).0, Some(2));
    assert!(!store.path().join("latest").exists() && runs(store.path()) == 0);
    assert_eq!(run_of(&[]).0, Some(0));
    let links = ["latest", "current", "unique-ids/latest"].map(|link| store.path().join(link));
    let before = links.each_ref().map(|link| fs::read_link(link).unwrap());
    let (status, _, stderr) = run_of(&["--no-such-flag"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("the arguments of the node are wrong"), "{stderr}");
    assert_eq!(links.each_ref().map(|link| fs::read_link(link).unwrap()), before);
    assert_eq!(runs(store.path()), 1);
}

#[test]
fn a_run_that_is_not_there_is_refused_in_the_same_words_by_all() {
    let store = TemporaryDirectory::new("no-run");
    let place = store.path().to_str().unwrap();
    for command in
        [&["report", "nowhere"][..], &["explain", "nowhere"], &["compare", "nowhere", "x"]]
    {
        let (status, stdout, stderr) = run(&[command, &["--store", place][..]].concat());
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert_eq!(stderr, format!("eddy: there is no run nowhere, neither here nor in {place}\n"));
    }
}

#[test]
fn a_flag_of_the_node_is_told_where_it_goes() {
    let store = TemporaryDirectory::new("flag-of-node");
    let (status, _, stderr) = test(store.path(), &["--state-dir", "x"]);
    assert_eq!(status, Some(2));
    let tip = "tip: a flag of the node goes behind `--`, as in `-- --state-dir`";
    assert!(stderr.contains(tip), "{stderr}");
    let (_, _, stderr) = run(&["check-node", "--bin", "x"]);
    assert!(stderr.contains("tip: the program is named without `--bin`"), "{stderr}");
    // A command that starts no node has nothing to say of it.
    let (_, _, stderr) = run(&["report", "--bin", "x"]);
    assert!(!stderr.contains("tip"), "{stderr}");
}

#[test]
fn programs_tell_no_conditions_and_none_can_be_expected_of_them() {
    let store = TemporaryDirectory::new("no-conditions");
    let (status, _, stderr) = test(store.path(), &["--expect", "sometimes.a leader steps down>0"]);
    assert_eq!((status, runs(store.path())), (Some(2), 0), "{stderr}");
    assert!(stderr.contains("programs do not say what should happen sometimes"), "{stderr}");
}
