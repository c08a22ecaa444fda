//! A table of bad nodes, one behaviour each, run by `eddy test` from outside: whatever a node does,
//! the run ends within its own limits, with a verdict, a sentence that names the node and what it
//! did, and the run's files.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process_bench::node;
use crate::support::{TemporaryDirectory, run};

/// Longest that a run may take by its phases: 10 s for `init`, 1 s of operations, 5 s for the last
/// replies, and what a busy machine needs for everything else.
const LONGEST: Duration = Duration::from_secs(60);
/// How many runs go on at once.
const AT_ONCE: usize = 12;

/// What a run may leave, in bytes, whatever a node does: see "What is not there" in ARCHITECTURE.md. A
/// piece of a log, or a line of messages, may cross the bound.
const LOG_MAX: u64 = 17 << 20;
const MESSAGES_MAX: u64 = 513 << 20;
const REPORT_MAX: u64 = 32 << 20;

/// A behaviour of `bad.py`, the exit status of a run with it, and what the verdict has to say.
type Case = (&'static str, i32, &'static str);

const CASES: &[Case] = &[
    // At the start.
    ("exits-at-once", 1, "n0: it ended before it answered `init` (exit code 3)"),
    ("exits-with-0", 1, "n0: it ended before it answered `init` (exit code 0)"),
    (
        "never-answers-init",
        1,
        "n0: it did not answer `init` within 10 s; it has read what it was sent",
    ),
    ("forgets-to-flush", 1, "and flush stdout after it (in Python: print(..., flush=True))?"),
    ("never-reads", 1, "n0: it did not answer `init` within 10 s; it has not read all"),
    ("stops-before-init", 1, "n0: it did not answer `init` within 10 s; the process is stopped"),
    ("refuses-init", 1, "n0: it answered `init` with something else"),
    (
        "init-ok-to-nobody",
        1,
        "n0: it did not answer `init` within 10 s; line 1 on its stdout is for `n98`, who is not",
    ),
    (
        "init-wrong-number",
        1,
        "n0: it did not answer `init` within 10 s; `in_reply_to` is 8 and should be 1",
    ),
    (
        "garbage-for-init",
        1,
        "n0: it did not answer `init` within 10 s; line 1 on its stdout is no message: it is no",
    ),
    ("half-init-ok", 1, "n0: it ended before it answered `init` (exit code 0)"),
    ("closes-stdout-at-once", 1, "n0: it did not answer `init` within 10 s"),
    (
        "floods-before-init",
        1,
        "n0: it did not answer `init` within 10 s; line 1 on its stdout is no",
    ),
    ("dies-after-init", 1, "n0: "),
    // Once the operations have begun.
    ("silent", 1, "n0: it answered none of the"),
    ("stops-itself", 1, "n0: the process was stopped by a signal"),
    ("stops-reading", 1, "n0: it has not read its stdin for 4 s"),
    ("dies", 1, "n0: the process ended by itself (exit code 7)"),
    ("dies-third", 1, "n0: the process ended by itself (exit code 8)"),
    ("dies-by-signal", 1, "SIGSEGV"),
    ("dies-mid-line", 1, "ends in the middle of a message"),
    ("no-newline", 1, "n0: the process ended by itself (exit code 0)"),
    ("closes-stdin", 1, "n0: it closed its stdin and goes on running"),
    ("closes-stdout", 1, "n0: it closed its stdout and goes on running"),
    ("closes-stderr", 0, "Everything looks good"),
    // What it writes.
    ("banner", 1, "Listening on stdin"),
    ("garbage", 1, "n0: line 2 on its stdout is no message: it is no JSON object; did you print"),
    ("invalid-utf-8", 1, "n0: line 2 on its stdout is no message"),
    ("nul-bytes", 1, "n0: line 2 on its stdout is no message"),
    ("an-array", 1, "n0: line 2 on its stdout is no message: it is no JSON object"),
    ("half-line", 1, "is there a newline inside the message"),
    ("extra-key", 1, "everything but these belongs into `body`"),
    (
        "extra-field",
        1,
        "n0: its answer to `echo` is malformed: `node` does not belong into `echo_ok`",
    ),
    ("body-is-text", 1, "its `body` is no object"),
    ("two-on-a-line", 0, "has more than one message; the first counts"),
    ("wrong-src", 1, "has the `src` of `n1`, who is not there"),
    ("service-src", 0, "has the `src` of `lin-kv`; it counts as if lin-kv had sent it"),
    ("nobody", 1, "n0: line 2 on its stdout is for `n99`, who is not there"),
    ("no-in-reply-to", 1, "n0: a message to c1 has no `in_reply_to`"),
    ("wrong-in-reply-to", 1, "n0: it answered none of the"),
    ("huge-number", 1, "n0: "),
    ("late-reply", 0, "n0: a reply to request 1 of c1 came when c1 had its answer already"),
    ("late", 1, "n0: it answered none of the"),
    ("error-replies", 1, "not one echo succeeded"),
    (
        "wrong-type",
        1,
        "n0: its answer to `echo` is malformed: its type is `generate_ok` and should be `echo_ok`",
    ),
    ("deep", 1, "n0: its answer to `echo` is malformed: `y` does not belong into `echo_ok`"),
    ("huge", 1, "not what was sent"),
    ("endless-line", 1, "has no end yet; is the newline missing?"),
    // Floods.
    ("floods-garbage", 1, "line 2 on its stdout is no message"),
    ("floods-stderr", 1, "n0: it "),
    ("floods-replies", 1, "n0: it answered none of the"),
    ("floods-nobody", 1, "is for `n99`, who is not there"),
    ("floods-service", 1, "n0: "),
    // Ends.
    ("stubborn", 0, "Everything looks good"),
    ("setsid-child", 0, "Everything looks good"),
];

