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
        let mut body = Vec::with_capacity(96);
        body.extend_from_slice(b"{\"type\":");
        push(&mut body, &self.kind);
        for (name, value) in &self.fields {
            body.push(b',');
            push(&mut body, name);
            body.push(b':');
            push(&mut body, value);
        }
        body.extend_from_slice(b",\"msg_id\":");
        push(&mut body, &msg_id);
        body.push(b'}');
        String::from_utf8(body).unwrap_or_default()
    }
}

/// Appends a string, a number or JSON, all of which have a JSON form.
fn push(body: &mut Vec<u8>, value: &impl Serialize) {
    // Memory takes whatever is written.
    let _ = serde_json::to_writer(body, value);
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
