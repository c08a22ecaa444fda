//! Nodes that do everything wrong that can be done wrong (`tests/nodes/bad.py`): each is named with
//! what it did, nothing hangs, and whatever is right about it still counts.

use std::time::Duration;

use eddy::process::ProcessWorld;
use eddy::wire::{Answer, Request};
use eddy::world::{ProblemKind, World};
use proto::{Json, MessageId};

use crate::process_bench::{Bench, PATIENCE, options};

/// A bench of two nodes with this fault, one of which has just shown it.
fn provoked(fault: &str, kind: ProblemKind) -> (Bench, String) {
    let mut bench = Bench::of("bad.py", &[fault], 2);
    let problem = bench.provoke(0, kind);
    (bench, problem.text)
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

/// Only these kinds of problems, with their counts, and none of the other node.
fn assert_problems(bench: &Bench, expected: &[(ProblemKind, u64)]) {
    let problems = bench.world.problems();
    let found: Vec<_> = problems.iter().map(|problem| (problem.kind, problem.count)).collect();
    assert_eq!(found, expected, "{problems:#?}");
    assert!(problems.iter().all(|problem| problem.node.as_str() == "n0"));
}

#[test]
fn garbage_is_quoted_with_its_line_and_good_messages_around_it_count() {
    let mut bench = Bench::of("bad.py", &["garbage"], 2);
    assert!(bench.echoes(0));
    let problem = bench.await_problem(0, ProblemKind::Garbage);
    assert_says(&problem.text, &["line 2 on its stdout", "did you print to stdout?", "got echo"]);
    assert!(bench.echoes(0));
    // Three lines each time: a stray print, a blank line, and bytes that are no text.
    assert_problems(&bench, &[(ProblemKind::Garbage, 6)]);
}

#[test]
fn a_banner_before_init_is_garbage_and_nothing_more() {
    let mut bench = Bench::of("bad.py", &["banner"], 1);
    assert!(bench.echoes(0));
    let [problem] = &bench.world.problems()[..] else { panic!("one problem") };
    assert_eq!(problem.kind, ProblemKind::Garbage);
    assert_says(&problem.text, &["line 1 on", "Logs belong on stderr", "Listening on stdin"]);
}

#[test]
fn half_a_line_and_two_messages_on_a_line_are_told_apart() {
    let (mut bench, text) = provoked("half-line", ProblemKind::Garbage);
    assert_says(&text, &["newline inside the message", r#"{"src": "n0","#]);
    assert!(bench.echoes(0));
    let (mut bench, text) = provoked("two-on-a-line", ProblemKind::SharedLine);
    assert_says(
        &text,
        &["line 2 on", "more than one message; the first counts", "newline missing"],
    );
    assert!(bench.echoes(0));
    assert!(!ProblemKind::SharedLine.is_fatal());
}

#[test]
fn an_extra_key_beside_the_body_is_named() {
    let (mut bench, text) = provoked("extra-key", ProblemKind::Garbage);
    assert_says(&text, &["unknown field `type`", "belongs into `body`"]);
    assert!(bench.echoes(0));
}

#[test]
fn an_extra_key_in_a_reply_is_named() {
    let mut bench = Bench::of("bad.py", &["extra-field"], 1);
    let (answer, _) = bench.ask(0, Json::from(1));
    let Answer::Malformed(flaw) = answer else { panic!("{answer:?}") };
    assert_says(&flaw, &["`node` does not belong into `echo_ok`"]);
}

#[test]
fn a_message_in_somebody_elses_name_counts_and_one_in_nobodys_is_a_problem() {
    let (mut bench, text) = provoked("wrong-src", ProblemKind::OtherSource);
    assert_says(&text, &["line 2 on", "counts as if n1 had sent it", r#""src": "n1""#]);
    assert!(bench.echoes(0));
    assert!(!ProblemKind::OtherSource.is_fatal(), "Maelstrom accepts it too");
    let (mut bench, text) = provoked("unknown-src", ProblemKind::WrongSource);
    assert_says(&text, &["has the `src` of `nobody`, who is not there"]);
    assert!(bench.echoes(0));
}

#[test]
fn a_message_to_nobody_is_a_problem() {
    let (mut bench, text) = provoked("nobody", ProblemKind::UnknownDestination);
    assert_says(&text, &["for `n99`, who is not there"]);
    assert!(bench.echoes(0));
}

#[test]
fn a_second_reply_reaches_its_client_as_such() {
    let mut bench = Bench::of("bad.py", &["late-reply"], 1);
    let msg_id = bench.send_echo(0);
    let deadline = bench.world.now() + PATIENCE;
    for _ in 0..2 {
        let reply = bench.world.wait(deadline).expect("two replies");
        assert_eq!(reply.in_reply_to, Some(msg_id));
    }
    assert_eq!(bench.world.problems(), []);
}

#[test]
fn a_message_of_ten_megabytes_arrives() {
    let mut bench = Bench::of("bad.py", &["huge"], 1);
    let (answer, got) = bench.ask(0, Json::from(1));
    assert!(matches!(answer, Answer::Ok));
    assert_eq!(got.text().len(), 10_000_002);
    assert_eq!(bench.world.problems(), []);
}

#[test]
fn a_closed_stream_is_a_problem_while_the_process_lives() {
    let (_, text) = provoked("closes-stdout", ProblemKind::ClosedStream);
    assert_says(&text, &["closed its stdout and goes on running"]);

    let (_, text) = provoked("closes-stdin", ProblemKind::ClosedStream);
    assert_says(&text, &["closed its stdin and goes on running"]);
}

#[test]
fn a_flood_of_garbage_leaves_the_others_their_turn() {
    let (mut bench, text) = provoked("floods-garbage", ProblemKind::Garbage);
    assert_says(&text, &["did you print to stdout?", "flood"]);
    (0..10).for_each(|_| assert!(bench.echoes(1)));
    let [problem] = &bench.world.problems()[..] else { panic!("one problem") };
    assert!(problem.count > 1000, "{}", problem.count);
}

#[test]
fn a_flood_on_stderr_leaves_the_others_their_turn() {
    let mut bench = Bench::of("bad.py", &["floods-stderr"], 2);
    bench.send_echo(0);
    (0..10).for_each(|_| assert!(bench.echoes(1)));
    assert_eq!(bench.world.problems(), []);
}

#[test]
fn a_flood_that_nobody_reads_is_lost_before_it_fills_the_memory() {
    let mut bench = Bench::of("bad.py", &["floods-peer"], 2);
    bench.send_echo(0);
    let problem = bench.await_problem(1, ProblemKind::Overflow);
    assert_says(&problem.text, &["does not read its stdin", "the last one from n0"]);
    // What counts as received waits in memory, but for what a pipe holds.
    let received = bench.world.statistics().servers.recv_count * FLOOD_MESSAGE_BYTES;
    assert!((63 << 20..68 << 20).contains(&received), "{received} bytes");
}

/// About the length of a message of `floods-peer`.
const FLOOD_MESSAGE_BYTES: u64 = 10_000;

#[test]
fn a_flood_in_a_slow_network_is_lost_before_it_fills_the_memory() {
    let mut options = options("bad.py", &["floods-peer"], 2);
    options.network.latency = Duration::from_secs(1000);
    let mut bench = Bench::start(&options).unwrap();
    let problem = bench.provoke(0, ProblemKind::Overflow);
    assert_says(&problem.text, &["it sends so much"]);
    let statistics = bench.world.statistics();
    let lost = statistics.lost;
    let on_their_way = statistics.servers.send_count - lost.receiver_down - lost.at_random;
    let bytes = on_their_way * FLOOD_MESSAGE_BYTES;
    assert!((100 << 20..130 << 20).contains(&bytes), "{bytes} bytes, {statistics:?}");
}

#[test]
fn a_death_is_told_with_exit_code_and_last_words() {
    let (mut bench, text) = provoked("dies", ProblemKind::Died);
    assert_says(&text, &["ended by itself (exit code 7)", "last words on stderr: out of memory"]);
    assert!(!bench.world.interrupted(), "the other one lives");
    bench.provoke(1, ProblemKind::Died);
    assert!(bench.world.interrupted(), "nobody is left");
    // What is sent to the dead is lost, and nothing else happens.
    assert!(
        bench.ask_within(Duration::from_millis(10), 0, &Request::new("generate"), "id").is_none()
    );

    let (_, text) = provoked("dies-by-signal", ProblemKind::Died);
    assert_says(&text, &["(signal 11, SIGSEGV)", "said nothing on stderr"]);
}

#[test]
fn what_a_process_said_last_counts_if_it_is_a_message() {
    let mut bench = Bench::of("bad.py", &["no-newline"], 1);
    let (answer, _) = bench.ask(0, Json::from(1));
    assert!(matches!(answer, Answer::Ok));
    bench.await_problem(0, ProblemKind::Died);
    assert_problems(&bench, &[(ProblemKind::Died, 1)]);

    let (bench, text) = provoked("dies-mid-line", ProblemKind::Garbage);
    assert_says(&text, &["ends in the middle of a message"]);
    assert_problems(&bench, &[(ProblemKind::Garbage, 1), (ProblemKind::Died, 1)]);
}

/// What is said when a bench cannot be started with this fault.
fn refusal(fault: &str) -> String {
    match Bench::start(&options("bad.py", &[fault], 2)) {
        Ok(_) => panic!("{fault}: started"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_node_that_fails_at_the_start_ends_the_run_with_its_last_words() {
    let text = refusal("exits-at-once");
    assert_says(&text, &["node n", "before it answered `init` (exit code 3)"]);
    assert_says(
        &text,
        &["said nothing on stdout", "its last words on stderr: cannot open the database"],
    );

    let text = refusal("refuses-init");
    assert_says(&text, &["node n", "answered `init` with something else", r#""code": 13"#]);

    let text = refusal("never-answers-init");
    assert_says(
        &text,
        &[
            "did not answer `init` within 10 s",
            "its last words on stderr: waiting for the other nodes",
        ],
    );
}

#[test]
fn what_is_no_program_is_refused_before_anything_starts() {
    let mut options = options("no-such-node", &[], 1);
    let refusal = |options: &_| match ProcessWorld::start(options) {
        Ok(_) => panic!("started"),
        Err(error) => error.to_string(),
    };
    assert_says(&refusal(&options), &["no-such-node: no such file"]);
    options.program = env!("CARGO_MANIFEST_DIR").into();
    assert_says(&refusal(&options), &["is a directory"]);
    options.program = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into();
    assert_says(&refusal(&options), &["is not executable"]);
}

#[test]
fn neither_stubbornness_nor_children_survive_the_end() {
    let mut bench = Bench::of("bad.py", &["stubborn"], 1);
    assert!(bench.echoes(0));
    let start = bench.world.now();
    bench.world.shut_down(Duration::from_millis(200)).unwrap();
    // The grace was given, and not more than that: SIGKILL ended the node and its child.
    let time = bench.world.now() - start;
    assert!(time >= Duration::from_millis(200) && time < PATIENCE, "{time:?}");
    assert_eq!(bench.world.problems(), []);
    bench.world.send(&"c1".into(), 0, &Request::new("generate").body(MessageId(9)));
    assert!(bench.world.wait(bench.world.now()).is_none());
}

#[test]
fn a_node_that_ends_when_its_input_ends_needs_no_signal() {
    let mut bench = Bench::of("echo.py", &[], 2);
    let start = bench.world.now();
    bench.world.shut_down(PATIENCE).unwrap();
    assert!(bench.world.now() - start < PATIENCE, "nobody waits once they have ended");
    assert_eq!(bench.world.problems(), []);
}
