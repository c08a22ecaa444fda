//! `eddy test` with real processes from its command line: verdicts for good and bad nodes in other
//! languages, and nothing left behind however it ends.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::process_bench::{PATIENCE, node};
use crate::support::{TemporaryDirectory, eddy, run};

/// Runs a short test against nodes under `tests/nodes`; exit status and everything that was said.
fn test(store: &Path, program: &str, flags: &[&str], arguments: &[&str]) -> (Option<i32>, String) {
    let program = node(program);
    let (program, store) = (program.to_str(), store.to_str());
    let mut args = vec!["test", "--bin", program.expect("UTF-8"), "--time-limit", "1"];
    args.extend(["--store", store.expect("UTF-8"), "--recovery-time", "0", "--seed", "3"]);
    args.extend(flags);
    args.push("--");
    args.extend(arguments);
    let (status, stdout, stderr) = run(&args);
    (status, stdout + &stderr)
}

#[test]
fn good_nodes_in_other_languages_are_valid() {
    let store = TemporaryDirectory::new("good-nodes");
    for (workload, program, nodes, rest) in [
        ("echo", "echo.py", "2", ["--nemesis", "kill"]),
        ("unique-ids", "unique_ids.sh", "3", ["--nemesis", "partition"]),
        ("broadcast", "broadcast.py", "5", ["--latency", "10"]),
        ("pn-counter", "counter.py", "3", ["--nemesis", "partition"]),
    ] {
        let flags = ["-w", workload, "--node-count", nodes, "--rate", "20", rest[0], rest[1]];
        let interval = ["--nemesis-interval", "0.2"];
        let (status, said) = test(store.path(), program, &[&flags[..], &interval].concat(), &[]);
        assert_eq!(status, Some(0), "{workload}: {said}");
    }
}

#[test]
fn every_bad_node_has_its_verdict_and_its_reason() {
    let store = TemporaryDirectory::new("bad-nodes");
    let cases = [
        (
            "garbage",
            1,
            "n0: line 2 on its stdout is no message: it is no JSON object; did you print",
        ),
        ("banner", 1, "Listening on stdin"),
        ("half-line", 1, "newline inside the message"),
        ("wrong-src", 1, "n0: line 2 on its stdout has the `src` of `n1`, who is not there"),
        ("nobody", 1, "for `n99`, who is not there"),
        ("closes-stdout", 1, "n0: it closed its stdout and goes on running"),
        ("floods-garbage", 1, "line 2 on its stdout is no message"),
        ("dies", 1, "exit code 7"),
        ("dies-by-signal", 1, "SIGSEGV"),
        ("exits-at-once", 1, "cannot open the database"),
        ("refuses-init", 1, "n0: it answered `init` with something else"),
        ("extra-field", 1, "`node` does not belong into `echo_ok`"),
        ("huge", 1, "not what was sent"),
        ("no-in-reply-to", 1, "n0: a message to c1 has no `in_reply_to`"),
        ("late-reply", 0, "n0: a reply to request 1 of c1 came when c1 had its answer already"),
    ];
    // Some of them are waited for; side by side that takes the time of one.
    std::thread::scope(|scope| {
        for (fault, expected, reason) in cases {
            let store = store.path().join(fault);
            scope.spawn(move || {
                let flags = ["-w", "echo", "--node-count", "1", "--rate", "10"];
                let (status, said) = test(&store, "bad.py", &flags, &[fault]);
                assert_eq!(status, Some(expected), "{fault}: {said}");
                assert!(said.contains(reason), "{fault}: {said}");
            });
        }
    });
}

#[test]
fn ids_that_repeat_after_a_restart_are_found_by_kills() {
    let store = TemporaryDirectory::new("forgetful-ids");
    let flags = ["-w", "unique-ids", "--rate", "200", "--nemesis", "kill"];
    // One second, and a restart that comes only after it: the nodes are asked once more.
    for interval in ["0.3", "20"] {
        let flags = [&flags[..], &["--nemesis-interval", interval]].concat();
        let (status, said) = test(store.path(), "forgetful_ids.py", &flags, &[]);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("given out more than once"), "{said}");
    }
}

#[test]
fn what_is_no_program_is_one_line_and_no_run() {
    let store = TemporaryDirectory::new("no-program");
    let place = store.path().join("store");
    for (program, reason) in [("no-such-node", "no such file"), (".", "is a directory")] {
        let (status, said) = test(&place, program, &["-w", "echo"], &[]);
        assert_eq!(status, Some(2), "{said}");
        let line = said.lines().last().expect("a line");
        assert!(line.starts_with("eddy: ") && line.contains(reason), "{said}");
    }
}

/// Two nodes at work, with a child each: nodes that ignore the end of their input and every signal
/// that can be ignored (`stubborn`), or with a child that has another group, no environment (`deserter`)
/// and no parent (`daemon`). And what tells how they fare: lines when they work, the end when all are
/// gone.
struct Stubborn {
    eddy: Child,
    witness: Receiver<String>,
    directory: TemporaryDirectory,
}

