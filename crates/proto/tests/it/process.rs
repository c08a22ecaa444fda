//! A node as a process: lines in, lines out.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

/// How long a busy machine may take for what takes no time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running node, killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    complaints: Option<JoinHandle<String>>,
}

/// What a node left when it had exited.
pub(crate) struct Remains {
    /// The exit code, or nothing after a signal.
    pub(crate) code: Option<i32>,
    /// The messages that had not been looked at.
    pub(crate) messages: Vec<Value>,
    /// All of stderr.
    pub(crate) complaints: String,
}

/// The program of an example of this package, which `cargo test` builds with the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(|deps| deps.parent()).unwrap();
    let program = target.join("examples").join(name);
    assert!(program.exists(), "{} is missing: cargo build --examples", program.display());
    program
}

impl Process {
    /// Starts the tour of what a node can do.
    pub(crate) fn tour(arguments: &[&str]) -> Self {
        let mut child = Command::new(example("tour"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let complaints = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, stdin, lines, complaints: Some(complaints) }
    }

    /// Starts the tour as node `n1` of three and waits for its `init_ok`.
    pub(crate) fn initialised() -> Self {
        let mut process = Self::tour(&[]);
        process.send(&init(1));
        assert_eq!(process.next(), init_ok(1));
        process
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: &Value) {
        self.send_bytes(format!("{message}\n").as_bytes());
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Sends bytes from a thread of their own, and then the end of input: the node may answer
    /// before it has read everything.
    pub(crate) fn send_all(&mut self, bytes: Vec<u8>) {
        let mut stdin = self.stdin.take().unwrap();
        std::thread::spawn(move || stdin.write_all(&bytes));
    }

    /// The next line on stdout.
    pub(crate) fn next_line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// The next message on stdout.
    pub(crate) fn next(&self) -> Value {
        serde_json::from_str(&self.next_line()).unwrap()
    }

    /// Kills the node without warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes the node's stdin and waits for its end.
    pub(crate) fn finish(mut self) -> Remains {
        drop(self.stdin.take());
        let lines: Vec<_> = std::iter::from_fn(|| self.lines.recv().ok()).collect();
        let messages = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let complaints = self.complaints.take().unwrap().join().unwrap();
        let code = self.child.wait().unwrap().code();
        Remains { code, messages, complaints }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `init` for node `n1` of three, as message `id` of client `c0`.
pub(crate) fn init(id: u64) -> Value {
    let body = json!({
        "type": "init", "msg_id": id, "node_id": "n1", "node_ids": ["n1", "n2", "n3"]
    });
    json!({"src": "c0", "dest": "n1", "body": body})
}

pub(crate) fn init_ok(request: u64) -> Value {
    to("c0", json!({"type": "init_ok", "in_reply_to": request, "msg_id": 0}))
}

/// A message of client `c1` to the node.
pub(crate) fn request(body: Value) -> Value {
    from("c1", body)
}

/// A message of the node to client `c1`.
pub(crate) fn reply(body: Value) -> Value {
    to("c1", body)
}

/// A message to the node.
pub(crate) fn from(src: &str, body: Value) -> Value {
    json!({"src": src, "dest": "n1", "body": body})
}

/// A message of the node.
pub(crate) fn to(dest: &str, body: Value) -> Value {
    json!({"src": "n1", "dest": dest, "body": body})
}

pub(crate) fn echo(id: u64, value: impl Into<Value>) -> Value {
    request(json!({"type": "echo", "echo": value.into(), "msg_id": id}))
}

/// The answer, as message `id` of the node, to message `request` of client `c1`.
pub(crate) fn echo_ok(request: u64, id: u64, value: impl Into<Value>) -> Value {
    reply(json!({"type": "echo_ok", "echo": value.into(), "in_reply_to": request, "msg_id": id}))
}

/// An `error` for client `c1`.
pub(crate) fn error(request: u64, id: u64, code: u64, text: &str) -> Value {
    let body = json!({
        "type": "error", "code": code, "text": text, "in_reply_to": request, "msg_id": id
    });
    reply(body)
}

/// Messages as lines.
pub(crate) fn lines(messages: impl IntoIterator<Item = Value>) -> Vec<u8> {
    let lines: Vec<_> = messages.into_iter().map(|message| format!("{message}\n")).collect();
    lines.concat().into_bytes()
}
