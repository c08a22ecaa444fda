//! Lines as they travel between nodes and the bench: reading one strictly, explaining what is wrong
//! with a bad one, and writing the form in which a node gets it.
//!
//! Only the envelope is read. A body stays the text that its sender wrote, all the way to its
//! receiver.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proto::{MessageId, NodeId};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use simulator::Fabric;

use crate::wire::{in_words, no_word_of_json, quote, without_place};
use crate::world::ProblemKind;

/// A line that a node wrote.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    src: Cow<'a, str>,
    #[serde(borrow)]
    dest: Cow<'a, str>,
    #[serde(borrow)]
    body: &'a RawValue,
    /// Nodes may send back the number that the network gave to a message.
    #[serde(default)]
    #[expect(dead_code, reason = "it only has to be an integer if it is there")]
    id: Option<i64>,
}

/// What a line says on its outside.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) src: NodeId,
    pub(crate) dest: NodeId,
    /// The text of a JSON object.
    pub(crate) body: &'a str,
    /// Whether more objects follow on the line. Like Maelstrom we take the first and drop the others.
    pub(crate) is_shared: bool,
}

/// Reads a line as Maelstrom does: an object with the strings `src` and `dest`, the object `body`,
/// perhaps an integer `id`, and nothing else.
///
/// # Errors
/// What is wrong with it, without a quotation.
pub(crate) fn parse(line: &[u8]) -> Result<Line<'_>, String> {
    // serde would take an array for an object.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err(no_object(line));
    }
    let (envelope, is_shared) = match serde_json::from_slice::<Envelope<'_>>(line) {
        Ok(envelope) => (envelope, false),
        Err(error) => (first_of_several(line).ok_or_else(|| flaw(line, &error))?, true),
    };
    let body = envelope.body.get();
    if !body.starts_with('{') {
        return Err("its `body` is no object".to_owned());
    }
    let (src, dest) = (NodeId::new(&envelope.src), NodeId::new(&envelope.dest));
    Ok(Line { src, dest, body, is_shared })
}

/// The first message of a line on which another object begins after it.
fn first_of_several(line: &[u8]) -> Option<Envelope<'_>> {
    let mut objects = serde_json::Deserializer::from_slice(line).into_iter::<Envelope<'_>>();
    let first = objects.next()?.ok()?;
    let rest = line.get(objects.byte_offset()..)?;
    rest.trim_ascii_start().starts_with(b"{").then_some(first)
}

/// What has probably happened when a line does not even begin like a message.
fn no_object(line: &[u8]) -> String {
    match line.trim_ascii() {
        b"" => "it is blank; is the newline written twice?",
        // What a byte order mark is in UTF-8 and, either way round, in UTF-16.
        [0xef, 0xbb, 0xbf, ..] => {
            "it begins with a byte order mark; a line of JSON must not have one, so write UTF-8 without it"
        }
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] => "it is UTF-16; JSON has to be written in UTF-8",
        _ => "it is no JSON object; did you print to stdout? Logs belong on stderr",
    }
    .to_owned()
}

/// What is wrong with a line that begins like a message, and what has probably happened.
fn flaw(line: &[u8], error: &serde_json::Error) -> String {
    if let Err(error) = std::str::from_utf8(line) {
        let byte = error.valid_up_to() + 1;
        return format!("byte {byte} of it is no UTF-8, in which all JSON has to be written");
    }
    if serde_json::from_slice::<IgnoredAny>(line.trim_ascii()).is_ok() {
        if let Some(flaw) = field_flaw(line) {
            return flaw;
        }
        let reason = without_place(error);
        return match reason.starts_with("unknown field") {
            true => format!("{reason}; everything but these belongs into `body`"),
            false => reason,
        };
    }
    let column = error.column();
    if error.is_eof() {
        return "it ends in the middle of a message; is there a newline inside the message, or do two \
                threads write at once?"
            .to_owned();
    }
    no_word_of_json(line, column).unwrap_or_else(|| {
        format!("it is no JSON from column {column} on; is something else printed to stdout?")
    })
}

/// The fields of an envelope, as they are.
fn fields_of(line: &[u8]) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_slice(line).ok()
}

/// The first field of an envelope that is of the wrong type.
fn field_flaw(line: &[u8]) -> Option<String> {
    let fields = fields_of(line)?;
    let flaw = |name: &str, error: serde_json::Error| in_words(&format!("its `{name}`"), &error);
    let name_flaw = |name: &str| {
        let value = fields.get(name)?.get();
        serde_json::from_str::<String>(value).err().map(|error| flaw(name, error))
    };
    let id_flaw = || {
        let value = fields.get("id")?.get();
        serde_json::from_str::<Option<i64>>(value).err().map(|error| flaw("id", error))
    };
    name_flaw("src").or_else(|| name_flaw("dest")).or_else(id_flaw)
}

/// What a body says of requests and answers.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// Whether it wants an answer.
    pub(crate) asks: bool,
    /// The request that it answers; nothing if it does not say so with a number.
    pub(crate) answers: Option<MessageId>,
}

