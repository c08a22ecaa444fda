//! A line of the journal. Ours are always written in one way, and a run has hundreds of thousands of
//! them, so that way is read by cutting the line up. Any other line is read as the JSON that it is.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Something that happened to a message.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    pub(super) time: u64,
    pub(super) id: u64,
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) src: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) dest: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "raw")]
    pub(super) body: Option<&'a str>,
}

fn raw<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a str>, D::Error> {
    Ok(<Option<&'a RawValue>>::deserialize(deserializer)?.map(RawValue::get))
}

/// What is in a body besides its numbers.
#[derive(PartialEq, Debug, Default)]
pub(super) struct Content {
    pub(super) kind: Option<String>,
    pub(super) msg_id: Option<u64>,
    pub(super) in_reply_to: Option<u64>,
    /// The rest as JSON text, empty if there is none.
    pub(super) rest: String,
}

impl<'a> Line<'a> {
    /// Reads a line, with its time from `time_zero` on.
    pub(super) fn read(bytes: &'a [u8], time_zero: u64) -> serde_json::Result<Self> {
        let line = match Self::cut_up(bytes) {
            Some(line) => line,
            None => serde_json::from_slice(bytes)?,
        };
        Ok(Self { time: line.time.saturating_sub(time_zero), ..line })
    }

    /// Reads a line as `bench::journal` writes it.
    fn cut_up(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (time, text) = number(text.strip_prefix("{\"time\":")?)?;
        let (id, text) = number(text.strip_prefix(",\"id\":")?)?;
        let (event, text) = string(text.strip_prefix(",\"event\":")?)?;
        let (reason, text) = match text.strip_prefix(",\"reason\":") {
            Some(text) => string(text).map(|(reason, text)| (Some(reason), text))?,
            None => (None, text),
        };
        let (src, text) = string(text.strip_prefix(",\"src\":")?)?;
        let (dest, text) = string(text.strip_prefix(",\"dest\":")?)?;
        let body = text.strip_prefix(",\"body\":")?.strip_suffix('}')?;
        // A line that was cut off somewhere is no message.
        let is_whole = is_balanced(body);
        is_whole.then(|| Self {
            time,
            id,
            event: Cow::Borrowed(event),
            reason: reason.map(Cow::Borrowed),
            src: Cow::Borrowed(src),
            dest: Cow::Borrowed(dest),
            body: Some(body),
        })
    }

    /// What the body says.
    pub(super) fn content(&self) -> Content {
        let json = self.body.unwrap_or("null");
        // Where there is space or an escape, what is shown is not what stands there.
        let is_special = |byte: u8| matches!(byte, b' ' | b'\\' | b'\n' | b'\t' | b'\r');
        if !json.bytes().any(is_special)
            && let Ok(fields) = serde_json::from_str::<Fields<'_>>(json)
        {
            return fields.content(json.len());
        }
        match serde_json::from_str(json) {
            Ok(Value::Object(mut body)) => {
                let kind = body.shift_remove("type");
                let mut number = |name| body.shift_remove(name).and_then(|id| id.as_u64());
                let (msg_id, in_reply_to) = (number("msg_id"), number("in_reply_to"));
                let rest =
                    if body.is_empty() { String::new() } else { Value::Object(body).to_string() };
                let kind = kind.and_then(|kind| Some(kind.as_str()?.to_owned()));
                Content { kind, msg_id, in_reply_to, rest }
            }
            _ => Content { rest: json.to_owned(), ..Content::default() },
        }
    }
}

fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit())?;
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn string(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    let rest = text[end..].strip_prefix('"')?;
    Some((&text[..end], rest))
}

/// Whether all that is opened is closed, at the very end and not before. A body was JSON when it was
/// written, so it is whole then.
fn is_balanced(text: &str) -> bool {
    let mut depth = 0_u32;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if !end_string(&mut bytes) => return false,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                let Some(less) = depth.checked_sub(1) else { return false };
                depth = less;
                if depth == 0 && bytes.len() > 0 {
                    return false;
                }
            }
            _ => {}
        }
    }
    depth == 0 && !text.is_empty()
}

