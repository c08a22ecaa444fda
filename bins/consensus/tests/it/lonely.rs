//! One node against a script that plays the others.

use std::time::Duration;

use consensus::{ConsensusNode, Settings};
use proto::Script;
use serde_json::{Value, json};

/// Two election timeouts.
pub(crate) const PATIENCE: Duration = Duration::from_millis(600);

/// A node `n1` of three, and what it said.
pub(crate) struct Lonely {
    pub(crate) script: Script<ConsensusNode>,
}

impl Lonely {
    pub(crate) fn new() -> Self {
        let mut script = Script::new(ConsensusNode::new(Settings::default()));
        script.init("n1", &["n1", "n2", "n3"]);
        Self { script }
    }

    /// A node that n2 and n3 have just elected, and whose no-op n2 has.
    pub(crate) fn leader() -> Self {
        let mut node = Self::new();
        let asked = node.advance(Duration::from_millis(300));
        let request = to("n2", &asked);
        assert_eq!(
            (&request["type"], &request["ballot"]),
            (&json!("request_vote"), &json!("pre_vote"))
        );
        let answer = json!({"type": "request_vote_ok", "term": 1, "vote_granted": true,
            "pre_vote": true, "incarnation": 2, "in_reply_to": request["msg_id"]});
        let mut asked = node.say("n2", answer);
        // It has not met n3 yet, and without storage waits for what that may know.
        asked.extend(node.advance(Duration::from_millis(150)));
        let answer = json!({"type": "request_vote_ok", "term": 1, "vote_granted": true,
            "incarnation": 2, "in_reply_to": to("n2", &asked)["msg_id"]});
        let told = node.say("n2", answer);
        node.acknowledge(&told);
        node
    }

    pub(crate) fn say(&mut self, from: &str, body: Value) -> Vec<Value> {
        parsed(self.script.line(&json!({"src": from, "dest": "n1", "body": body}).to_string()))
    }

    pub(crate) fn advance(&mut self, time: Duration) -> Vec<Value> {
        parsed(self.script.advance(time))
    }

    /// n2 takes the entries that were just sent to it.
    pub(crate) fn acknowledge(&mut self, sent: &[Value]) -> Vec<Value> {
        let append = to("n2", sent);
        assert_eq!(append["type"], "append_entries");
        let previous = append["prev_log_index"].as_u64().expect("an index");
        let matched = previous + append["entries"].as_array().expect("a list").len() as u64;
        let answer = json!({"type": "append_entries_ok", "success": true, "match_index": matched,
            "term": append["term"], "round": append["round"], "incarnation": 2,
            "in_reply_to": append["msg_id"]});
        self.say("n2", answer)
    }
}

fn parsed(lines: Vec<String>) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The body of the last message to somebody.
pub(crate) fn to(dest: &str, messages: &[Value]) -> Value {
    let message = messages.iter().rfind(|message| message["dest"] == dest);
    message.unwrap_or_else(|| panic!("nothing for {dest} in {messages:?}"))["body"].clone()
}

pub(crate) fn is_silent(dest: &str, messages: &[Value]) -> bool {
    messages.iter().all(|message| message["dest"] != dest)
}

pub(crate) fn write(msg_id: u64) -> Value {
    json!({"type": "write", "key": 1, "value": msg_id, "msg_id": msg_id})
}

pub(crate) fn heartbeat() -> Value {
    json!({"type": "append_entries", "term": 1, "leader_id": "n3", "prev_log_index": 0,
        "prev_log_term": 0, "entries": [], "leader_commit": 0, "round": 1, "incarnation": 3,
        "msg_id": 1})
}

pub(crate) fn forward(msg_id: u64, term: u64, sequence: u64) -> Value {
    json!({"type": "forward", "msg_id": msg_id, "term": term, "request": {"op": "write",
        "key": 1, "value": sequence, "origin": "n3", "session": 77, "sequence": sequence}})
}