impl Header {
    /// Reads it.
    pub(crate) fn of(body: &str) -> Self {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            msg_id: Option<&'a RawValue>,
            #[serde(borrow)]
            in_reply_to: Option<&'a RawValue>,
        }
        serde_json::from_str(body).map_or_else(
            |_| Self::default(),
            |Fields { msg_id, in_reply_to }| Self {
                asks: msg_id.is_some(),
                answers: in_reply_to.and_then(|number| serde_json::from_str(number.get()).ok()),
            },
        )
    }
}

/// The request that this body answers; nothing if it does not say so with a number.
pub(crate) fn in_reply_to(body: &str) -> Option<MessageId> {
    Header::of(body).answers
}

/// An answer that goes to a node which has asked nothing, in words.
pub(crate) fn misdirected(number: u64, dest: &NodeId, body: &str) -> String {
    format!(
        "it sends an answer to request {number} to `{dest}`, which has asked it nothing; a reply goes to \
         the `src` of the request: {}",
        quote(body.as_bytes())
    )
}

/// Appends the line that a node gets: a message with its number in the whole network, from 0.
pub(crate) fn write_line(out: &mut Vec<u8>, number: u64, ends: (&NodeId, &NodeId), body: &str) {
    out.extend_from_slice(b"{\"id\":");
    write_json(out, &number);
    out.extend_from_slice(b",\"src\":");
    write_json(out, ends.0);
    out.extend_from_slice(b",\"dest\":");
    write_json(out, ends.1);
    out.extend_from_slice(b",\"body\":");
    out.extend_from_slice(body.as_bytes());
    out.extend_from_slice(b"}\n");
}

/// Whether this body says that a node has taken its `init`.
///
/// # Errors
/// What is wrong with it, without a quotation.
pub(crate) fn judge_init(body: &str) -> Result<(), String> {
    /// What is looked at.
    #[derive(Deserialize)]
    struct InitReply<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Option<&'a RawValue>,
    }
    let kind = serde_json::from_str(body).ok().and_then(|InitReply { kind }| kind);
    match kind.and_then(|kind| serde_json::from_str::<String>(kind.get()).ok()).as_deref() {
        Some("init_ok") => Ok(()),
        Some("error") => Err("it is an error".to_owned()),
        Some(kind) => Err(format!("its type is `{kind}` and should be `init_ok`")),
        None => Err("its `type` is missing, or no string".to_owned()),
    }
}

/// What is wrong with the number of an answer, if anything is: `wanted` is that of the request.
pub(crate) fn number_flaw(found: Option<MessageId>, wanted: MessageId) -> Option<String> {
    let MessageId(number) = wanted;
    match found {
        Some(found) if found == wanted => None,
        Some(MessageId(found)) => Some(format!(
            "`in_reply_to` is {found} and should be {number}, the `msg_id` of the request"
        )),
        None => Some(format!(
            "the answer has no `in_reply_to`, or none that is an integer; it should be {number}, the \
             `msg_id` of the request"
        )),
    }
}

/// What to say of a line that is no message, because of this flaw.
pub(crate) fn no_message(number: u64, flaw: &str, line: &[u8]) -> String {
    format!("line {number} on its stdout is no message: {flaw}: {}", quote(line))
}

/// Whether a line is an object that does not say whose it is.
pub(crate) fn is_of_nobody(line: &[u8]) -> bool {
    let Some(fields) = fields_of(line) else { return false };
    fields.get("src").is_none_or(|src| serde_json::from_str::<String>(src.get()).is_err())
}

/// Why a node may speak in nobody's name before it has answered `init`.
pub(crate) const NOBODY_YET: &str = "; it has not answered `init` yet: is another message seen to meanwhile, on a \
                                     thread of its own, when the node does not know its name?";

/// What is odd about a message that a node wrote, if anything is: its kind and what to say of it.
pub(crate) fn oddity(
    fabric: &Fabric,
    writer: usize,
    (src, dest): (&NodeId, &NodeId),
) -> Option<(ProblemKind, String)> {
    let is_known = |id| fabric.endpoint(id).is_some();
    if !is_known(src) {
        Some((ProblemKind::WrongSource, format!("has the `src` of `{src}`, who is not there")))
    } else if !is_known(dest) {
        Some((ProblemKind::UnknownDestination, format!("is for `{dest}`, who is not there")))
    } else if *src != fabric.node_ids()[writer] {
        let what = format!(
            "has the `src` of `{src}`; it counts as if {src} had sent it, as with Maelstrom"
        );
        Some((ProblemKind::OtherSource, what))
    } else {
        None
    }
}

/// What to say of a line with several messages.
pub(crate) const SHARED_LINE: &str = "has more than one message; the first counts and the others are \
     dropped, as with Maelstrom; is a newline missing?";

/// Says something of a line that a node wrote.
pub(crate) fn line_is(number: u64, what: &str, line: &[u8]) -> String {
    format!("line {number} on its stdout {what}: {}", quote(line))
}