/// Goes on behind the end of a string; `false` if there is none.
fn end_string(bytes: &mut std::str::Bytes<'_>) -> bool {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return true,
            b'\\' => _ = bytes.next(),
            _ => {}
        }
    }
    false
}

/// The fields of a body in their order, each as it stands there.
struct Fields<'a>(Vec<(&'a str, &'a RawValue)>);

impl Fields<'_> {
    /// What a body of so many bytes says.
    fn content(self, length: usize) -> Content {
        let mut content = Content { rest: String::with_capacity(length), ..Content::default() };
        for (name, value) in self.0 {
            let value = value.get();
            match name {
                "type" => content.kind = serde_json::from_str(value).ok(),
                "msg_id" => content.msg_id = value.parse().ok(),
                "in_reply_to" => content.in_reply_to = value.parse().ok(),
                _ => {
                    content.rest.push(if content.rest.is_empty() { '{' } else { ',' });
                    for part in ["\"", name, "\":", value] {
                        content.rest.push_str(part);
                    }
                }
            }
        }
        if !content.rest.is_empty() {
            content.rest.push('}');
        }
        content
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(4);
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(bytes: &[u8]) -> Option<Line<'_>> {
        serde_json::from_slice(bytes).ok()
    }

    fn parts<'a>(line: &'a Line<'_>) -> (u64, u64, [&'a str; 3], Option<&'a str>, Option<&'a str>) {
        let names = [&*line.event, &*line.src, &*line.dest];
        (line.time, line.id, names, line.reason.as_deref(), line.body)
    }

    #[test]
    fn our_lines_are_cut_up_as_json_is_read() {
        for text in [
            r#"{"time":12,"id":7,"event":"send","src":"c1","dest":"n1","body":{"type":"x","a":[{"b":"}"}]}}"#,
            r#"{"time":0,"id":0,"event":"lost","reason":"partition","src":"n1","dest":"n2","body":"(9 bytes)"}"#,
            r#"{"time":1,"id":2,"event":"recv","src":"n1","dest":"ü","body":{"type":"a \"quote\" \\"}}"#,
        ] {
            let cut = Line::cut_up(text.as_bytes()).unwrap();
            assert_eq!(parts(&cut), parts(&slow(text.as_bytes()).unwrap()));
        }
    }

    /// A full disk cuts lines off anywhere.
    #[test]
    fn what_is_cut_off_is_no_line() {
        let text = r#"{"time":12,"id":7,"event":"send","src":"c1","dest":"n1","body":{"type":"x","a":{"b":["}"]}}}"#;
        for end in 0..text.len() {
            assert!(Line::read(&text.as_bytes()[..end], 0).is_err(), "{}", &text[..end]);
        }
        let doubled = text.repeat(2);
        assert!(Line::read(doubled.as_bytes(), 0).is_err());
    }

    #[test]
    fn other_lines_are_read_as_json() {
        let text = r#"{"id":7, "time":12, "event":"send","src":"c\"1","dest":"n1","more":1}"#;
        assert!(Line::cut_up(text.as_bytes()).is_none());
        let line = Line::read(text.as_bytes(), 2).unwrap();
        assert_eq!(parts(&line), (10, 7, ["send", "c\"1", "n1"], None, None));
    }

    #[test]
    fn a_body_is_split_alike_however_it_is_written() {
        let content = |body: &str| {
            let event = Cow::Borrowed("send");
            let (src, dest) = (event.clone(), event.clone());
            Line { time: 0, id: 0, event, reason: None, src, dest, body: Some(body) }.content()
        };
        let expected = Content {
            kind: Some("echo".to_owned()),
            msg_id: Some(3),
            in_reply_to: None,
            rest: r#"{"echo":[1,{"a":null}]}"#.to_owned(),
        };
        assert_eq!(content(r#"{"type":"echo","echo":[1,{"a":null}],"msg_id":3}"#), expected);
        assert_eq!(content(r#"{"type": "echo", "echo": [1, {"a": null}], "msg_id": 3}"#), expected);
        assert_eq!(content(r#"{"type":"read"}"#).rest, "");
        assert_eq!(content("\"odd\"").rest, "\"odd\"");
        assert_eq!(content(r#"{"type":7}"#).kind, None);
    }
}
