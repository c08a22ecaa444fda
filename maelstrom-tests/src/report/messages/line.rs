//! A line of the journal. Ours are always written in one way, and a run has hundreds of thousands of
//! them, so that way is read by cutting the line up, and their bodies likewise. Any other line is read
//! as the JSON that it is.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::Value;
use serde_json::value::RawValue;

use super::text;
use crate::json_text::{digits, string_end, value_end};

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
    /// A line as the JSON that it is: for those that are not [`whole`](Self::whole).
    pub(super) fn of_json(bytes: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    /// A line that is written as ours are and was not cut off anywhere; with what its body says if that
    /// is wanted and was seen on the way.
    pub(super) fn whole(bytes: &'a [u8], wants_content: bool) -> Option<(Self, Option<Content>)> {
        let line = Self::cut_up(bytes)?;
        let content = line.body.filter(|_| wants_content).and_then(Content::plain);
        let is_whole = content.is_some() || line.body.is_none_or(is_balanced);
        is_whole.then_some((line, content))
    }

    /// Cuts up a line as `bench::journal` writes it. Whether it ends where it should is not looked at.
    pub(super) fn cut_up(bytes: &'a [u8]) -> Option<Self> {
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
        Some(Self {
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
        if let Some(content) = Content::plain(json) {
            return content;
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

/// How a line begins that is as ours are.
pub(super) struct Start<'a> {
    pub(super) time: u64,
    pub(super) id: u64,
    /// What happened and, if a message was sent or received, from whom to whom and what.
    event: &'a [u8],
}

impl<'a> Start<'a> {
    /// The start of a line.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (time, bytes) = digits(bytes.strip_prefix(b"{\"time\":")?)?;
        let (id, bytes) = digits(bytes.strip_prefix(b",\"id\":")?)?;
        let event = bytes.strip_prefix(b",\"event\":")?;
        Some(Self { time, id, event })
    }

    /// From whom to whom and what, if it was sent.
    pub(super) fn sent(&self) -> Option<&'a [u8]> {
        self.event.strip_prefix(b"\"send\",")
    }

    /// From whom to whom and what, if it was received.
    pub(super) fn received(&self) -> Option<&'a [u8]> {
        self.event.strip_prefix(b"\"recv\",")
    }
}

impl Content {
    /// What a body says that is shown as it stands there.
    fn plain(json: &str) -> Option<Self> {
        // Where there is space or an escape, it is not.
        let is_special = |byte| (byte <= b' ') | (byte == b'\\');
        if text::has_byte(json, is_special) { None } else { Self::cut_up(json) }
    }

    /// Cuts up a body that is an object without space and escapes, each field as it stands there.
    fn cut_up(json: &str) -> Option<Self> {
        let bytes = json.as_bytes();
        let mut content = Self::default();
        if bytes == b"{}" {
            return Some(content);
        }
        let mut rest = String::with_capacity(json.len());
        // Fields that are shown and follow each other are copied together.
        let mut show = |fields: Range<usize>| {
            rest.push(if rest.is_empty() { '{' } else { ',' });
            rest.push_str(&json[fields]);
        };
        let mut shown_from = None;
        let mut field = bytes.starts_with(b"{").then_some(1)?;
        loop {
            let name = field + 1..string_end(bytes, field)? - 1;
            let start = name.end + 2;
            (bytes.get(name.end + 1) == Some(&b':')).then_some(())?;
            let end = value_end(bytes, start)?;
            let number = || json[start..end].parse().ok();
            let is_shown = match &bytes[name] {
                b"type" => {
                    let text = json[start..end].strip_prefix('"');
                    content.kind = text.and_then(|text| Some(text.strip_suffix('"')?.to_owned()));
                    false
                }
                b"msg_id" => {
                    content.msg_id = number();
                    false
                }
                b"in_reply_to" => {
                    content.in_reply_to = number();
                    false
                }
                _ => true,
            };
            if is_shown {
                shown_from = shown_from.or(Some(field));
            } else if let Some(from) = shown_from.take() {
                show(from..field - 1);
            }
            match bytes.get(end)? {
                b',' => field = end + 1,
                b'}' if end + 1 == bytes.len() => {
                    if let Some(from) = shown_from {
                        show(from..end);
                    }
                    break;
                }
                _ => return None,
            }
        }
        if !rest.is_empty() {
            rest.push('}');
        }
        content.rest = rest;
        Some(content)
    }
}

fn number(text: &str) -> Option<(u64, &str)> {
    let (number, rest) = digits(text.as_bytes())?;
    Some((number, &text[text.len() - rest.len()..]))
}

fn string(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    let rest = text[end..].strip_prefix('"')?;
    Some((&text[..end], rest))
}

/// Whether a body ends where it should. It was JSON when it was written, so it is whole then.
fn is_balanced(text: &str) -> bool {
    match text.bytes().next() {
        Some(b'{' | b'[' | b'"') => value_end(text.as_bytes(), 0) == Some(text.len()),
        // A number, or a word.
        Some(_) => !text.contains(['{', '}', '[', ']', '"']),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> serde_json::Result<Line<'_>> {
        match Line::whole(bytes, false) {
            Some((line, _)) => Ok(line),
            None => Line::of_json(bytes),
        }
    }

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
            assert!(is_balanced(cut.body.unwrap()));
        }
    }

    /// A full disk cuts lines off anywhere.
    #[test]
    fn what_is_cut_off_is_no_line() {
        let text = r#"{"time":12,"id":7,"event":"send","src":"c1","dest":"n1","body":{"type":"x","a":{"b":["}"]}}}"#;
        for end in 0..text.len() {
            assert!(read(&text.as_bytes()[..end]).is_err(), "{}", &text[..end]);
        }
        let doubled = text.repeat(2);
        assert!(read(doubled.as_bytes()).is_err());
    }

    /// Some JSON without space and escapes.
    fn any_json(random: &mut simulator::Random, depth: usize) -> Value {
        let names = ["type", "msg_id", "in_reply_to", "a", "{b", "c]", ":d,"];
        match random.index(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => Value::from(random.chance(0.5)),
            2 => Value::from(random.index(1000)),
            3 => Value::from(-0.5),
            4 => Value::from(names[random.index(names.len())]),
            5 => (0..random.index(4)).map(|_| any_json(random, depth - 1)).collect(),
            _ => {
                let name = |random: &mut simulator::Random| names[random.index(names.len())];
                let fields = (0..random.index(5))
                    .map(|_| (name(random).to_owned(), any_json(random, depth - 1)));
                Value::Object(fields.collect())
            }
        }
    }

    #[test]
    fn any_body_is_cut_up_as_json_is_read() {
        let mut random = simulator::Random::new(1, "bodies");
        let mut objects = 0;
        for _ in 0..2000 {
            let value = any_json(&mut random, 4);
            let json = value.to_string();
            assert!(is_balanced(&json), "{json}");
            assert!(!is_balanced(&json[..json.len() - 1]) || !value.is_object(), "{json}");
            let Value::Object(mut body) = value else {
                assert_eq!(Content::cut_up(&json), None);
                continue;
            };
            objects += 1;
            let kind = body.shift_remove("type").and_then(|kind| Some(kind.as_str()?.to_owned()));
            let mut number = |name| body.shift_remove(name).and_then(|id| id.as_u64());
            let (msg_id, in_reply_to) = (number("msg_id"), number("in_reply_to"));
            let rest =
                if body.is_empty() { String::new() } else { Value::Object(body).to_string() };
            assert_eq!(Content::cut_up(&json), Some(Content { kind, msg_id, in_reply_to, rest }));
        }
        assert!(objects > 200, "{objects}");
    }

    #[test]
    fn what_follows_a_body_is_none_of_it() {
        let lost = r#"{"time":7,"id":3,"event":"lost","src":"n1","dest":"n2","body":{"a":{}},"reason":"cut"}"#;
        let line = read(lost.as_bytes()).unwrap();
        assert_eq!((line.body, line.content().rest.as_str()), (Some(r#"{"a":{}}"#), r#"{"a":{}}"#));
    }

    #[test]
    fn other_lines_are_read_as_json() {
        let text = r#"{"id":7, "time":12, "event":"send","src":"c\"1","dest":"n1","more":1}"#;
        assert!(Line::cut_up(text.as_bytes()).is_none());
        let line = read(text.as_bytes()).unwrap();
        assert_eq!(parts(&line), (12, 7, ["send", "c\"1", "n1"], None, None));
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