/// Appends a number or a string.
fn write_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Numbers and strings always have a JSON form, and memory takes every byte.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(line: &str) -> String {
        parse(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_message_is_read_in_any_order_and_its_body_is_kept_as_it_is() {
        let line = br#" {"body": {"type":"x", "n":1.50}, "dest":"n2","id":7,"src":"n\u0031"} "#;
        let line = parse(line).unwrap();
        assert_eq!((line.src.as_str(), line.dest.as_str()), ("n1", "n2"));
        assert_eq!(line.body, r#"{"type":"x", "n":1.50}"#);
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told_with_its_likely_cause() {
        for (line, expected) in [
            ("", "blank"),
            (" \r", "blank"),
            ("Listening on port 80", "did you print to stdout"),
            ("\u{feff}{\"src\":\"n1\"}", "byte order mark"),
            ("7", "did you print to stdout"),
            (r#"{"src":"n1","dest":"#, "ends in the middle"),
            (r#"{"src":"n1","dest":"n2","body":{}} done"#, "from column 36 on"),
            (r#"{"src":"n1","dest":"n2","body":{},"msg_id":1}"#, "unknown field `msg_id`"),
            (r#"{"src":"n1","body":{}}"#, "missing field `dest`"),
            (r#"{"src":"n1","dest":"n2","body":"read"}"#, "`body` is no object"),
            (
                r#"{"src":1,"dest":"n2","body":{}}"#,
                "its `src` is the integer 1 and should be a string",
            ),
            (r#"{"src":"n1","dest":null,"body":{}}"#, "its `dest` is null and should be a string"),
            (
                r#"{"src":"n1","dest":"n2","body":{},"id":"a"}"#,
                "its `id` is the string \"a\" and should be an integer",
            ),
            (r#" {"src":"n1","dest":"n2","body":{"id":NaN}}"#, "`NaN` in it is no JSON: "),
            (r#"{"src":"n1","dest":"n2","body":{"id":True}}"#, "in small letters"),
        ] {
            let reason = reason(line);
            assert!(reason.contains(expected), "{line}: {reason}");
        }
        assert!(reason(r#"["n1","n2",{}]"#).contains("no JSON object"));
        for nobody in [r#""src":null,"#, r#""src":1,"#, ""] {
            assert!(is_of_nobody(format!(r#"{{{nobody}"dest":"c0","body":{{}}}}"#).as_bytes()));
        }
        for other in [r#"{"src":"n1","dest":"c0","body":{},"time":5}"#, "src", "[]"] {
            assert!(!is_of_nobody(other.as_bytes()), "{other}");
        }
        for line in [
            &b"{\"src\":\"n\xff\",\"dest\":\"n2\",\"body\":{}}"[..],
            b"{\"src\":\"n1\",\"dest\":\"n2\",\"body\":{\"a\":\"\xff\"}}",
        ] {
            let reason = parse(line).unwrap_err();
            assert!(reason.contains("is no UTF-8"), "{reason}");
        }
    }

    #[test]
    fn of_several_messages_on_a_line_the_first_is_taken() {
        for rest in [r#"{"src":"n1","dest":"n3","body":{}}"#, r#" {"src":"n"#, "{"] {
            let line = format!(r#"{{"src":"n1","dest":"n2","body":{{"a":1}}}}{rest}"#);
            let line = parse(line.as_bytes()).unwrap();
            assert_eq!((line.dest.as_str(), line.body), ("n2", r#"{"a":1}"#));
            assert!(line.is_shared);
        }
        assert!(!parse(br#"{"src":"n1","dest":"n2","body":{}}"#).unwrap().is_shared);
    }

    #[test]
    fn an_answer_to_init_has_a_type_and_a_number() {
        assert_eq!(judge_init(r#"{"type":"init_ok","x":1}"#), Ok(()));
        for (body, expected) in [
            (r#"{"type":"initok"}"#, "its type is `initok` and should be `init_ok`"),
            (r#"{"type":"error","code":13}"#, "it is an error"),
            (r#"{"type":7}"#, "its `type` is missing, or no string"),
            (r#"{"Type":"init_ok"}"#, "its `type` is missing, or no string"),
        ] {
            assert_eq!(judge_init(body).unwrap_err(), expected);
        }
        assert_eq!(number_flaw(Some(MessageId(1)), MessageId(1)), None);
        let flaw = number_flaw(Some(MessageId(8)), MessageId(1)).unwrap();
        assert_eq!(flaw, "`in_reply_to` is 8 and should be 1, the `msg_id` of the request");
        assert!(number_flaw(None, MessageId(1)).unwrap().contains("has no `in_reply_to`"));
    }

    #[test]
    fn only_a_number_names_a_request() {
        assert_eq!(in_reply_to(r#"{"type":"x","in_reply_to":7}"#), Some(MessageId(7)));
        for body in [r#"{"type":"x"}"#, r#"{"in_reply_to":null}"#, r#"{"in_reply_to":"7"}"#] {
            assert_eq!(in_reply_to(body), None, "{body}");
        }
    }
}
