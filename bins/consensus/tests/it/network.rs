//! Real processes, and a network in the hands of the test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// How long a busy machine may take for what takes no time.
const PATIENCE: Duration = Duration::from_secs(30);
/// A client that is refused asks again, so often at most.
const TRIES: u32 = 200;
pub(crate) const NAMES: [&str; 3] = ["n1", "n2", "n3"];

struct Running {
    child: Child,
    stdin: ChildStdin,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Three nodes, and every message between them.
pub(crate) struct Network {
    running: BTreeMap<&'static str, Running>,
    state_dir: Option<PathBuf>,
    sender: Sender<Value>,
    receiver: Receiver<Value>,
    unreachable: BTreeSet<&'static str>,
    /// Messages of this node and type are held back.
    delayed: Option<(&'static str, &'static str)>,
    held: Vec<Value>,
    last_id: u64,
}

impl Network {
    /// Three nodes with or without a state directory, none of which has started.
    pub(crate) fn new(state_dir: Option<PathBuf>) -> Self {
        let (sender, receiver) = channel();
        Self {
            running: BTreeMap::new(),
            state_dir,
            sender,
            receiver,
            unreachable: BTreeSet::new(),
            delayed: None,
            held: Vec::new(),
            last_id: 0,
        }
    }

    /// Three nodes, all of which have met each other: the leader's name and the others'.
    pub(crate) fn acquainted(
        state_dir: Option<PathBuf>,
    ) -> (Self, &'static str, [&'static str; 2]) {
        let mut network = Self::new(state_dir);
        NAMES.iter().for_each(|name| network.start(name));
        let mut acquainted = BTreeSet::new();
        let mut leader = String::new();
        while acquainted.len() < 2 {
            let (message, _) = network.pump();
            let body = &message["body"];
            let known = body["incarnations"].as_object();
            let knows_all = known.is_some_and(|known| known.len() == NAMES.len());
            if body["type"] == "append_entries" && knows_all {
                acquainted.insert(message["dest"].to_string());
                leader = message["src"].as_str().unwrap().to_owned();
            }
        }
        let leader = NAMES.into_iter().find(|name| **name == *leader).unwrap();
        let others: Vec<_> = NAMES.into_iter().filter(|name| *name != leader).collect();
        // What they were told is behind them once they have done something else.
        network.insist(others[0], &json!({"type": "write", "key": 0, "value": 0}), "write_ok");
        network.insist(others[1], &json!({"type": "write", "key": 0, "value": 0}), "write_ok");
        (network, leader, [others[0], others[1]])
    }

    pub(crate) fn start(&mut self, name: &'static str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consensus"));
        if let Some(dir) = &self.state_dir {
            command.arg("--state-dir").arg(dir);
        }
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let message = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        writeln!(stdin, "{}", init(name)).unwrap();
        self.running.insert(name, Running { child, stdin });
    }

    /// Kills a node without warning; messages to it are lost from now on.
    pub(crate) fn kill(&mut self, name: &'static str) {
        self.running.remove(name);
    }

    /// Cuts these nodes off from all others, and no others.
    pub(crate) fn cut_off(&mut self, names: &[&'static str]) {
        self.unreachable = names.iter().copied().collect();
    }

    /// Holds back what a node says of this type.
    pub(crate) fn delay(&mut self, name: &'static str, kind: &'static str) {
        self.delayed = Some((name, kind));
    }

    /// Waits for something to be held back.
    pub(crate) fn wait_for_held(&mut self) {
        while self.held.is_empty() {
            self.pump();
        }
    }

    /// Takes what was held back; nothing is from now on.
    pub(crate) fn take_held(&mut self) -> Vec<Value> {
        self.delayed = None;
        std::mem::take(&mut self.held)
    }

    /// Delivers messages that were held back.
    pub(crate) fn put_through(&mut self, held: Vec<Value>) {
        held.iter().for_each(|message| self.deliver(message));
    }

    /// Sends a request of client `c1`; its number.
    pub(crate) fn send(&mut self, to: &'static str, body: &Value) -> u64 {
        self.last_id += 1;
        let mut body = body.clone();
        body["msg_id"] = self.last_id.into();
        self.deliver(&json!({"src": "c1", "dest": to, "body": body}));
        self.last_id
    }

    /// The answer to a request of client `c1`.
    pub(crate) fn ask(&mut self, node: &'static str, body: &Value) -> Value {
        let id = self.send(node, body);
        loop {
            let (message, _) = self.pump();
            if message["dest"] == "c1" && message["body"]["in_reply_to"] == id {
                return message["body"].clone();
            }
        }
    }

    /// Asks until the answer is of this kind.
    pub(crate) fn insist(&mut self, node: &'static str, body: &Value, kind: &str) -> Value {
        let mut answer = Value::Null;
        for _ in 0..TRIES {
            answer = self.ask(node, body);
            if answer["type"] == kind {
                return answer;
            }
            // A node that knows itself to be alone refuses at once: elections take messages.
            (0..10).for_each(|_| drop(self.pump()));
        }
        panic!("{body} at {node}: {answer}");
    }

    /// Takes the next message of any node and delivers it; whether that was possible.
    fn pump(&mut self) -> (Value, bool) {
        let message = self.receiver.recv_timeout(PATIENCE).expect("nobody says anything");
        let is = |field: &str, name: &str| message[field] == *name;
        let is_late = self
            .delayed
            .is_some_and(|(name, kind)| is("src", name) && message["body"]["type"] == *kind);
        if is_late {
            self.held.push(message.clone());
            return (message, false);
        }
        let is_cut = self.unreachable.iter().any(|name| is("src", name) != is("dest", name));
        let is_for_client = message["dest"].as_str().is_some_and(|dest| dest.starts_with('c'));
        let arrives = !is_cut || is_for_client;
        if arrives && !is_for_client {
            self.deliver(&message);
        }
        (message, arrives)
    }

    fn deliver(&mut self, message: &Value) {
        let name = message["dest"].as_str().unwrap();
        if let Some(node) = self.running.get_mut(name) {
            let _ = writeln!(node.stdin, "{message}");
        }
    }
}

fn init(name: &str) -> Value {
    json!({"src": "c0", "dest": name, "body":
        {"type": "init", "msg_id": 1, "node_id": name, "node_ids": NAMES}})
}

/// Starts a node that is expected to refuse: its exit code and what it says on stderr.
pub(crate) fn refusal(name: &str, state_dir: &std::path::Path) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_consensus"))
        .arg("--state-dir")
        .arg(state_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let _ = writeln!(stdin, "{}", init(name));
    drop(stdin);
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}
