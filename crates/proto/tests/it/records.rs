//! The state directory: what was confirmed is there after a kill.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::process::{Process, init, init_ok, reply, request};

/// A directory of this test that is gone when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("proto-it-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        Self(dir)
    }

    fn start(&self) -> Process {
        let mut process = Process::tour(&["--state-dir", self.0.to_str().unwrap()]);
        process.send(&init(1));
        process
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn remember(value: impl Into<Value>) -> Value {
    request(json!({"type": "remember", "value": value.into(), "msg_id": 7}))
}

fn remember_ok(id: u64, values: &[u64]) -> Value {
    reply(json!({"type": "remember_ok", "values": values, "in_reply_to": 7, "msg_id": id}))
}

#[test]
fn what_was_confirmed_survives_kill_and_a_plain_end() {
    let scratch = Scratch::new("confirmed");
    let mut process = scratch.start();
    assert_eq!(process.next(), init_ok(1));
    process.send(&remember(1));
    assert_eq!(process.next(), remember_ok(1, &[1]));
    process.kill();
    let mut process = scratch.start();
    assert_eq!(process.next(), init_ok(1));
    process.send(&remember(2));
    assert_eq!(process.finish().messages, [remember_ok(1, &[1, 2])]);
    let mut process = scratch.start();
    process.send(&remember(3));
    assert_eq!(process.finish().messages, [init_ok(1), remember_ok(1, &[1, 2, 3])]);
    assert!(scratch.0.join("n1").is_dir());
}

#[test]
fn a_burst_of_writes_is_confirmed_in_order() {
    let scratch = Scratch::new("burst");
    let mut process = scratch.start();
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
    let scratch = Scratch::new("name");
    for name in ["..", "", "a/b"] {
        let mut process = Process::tour(&["--state-dir", scratch.0.to_str().unwrap()]);
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
    let scratch = Scratch::new("file");
    std::fs::write(&scratch.0, "a file").unwrap();
    let remains = scratch.start().finish();
    assert_eq!((remains.code, remains.messages), (Some(1), vec![]));
    assert!(remains.complaints.starts_with("state directory: "), "{}", remains.complaints);
    std::fs::remove_file(&scratch.0).unwrap();
}
