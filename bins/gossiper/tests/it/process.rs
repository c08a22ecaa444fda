//! The built binary on its stdin and stdout: every message that clients and peers may send, with its
//! errors. (Sample cases and more of the kind "these lines in, those lines out" are in
//! `maelstrom-tests/tasks/3-*.json`; here are those that need time, or more than one process.)

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossiper"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A process that is talked to line by line.
struct Node {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Value>,
    id: &'static str,
    next_id: u64,
}

impl Node {
    fn start(id: &'static str, node_ids: &[&str], arguments: &[&str]) -> Self {
        let mut child = command(arguments).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { return };
                let message = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut node = Self { child, stdin, lines, id, next_id: 1 };
        let init = json!({"type": "init", "node_id": id, "node_ids": node_ids});
        assert_eq!(node.ask(init), json!({"type": "init_ok"}));
        node
    }

    fn send(&mut self, src: &str, body: &Value) {
        let line = json!({"src": src, "dest": self.id, "body": body});
        writeln!(self.stdin, "{line}").unwrap();
    }

    /// The next message that satisfies `wanted`; others are passed over.
    fn next(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap();
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Sends a client's request and returns the reply without its numbers.
    fn ask(&mut self, mut body: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        body["msg_id"] = json!(id);
        self.send("c1", &body);
        let mut reply = self.next(|message| message["body"]["in_reply_to"] == json!(id));
        assert_eq!((&reply["src"], &reply["dest"]), (&json!(self.id), &json!("c1")));
        let body = reply["body"].as_object_mut().unwrap();
        assert!(body.remove("msg_id").is_some() && body.remove("in_reply_to").is_some());
        reply["body"].take()
    }

    /// The next message to a peer.
    fn next_to(&mut self, peer: &str) -> Value {
        let mut message = self.next(|message| message["dest"] == json!(peer));
        message["body"].take()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// n1 in the middle, n2 behind which n3 and n4 lie, and n5 beside it.
const FIVE: [&str; 5] = ["n1", "n2", "n3", "n4", "n5"];

fn topology() -> Value {
    let lists = json!({"n1": ["n2", "n5"], "n2": ["n1", "n3", "n4"]});
    json!({"type": "topology", "topology": lists})
}

#[test]
fn check_acks_itself_looks_for_what_is_overdue_and_answers_before_it_sends() {
    // The answer comes first, then the copies.
    let mut node = Node::start("n1", &FIVE, &["--ack-timeout", "1ms"]);
    node.ask(topology());
    node.ask(json!({"type": "broadcast", "message": 1}));
    let check = json!({"type": "check_acks"});
    let answer = (0..1000).map(|_| node.ask(check.clone())).find(|answer| answer["pending"] == 0);
    assert_eq!(
        answer,
        Some(json!({"type": "check_acks_ok", "pending": 0, "timed_out": 2, "direct_sent": 2}))
    );
}

/// A node of another make knows `broadcast` and `broadcast_ok` and answers all else with an error.
#[test]
fn a_foreign_peer_gets_plain_broadcasts_until_it_has_them() {
    for strategy in ["tree", "batched", "star"] {
        let times = ["--ack-timeout", "20ms", "--ack-delay", "20ms", "--hub-interval", "20ms"];
        let arguments = [&["--strategy", strategy][..], &times].concat();
        let mut node = Node::start("n2", &["n1", "n2"], &arguments);
        node.ask(json!({"type": "topology", "topology": {"n2": ["n1"]}}));
        for value in 0..3 {
            node.ask(json!({"type": "broadcast", "message": value}));
        }
        let mut missing = vec![json!(0), json!(1), json!(2)];
        let mut deaf = 5;
        while !missing.is_empty() {
            let body = node.next_to("n1");
            let id = &body["msg_id"];
            if body["type"] != json!("broadcast") {
                let text = "what?";
                let error = json!({"type": "error", "code": 10, "text": text, "in_reply_to": id});
                node.send("n1", &error);
            } else if deaf > 0 {
                deaf -= 1;
            } else {
                missing.retain(|value| *value != body["message"]);
                node.send("n1", &json!({"type": "broadcast_ok", "in_reply_to": id}));
            }
        }
        assert_eq!(
            node.ask(json!({"type": "check_acks"})),
            json!({"type": "check_acks_ok", "pending": 0, "timed_out": 0, "direct_sent": 0})
        );
    }
}

#[test]
fn what_a_client_was_told_is_taken_survives_sigkill() {
    let dir = std::env::temp_dir().join(format!("gossiper-kill-{}", std::process::id()));
    let arguments = ["--state-dir", dir.to_str().unwrap()];
    let mut node = Node::start("n1", &["n1"], &arguments);
    let values = [json!(1), json!("zwei"), json!({"drei": [3.0]})];
    for value in &values {
        node.ask(json!({"type": "broadcast", "message": value}));
    }
    node.kill();
    let mut node = Node::start("n1", &["n1"], &arguments);
    assert_eq!(node.ask(json!({"type": "read"})), json!({"type": "read_ok", "messages": values}));
    node.kill();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_heal_brings_two_processes_together() {
    let ids = ["n1", "n2"];
    let mut nodes = ids.map(|id| Node::start(id, &ids, &[]));
    let line = json!({"type": "topology", "topology": {"n1": ["n2"], "n2": ["n1"]}});
    for (node, value) in nodes.iter_mut().zip([1, 2]) {
        node.ask(line.clone());
        let other = if node.id == "n1" { "n2" } else { "n1" };
        node.ask(json!({"type": "partition", "blocked": [other]}));
        node.ask(json!({"type": "broadcast", "message": value}));
        let status = node.ask(json!({"type": "partition_status"}));
        assert_eq!(
            status,
            json!({"type": "partition_status_ok", "blocked": [other], "is_partitioned": true,
                   "messages_dropped": 1})
        );
        assert_eq!(node.ask(json!({"type": "heal"})), json!({"type": "heal_ok"}));
    }
    // Reads both again and again, and carries what they say to each other, until both have both.
    let mut sizes = [0, 0];
    while sizes != [2, 2] {
        for index in 0..2 {
            nodes[index].send("c2", &json!({"type": "read", "msg_id": 1}));
            loop {
                let line = nodes[index].lines.recv_timeout(PATIENCE).unwrap();
                if line["dest"] == json!("c2") {
                    sizes[index] = line["body"]["messages"].as_array().unwrap().len();
                    break;
                }
                let src = nodes[index].id;
                nodes[1 - index].send(src, &line["body"]);
            }
        }
    }
}

#[test]
fn the_command_line_is_explained_and_checked() {
    let run = |arguments: &[&str]| command(arguments).output().unwrap();
    let help = run(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for word in ["usage: gossiper", "--strategy", "star", "--state-dir"] {
        assert!(text.contains(word), "{word}");
    }
    assert!(run(&["--version"]).stdout.starts_with(b"gossiper "));
    for arguments in
        [&["--strategy", "ring"][..], &["lin-kv"], &["--nonsense"], &["--fan-out", "x"]]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with("gossiper: ") && stderr.lines().count() == 1, "{stderr}");
    }
}
