//! The operations of workload kafka, and how they stand in histories.

use std::collections::BTreeMap;

use checkers::Kind;
use checkers::history::Op;
use proto::Json;
use serde::Serialize;
use serde::ser::SerializeMap;

use crate::wire::without_place;
use crate::workload::Stored;

/// Offsets by key.
pub(super) type Offsets = BTreeMap<String, u64>;

/// What came back from each key: offsets and messages, in the order in which they came.
pub(super) type Polled = Vec<(String, Messages)>;

/// Offsets and messages of one key.
pub(super) type Messages = Vec<(u64, Json)>;

/// One request of a client.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum KafkaOp {
    /// Appends a message to the log of a key.
    Send { key: String, message: Json, offset: Option<u64> },
    /// Asks for messages from these offsets on.
    Poll { from: Offsets, polled: Option<Polled> },
    /// Says up to where messages have been dealt with.
    Commit { offsets: Offsets },
    /// Chooses the keys that the client polls from now on, and asks up to where they were dealt with.
    /// After a crash the client has forgotten where it was.
    Assign { crash: bool, keys: Vec<String>, committed: Option<Offsets> },
}

impl Op for KafkaOp {
    fn f(&self) -> &str {
        match self {
            Self::Send { .. } => "send",
            Self::Poll { .. } => "poll",
            Self::Commit { .. } => "commit_offsets",
            Self::Assign { crash: false, .. } => "assign",
            Self::Assign { crash: true, .. } => "crash",
        }
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        match (self, completion) {
            (
                Self::Send { key, message, .. },
                Self::Send { key: other_key, message: other_message, .. },
            ) => key == other_key && message == other_message,
            (Self::Poll { from, .. }, Self::Poll { from: other, .. }) => from == other,
            (Self::Commit { offsets }, Self::Commit { offsets: other }) => offsets == other,
            (
                Self::Assign { crash, keys, .. },
                Self::Assign { crash: other_crash, keys: other, .. },
            ) => crash == other_crash && keys == other,
            _ => false,
        }
    }

    /// A client that forgets everything asks, but nothing hangs on the answer.
    fn need_not_succeed(&self) -> bool {
        matches!(self, Self::Assign { crash: true, .. })
    }

    /// Sends and polls as Jepsen writes them: `[["send", key, message]]`, which becomes `[["send", key,
    /// [offset, message]]]`, and `[["poll"]]`, which becomes `[["poll", {key: [[offset, message],
    /// ...]}]]`. An assignment holds its keys, and once it is done what was committed for each.
    fn write<M: SerializeMap>(&self, kind: Kind, line: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Send { key, message, offset: Some(offset) } if kind == Kind::Ok => {
                line.serialize_entry("value", &[("send", key, (offset, message))])
            }
            Self::Send { key, message, .. } => {
                line.serialize_entry("value", &[("send", key, message)])
            }
            Self::Poll { polled: Some(polled), .. } if kind == Kind::Ok => {
                line.serialize_entry("value", &[("poll", ByKey(polled))])
            }
            Self::Poll { .. } => line.serialize_entry("value", &[["poll"]]),
            Self::Commit { offsets } => line.serialize_entry("value", offsets),
            Self::Assign { keys, committed: Some(committed), .. } if kind == Kind::Ok => {
                let committed =
                    keys.iter().map(|key| (key, committed.get(key))).collect::<BTreeMap<_, _>>();
                line.serialize_entry("value", &committed)
            }
            Self::Assign { keys, .. } => line.serialize_entry("value", keys),
        }
    }
}

/// A list of pairs as an object.
struct ByKey<'a>(&'a Polled);

impl Serialize for ByKey<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, messages)| (key, messages)))
    }
}

/// Reads an operation of a stored history. Jepsen's own histories of this workload are read too, as
/// far as each operation is one send or one poll.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn restore(stored: &Stored, asked: Option<&KafkaOp>) -> Result<KafkaOp, String> {
    let text = &stored.text;
    let wrong = |shape: &'static str| {
        let f = &stored.f;
        move |error: serde_json::Error| {
            format!("`value` of `{f}` is {shape}: {}", without_place(&error))
        }
    };
    match &*stored.f {
        "send" => {
            let [(_, key, message)]: [(String, Json, Json); 1] =
                serde_json::from_str(text).map_err(wrong("[[\"send\", key, message]]"))?;
            let (key, message) = (name(&key), message.distinguishing_floats());
            if stored.kind == Kind::Ok
                && let Ok((offset, message)) =
                    serde_json::from_str::<(Option<u64>, Json)>(&message.text())
                && let message = message.distinguishing_floats()
                && asked.is_none_or(
                    |op| matches!(op, KafkaOp::Send { message: sent, .. } if *sent == message),
                )
            {
                // Jepsen has none where it is not known.
                return Ok(KafkaOp::Send { key, message, offset });
            }
            Ok(KafkaOp::Send { key, message, offset: None })
        }
        "poll" => {
            if stored.kind != Kind::Ok {
                return Ok(KafkaOp::Poll { from: Offsets::new(), polled: None });
            }
            let [(_, polled)]: [(String, BTreeMap<String, Messages>); 1] =
                serde_json::from_str(text)
                    .map_err(wrong("[[\"poll\", {key: [[offset, message], ...]}]]"))?;
            let polled = Some(polled.into_iter().map(as_it_came).collect());
            Ok(KafkaOp::Poll { from: Offsets::new(), polled })
        }
        "commit_offsets" => {
            let offsets = serde_json::from_str(text).map_err(wrong("{key: offset}"))?;
            Ok(KafkaOp::Commit { offsets })
        }
        f @ ("assign" | "crash") => {
            let crash = f == "crash";
            if let Ok(committed) = serde_json::from_str::<BTreeMap<String, Option<u64>>>(text) {
                let keys = match asked {
                    Some(KafkaOp::Assign { keys, .. }) => keys.clone(),
                    _ => committed.keys().cloned().collect(),
                };
                let known = committed.into_iter().filter_map(|(key, offset)| Some((key, offset?)));
                return Ok(KafkaOp::Assign { crash, keys, committed: Some(known.collect()) });
            }
            let keys: Option<Vec<Json>> =
                serde_json::from_str(text).map_err(wrong("a list of keys"))?;
            let keys = keys.unwrap_or_default().iter().map(name).collect();
            Ok(KafkaOp::Assign { crash, keys, committed: None })
        }
        _ => Err(stored.unknown()),
    }
}

/// What a poll got of a key, in which integers are no floats.
pub(super) fn as_it_came((key, messages): (String, Messages)) -> (String, Messages) {
    let as_it_came = |(offset, message): (u64, Json)| (offset, message.distinguishing_floats());
    (key, messages.into_iter().map(as_it_came).collect())
}

/// A key as text: that of a string, or JSON.
fn name(key: &Json) -> String {
    let text = key.text();
    serde_json::from_str::<String>(&text).unwrap_or_else(|_| text.into_owned())
}
