//! SIGKILL at any moment: a real process with a state directory, killed hundreds of times while it
//! gives out ids as fast as it can, never gives out one that it gave out before.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const INIT: &str = r#"{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#;
const GENERATE: &str = r#"{"src":"c1","dest":"n1","body":{"type":"generate","msg_id":2}}"#;
/// How long a busy machine may take to start a process.
const PATIENCE: Duration = Duration::from_secs(30);

/// When a life ends.
#[derive(Clone, Copy)]
enum Kill {
    /// So long after the process was started.
    AfterStart(Duration),
    /// So long after its first id was seen.
    AfterFirstId(Duration),
}

fn start(dir: &Path, scheme: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_identifier"))
        .args(["--scheme", scheme, "--state-dir"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a node live until it is killed and returns all ids that it gave out.
fn one_life(dir: &Path, scheme: &str, kill: Kill) -> Vec<String> {
    let mut child = start(dir, scheme);
    let mut stdin = child.stdin.take().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let writer = std::thread::spawn(move || {
        let mut requests = format!("{INIT}\n");
        // Until the node is killed and the pipe breaks.
        while stdin.write_all(requests.as_bytes()).is_ok() {
            requests = format!("{GENERATE}\n").repeat(200);
        }
    });
    let (ids, received) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        // The last line may be half a line.
        for line in stdout.lines().map_while(Result::ok) {
            let Ok(message) = serde_json::from_str::<serde_json::Value>(&line) else { break };
            if let Some(id) = message["body"]["id"].as_str() {
                let _ = ids.send(id.to_owned());
            }
        }
    });
    let (first, wait) = match kill {
        Kill::AfterStart(wait) => (None, wait),
        Kill::AfterFirstId(wait) => (Some(received.recv_timeout(PATIENCE).unwrap()), wait),
    };
    #[expect(clippy::disallowed_methods, reason = "a real process lives in real time")]
    std::thread::sleep(wait);
    child.kill().unwrap();
    child.wait().unwrap();
    writer.join().unwrap();
    reader.join().unwrap();
    first.into_iter().chain(received).collect()
}

fn check_lives(scheme: &str, lives: u64, seed: u64) {
    let scratch = tempfile::tempdir().unwrap();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut seen = HashSet::new();
    for life in 0..lives {
        let kill = match life % 2 {
            0 => Kill::AfterStart(Duration::from_micros(random.random_range(0..20_000))),
            _ => Kill::AfterFirstId(Duration::from_micros(random.random_range(0..10_000))),
        };
        for id in one_life(scratch.path(), scheme, kill) {
            assert!(seen.insert(id.clone()), "life {life} of seed {seed}: {id} repeats");
        }
    }
}

#[test]
fn a_counter_that_is_killed_at_any_moment_never_repeats_an_id() {
    check_lives("counter", 300, 1);
}

#[test]
fn a_timestamp_that_is_killed_at_any_moment_never_repeats_an_id() {
    check_lives("timestamp", 60, 2);
}

#[test]
fn records_that_were_damaged_stop_the_node_before_it_says_a_word() {
    let scratch = tempfile::tempdir().unwrap();
    one_life(scratch.path(), "counter", Kill::AfterFirstId(Duration::ZERO));
    let file = scratch.path().join("n1/records.redb");
    let length = std::fs::metadata(&file).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(length / 2).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_identifier"))
        .arg("--state-dir")
        .arg(scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{INIT}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("records.redb is damaged and is not used"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
