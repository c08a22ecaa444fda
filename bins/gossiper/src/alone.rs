//! One node of two, for tests that play everybody else: the clients, and the services that it asks.

use proto::{Node, Script};
use serde_json::{Value, json};

/// A node `n1` whose only peer is `n2`.
pub(crate) struct Alone<N: Node>(pub(crate) Script<N>);

impl<N: Node> Alone<N> {
    pub(crate) fn new(node: N) -> Self {
        let mut script = Script::new(node);
        script.init("n1", &["n1", "n2"]);
        Self(script)
    }

    /// What the node says to what it hears.
    pub(crate) fn hear(&mut self, from: &str, body: Value) -> Vec<Value> {
        let line = json!({"src": from, "dest": "n1", "body": body}).to_string();
        let said = self.0.line(&line);
        said.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one thing that the node says to what it hears, which is for `to`.
    pub(crate) fn says(&mut self, from: &str, body: Value, to: &str) -> Value {
        let said = self.hear(from, body);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0]["dest"], to, "{said:?}");
        said[0]["body"].clone()
    }
}

/// A body as the answer to a request.
pub(crate) fn answer(request: &Value, mut body: Value) -> Value {
    body["in_reply_to"] = request["msg_id"].clone();
    body
}
