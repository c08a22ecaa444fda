//! The body of a client's request.

use proto::{Json, MessageId};
use serde::Serialize;

/// What a client asks: a type and its fields.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The `type`. The reply's is the same with `_ok` after it.
    pub kind: &'static str,
    /// The fields in their order.
    pub fields: Vec<(&'static str, Json)>,
}

impl Request {
    /// A request without fields.
    pub const fn new(kind: &'static str) -> Self {
        Self { kind, fields: Vec::new() }
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Json) -> Self {
        self.fields.push((name, value));
        self
    }

    /// The body as text: `type`, then the fields, then `msg_id`.
    pub fn body(&self, msg_id: MessageId) -> String {
        let mut body = String::with_capacity(64);
        body.push_str("{\"type\":");
        push(&mut body, &self.kind);
        for (name, value) in &self.fields {
            body.push(',');
            push(&mut body, name);
            body.push(':');
            push(&mut body, value);
        }
        body.push_str(",\"msg_id\":");
        push(&mut body, &msg_id);
        body.push('}');
        body
    }
}

/// Appends a string, a number or JSON, all of which have a JSON form.
fn push(body: &mut String, value: &impl Serialize) {
    body.push_str(&serde_json::to_string(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_type_fields_and_number() {
        assert_eq!(Request::new("read").body(MessageId(3)), r#"{"type":"read","msg_id":3}"#);
        let cas = Request::new("cas").with("key", Json::from("x")).with("from", Json::from(1));
        let body = r#"{"type":"cas","key":"x","from":1,"msg_id":4}"#;
        assert_eq!(cas.body(MessageId(4)), body);
    }
}
