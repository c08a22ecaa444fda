//! The state directory: what was confirmed is there after a kill.

use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Process, init, init_ok, reply, request};

fn start(state_dir: &Path) -> Process {
    let mut process = Process::tour(&["--state-dir", state_dir.to_str().unwrap()]);
    process.send(&init(1));
    process
}

fn remember(value: impl Into<Value>) -> Value {
    request(json!({"type": "remember", "value": value.into(), "msg_id": 7}))
}

fn remember_ok(id: u64, values: &[u64]) -> Value {
    reply(json!({"type": "remember_ok", "values": values, "in_reply_to": 7, "msg_id": id}))
}

#[test]
fn what_was_confirmed_survives_kill_and_a_plain_end() {
    let scratch = tempfile::tempdir().unwrap();
    let mut process = start(scratch.path());
    assert_eq!(process.next(), init_ok(1));
    process.send(&remember(1));
    assert_eq!(process.next(), remember_ok(1, &[1]));
    process.kill();
    let mut process = start(scratch.path());
    assert_eq!(process.next(), init_ok(1));
    process.send(&remember(2));
    assert_eq!(process.finish().messages, [remember_ok(1, &[1, 2])]);
    let mut process = start(scratch.path());
    process.send(&remember(3));
    assert_eq!(process.finish().messages, [init_ok(1), remember_ok(1, &[1, 2, 3])]);
    assert!(scratch.path().join("n1").is_dir());
}

#[test]
fn a_burst_of_writes_is_confirmed_in_order() {
    let scratch = tempfile::tempdir().unwrap();
    let mut process = start(scratch.path());
    assert_eq!(process.next(), init_ok(1));
    let burst: Vec<_> =
        (0..200).flat_map(|id| format!("{}\n", remember(id)).into_bytes()).collect();
    process.send_all(burst);
    let remains = process.finish();
    let values: Vec<_> = (0..200).collect();
    for (count, message) in remains.messages.iter().enumerate() {
        assert_eq!(*message, remember_ok(count as u64 + 1, &values[..=count]));
    }
    assert_eq!(remains.messages.len(), 200);
}

#[test]
fn without_a_state_directory_nothing_is_kept() {
    for _ in 0..2 {
        let mut process = Process::initialised();
        process.send(&remember(1));
        assert_eq!(process.next(), remember_ok(1, &[1]));
    }
}

#[test]
fn a_node_whose_name_is_no_directory_stops_with_a_clear_line() {
    let scratch = tempfile::tempdir().unwrap();
    for name in ["..", "", "a/b"] {
        let mut process = Process::tour(&["--state-dir", scratch.path().to_str().unwrap()]);
        let body = json!({"type": "init", "msg_id": 1, "node_id": name, "node_ids": [name]});
        process.send(&json!({"src": "c0", "dest": name, "body": body}));
        let remains = process.finish();
        assert_eq!(remains.code, Some(1));
        assert_eq!(remains.messages, [json!(null); 0]);
        let expected =
            format!("state directory: node id `{name}` cannot be the name of a directory\n");
        assert_eq!(remains.complaints, expected);
    }
}

#[test]
fn a_state_directory_that_cannot_be_made_is_a_clear_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let remains = start(file.path()).finish();
    assert_eq!((remains.code, remains.messages), (Some(1), vec![]));
    assert!(remains.complaints.starts_with("state directory: "), "{}", remains.complaints);
}
