//! The end of input: everything read is answered, then the node exits with 0, and quietly.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::process::{Process, echo, echo_ok, example, init, init_ok, lines, reply, request};

#[test]
fn all_replies_are_out_before_the_node_exits() {
    const REQUESTS: u64 = 20_000;
    let mut process = Process::tour(&[]);
    process.send_all(lines([init(0)].into_iter().chain((1..=REQUESTS).map(|id| echo(id, id)))));
    let remains = process.finish();
    let expected: Vec<_> =
        [init_ok(0)].into_iter().chain((1..=REQUESTS).map(|id| echo_ok(id, id, id))).collect();
    assert!(remains.messages == expected, "{} messages", remains.messages.len());
    assert_eq!((remains.code, &*remains.complaints), (Some(0), ""));
}

#[test]
fn a_last_line_without_its_newline_is_a_line() {
    let mut process = Process::initialised();
    process.send_bytes(echo(1, "last").to_string().as_bytes());
    let remains = process.finish();
    assert_eq!(remains.messages, [echo_ok(1, 1, "last")]);
    assert_eq!((remains.code, &*remains.complaints), (Some(0), ""));
}

#[test]
fn half_a_message_at_the_end_is_a_complaint() {
    let mut process = Process::initialised();
    process.send(&echo(1, 1));
    process.send_bytes(br#"{"src":"c1","dest":"n1","#);
    let remains = process.finish();
    assert_eq!(remains.messages, [echo_ok(1, 1, 1)]);
    assert_eq!(remains.code, Some(0));
    assert!(remains.complaints.starts_with("line 3: not JSON: EOF"), "{}", remains.complaints);
}

#[test]
fn no_input_at_all_is_no_error() {
    let remains = Process::tour(&[]).finish();
    assert_eq!((remains.code, &*remains.complaints), (Some(0), ""));
    assert_eq!(remains.messages, [json!(null); 0]);
}

#[test]
fn timers_do_not_fire_after_the_end_of_input_and_are_not_waited_for() {
    let mut process = Process::initialised();
    process.send(&request(json!({"type": "sleep", "ms": 3_600_000, "msg_id": 1})));
    process.send(&request(json!({"type": "ask", "peer": "n2", "ms": 3_600_000, "msg_id": 2})));
    let remains = process.finish();
    assert_eq!(remains.messages.len(), 1);
    assert_eq!(remains.messages[0]["body"]["type"], "question");
    assert_eq!(remains.code, Some(0));
}

#[test]
fn an_answer_that_needs_no_peer_is_still_worked_out() {
    let mut process = Process::initialised();
    let count = request(json!({"type": "count", "to": 100_000, "msg_id": 1}));
    process.send_bytes(&lines([count, echo(2, "meanwhile")]));
    let remains = process.finish();
    let count_ok = json!({"type": "count_ok", "counted": 100_000, "in_reply_to": 1, "msg_id": 2});
    assert_eq!(remains.messages, [echo_ok(2, 1, "meanwhile"), reply(count_ok)]);
    assert_eq!((remains.code, &*remains.complaints), (Some(0), ""));
}

#[test]
fn a_closed_stdout_ends_the_node_quietly() {
    let mut child = Command::new(example("tour"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&lines([init(1)])).unwrap();
    // It ends although its input goes on: sooner or later nobody reads what is written here.
    while stdin.write_all(&lines([echo(2, 2)])).is_ok() {}
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
#[cfg(target_os = "linux")]
fn a_stdout_that_cannot_take_more_is_an_error_with_a_reason() {
    let mut child = Command::new(example("tour"))
        .stdin(Stdio::piped())
        .stdout(std::fs::File::options().write(true).open("/dev/full").unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&lines([init(1)])).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(complaints.starts_with("cannot write to stdout: "), "{complaints}");
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
}
