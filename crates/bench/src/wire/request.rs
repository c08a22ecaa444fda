//! The body of a client's request.

use std::io;

use proto::{Json, MessageId};

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
        // Memory takes whatever is written, and all of this has a JSON form.
        let _ = self.write(msg_id, &mut body);
        String::from_utf8(body).unwrap_or_default()
    }

    fn write(&self, msg_id: MessageId, body: &mut Vec<u8>) -> io::Result<()> {
        body.extend_from_slice(b"{\"type\":\"");
        proto::write_content(self.kind, body)?;
        body.push(b'"');
        for (name, value) in &self.fields {
            body.extend_from_slice(b",\"");
            proto::write_content(name, body)?;
            body.extend_from_slice(b"\":");
            proto::write_json(value, body)?;
        }
        body.extend_from_slice(b",\"msg_id\":");
        proto::write_json(&msg_id, body)?;
        body.push(b'}');
        Ok(())
    }
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