impl Stubborn {
    fn start(name: &str, fault: &str, seconds: &str) -> Self {
        let directory = TemporaryDirectory::new(name);
        let pipe = directory.path().join("witness");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        let eddy = Command::new(eddy())
            .args(["test", "-w", "echo", "--node-count", "2", "--time-limit", seconds])
            .arg("--bin")
            .arg(node("bad.py"))
            .arg("--store")
            .arg(directory.path())
            .args(["--rate", "100", "--", fault])
            .arg(&pipe)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("eddy starts");
        let (sender, witness) = channel();
        std::thread::spawn(move || {
            let file = File::open(pipe).expect("the pipe can be read");
            // It ends when nobody is left who could write, and the channel with it.
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let stubborn = Self { eddy, witness, directory };
        stubborn.await_work(1);
        stubborn
    }

    /// Waits until the nodes have done so many operations more.
    fn await_work(&self, operations: usize) {
        for _ in 0..operations {
            self.witness.recv_timeout(PATIENCE).expect("the nodes work");
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.eddy), signal).expect("eddy runs");
    }

    /// Waits until the nodes and their children are gone.
    fn assert_gone(&self) {
        while let Ok(line) = self.witness.recv_timeout(PATIENCE) {
            assert_eq!(line, "working");
        }
        let end = self.witness.try_recv();
        assert_eq!(end, Err(std::sync::mpsc::TryRecvError::Disconnected), "a process is left");
    }
}

#[test]
fn no_node_outlives_a_bench_that_is_killed() {
    let mut stubborn = Stubborn::start("killed-bench", "stubborn", "600");
    stubborn.signal(Signal::KILL);
    stubborn.eddy.wait().expect("eddy ends");
    stubborn.assert_gone();
}

#[test]
fn no_child_without_group_environment_and_parent_outlives_the_run() {
    for fault in ["deserter", "daemon"] {
        let mut nodes = Stubborn::start(&format!("ended-{fault}"), fault, "0.5");
        assert!(nodes.eddy.wait().expect("eddy ends").success());
        nodes.assert_gone();
    }
}

#[test]
fn no_child_without_group_environment_and_parent_outlives_a_bench_that_is_killed() {
    for fault in ["deserter", "daemon"] {
        let mut nodes = Stubborn::start(&format!("killed-{fault}"), fault, "600");
        // Orphans are known to the reaper once it has looked, which it does twice a second.
        nodes.await_work(150);
        nodes.signal(Signal::KILL);
        nodes.eddy.wait().expect("eddy ends");
        nodes.assert_gone();
    }
}

#[test]
fn an_interrupt_ends_the_run_with_its_results_and_leaves_no_node() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut stubborn =
            Stubborn::start(&format!("interrupted-bench-{}", signal.as_raw()), "stubborn", "600");
        stubborn.signal(signal);
        let status = stubborn.eddy.wait().expect("eddy ends");
        assert!(status.code().is_some(), "{status}");
        stubborn.assert_gone();
        let results = stubborn.directory.path().join("latest/results.json");
        assert!(results.exists(), "what was found so far is told");
    }
}

/// A test that is ended by a signal once its clients have done something: its exit code, and what it said.
#[expect(clippy::disallowed_methods, reason = "a real process is waited for in real time")]
fn cut_short(arguments: &str) -> (Option<i32>, String) {
    let store = TemporaryDirectory::new("cut-short");
    let mut eddy = Command::new(eddy());
    eddy.arg("test").arg("--store").arg(store.path()).arg("--quiet").args(arguments.split(' '));
    let eddy = eddy.stdout(Stdio::piped()).spawn().expect("eddy starts");
    let history = store.path().join("latest/history.jsonl");
    let until = Instant::now() + PATIENCE;
    while std::fs::read_to_string(&history).unwrap_or_default().lines().count() < 200 {
        assert!(Instant::now() < until, "clients begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&eddy), Signal::TERM).expect("eddy runs");
    let ended = eddy.wait_with_output().expect("eddy ends");
    (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// No node tells the others anything, but these reads came too early to say so.
#[test]
fn an_interrupt_before_the_final_reads_makes_nothing_lost() {
    let program = node("demo.py");
    let (exit_code, said) = cut_short(&format!(
        "-w broadcast --node-count 3 --rate 200 --time-limit 600 --bin {} -- broadcast keeps-to-itself",
        program.display()
    ));
    assert_eq!(exit_code, Some(2), "{said}");
    assert!(said.contains(": the run was ended before its time"), "{said}");
    assert!(!said.contains("lost"), "{said}");
}

#[test]
fn an_interrupt_ends_a_run_in_virtual_time_with_its_results() {
    let (exit_code, said) =
        cut_short("-w g-set --rate 100 --time-limit 36000 --simulate gossiper -- g-set");
    assert_eq!(exit_code, Some(2), "{said}");
    assert!(said.contains(": the run was ended before its time"), "{said}");
}