/// The size of a file; 0 where there is none.
fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// What a run says and how long it took; or what is wrong with that.
fn check(store: &Path, (fault, expected, sentence): Case) -> Result<(), String> {
    let store = store.join(fault);
    let program = node("bad.py");
    let args = ["test", "-w", "echo", "--node-count", "1", "--rate", "10", "--time-limit", "1"];
    let more = ["--seed", "3", "--json", "--bin", program.to_str().expect("UTF-8"), "--store"];
    let all = [&args[..], &more, &[store.to_str().expect("UTF-8"), "--", fault]].concat();
    #[expect(clippy::disallowed_methods, reason = "the time of a run is what is tested")]
    let started = Instant::now();
    let (status, stdout, stderr) = run(&all);
    let time = started.elapsed();
    let fail = |what: &str| Err(format!("{fault}: {what} ({time:?})\n{stdout}\n{stderr}"));
    if status != Some(expected) {
        return fail(&format!("status {status:?} instead of {expected}"));
    }
    let Ok(results) = serde_json::from_str::<Value>(&stdout) else { return fail("no JSON") };
    let texts = [&results["verdict"], &results["notes"]].map(Value::to_string).concat();
    let texts = texts.replace("\\\"", "\"");
    if !texts.contains(sentence) {
        return fail(&format!("no {sentence:?} in {texts}"));
    }
    if results["valid?"] != Value::Bool(expected == 0) {
        return fail("another verdict than the exit status");
    }
    let log = size(&store.join("latest/node-logs/n0.log"));
    let messages = size(&store.join("latest/messages.jsonl"));
    let report = size(&store.join("latest/report.html"));
    if log > LOG_MAX || messages > MESSAGES_MAX || report > REPORT_MAX {
        return fail(&format!("log of {log}, messages of {messages}, report of {report} bytes"));
    }
    let missing = ["latest/results.json", "latest/report.html"]
        .into_iter()
        .find(|file| !store.join(file).exists());
    match missing {
        Some(file) => fail(&format!("no {file}")),
        None if time > LONGEST => fail("too long"),
        None => Ok(()),
    }
}

#[test]
fn whatever_a_node_does_the_run_ends_with_verdict_sentence_and_files() {
    let store = TemporaryDirectory::new("table-of-bad-nodes");
    // Those that are waited for longest come first.
    let (mut queue, failures) = (CASES.to_vec(), Mutex::new(Vec::new()));
    queue.reverse();
    let queue = Mutex::new(queue);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let case = queue.lock().unwrap().pop();
                    let Some(case) = case else { break };
                    if let Err(failure) = check(store.path(), case) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        CASES.len(),
        failures.join("\n\n")
    );
}

#[test]
fn what_cannot_be_executed_has_a_verdict_and_says_why() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = TemporaryDirectory::new("no-format");
    let program = directory.path().join("node");
    std::fs::write(&program, [0x7f, 0, 1, 2, b'\n']).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let store = directory.path().join("store");
    let (program, place) = (program.to_str().unwrap(), store.to_str().unwrap());
    let args = ["test", "-w", "echo", "--json", "--bin", program, "--store", place];
    let (status, stdout, stderr) = run(&args);
    assert_eq!(status, Some(1), "{stderr}");
    let results: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(results["valid?"], Value::Bool(false));
    assert!(results["verdict"].to_string().contains("is its first line missing"), "{stdout}");
    assert!(store.join("latest/report.html").exists());
}
