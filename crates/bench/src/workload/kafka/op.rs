//! The operations of workload kafka, and how they stand in histories.

use std::collections::BTreeMap;

use checkers::Kind;
use checkers::history::Op;
use proto::Json;
use serde::Serialize;
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use crate::wire::in_words;
use crate::workload::Stored;

/// Offsets by key.
pub(super) type Offsets = BTreeMap<String, u64>;

/// What came back from each key: offsets and messages, in the order in which they came.
pub(super) type Polled = Vec<(String, Messages)>;

/// Offsets and messages of one key.
pub(super) type Messages = Vec<(u64, Json)>;

/// Jepsen's name of [`KafkaOp::Debug`].
const DEBUG: &str = "debug-topic-partitions";

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
    /// Of Jepsen's own histories: sends and polls of which all happen or none.
    Several { f: Box<str>, parts: Vec<Part> },
    /// Likewise: polls whatever it is given of these keys.
    Subscribe { keys: Vec<String> },
    /// Likewise: looks at the brokers' partitions for whoever reads the history, and nothing hangs on it.
    Debug,
}

/// A send or a poll.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Part<T = String, V = Json, P = Polled> {
    Send { key: T, message: V, offset: Option<u64> },
    Poll { polled: Option<P> },
}

/// The same, of an operation.
pub(super) type PartOf<'a> = Part<&'a String, &'a Json, &'a Polled>;

impl Part {
    const fn borrowed(&self) -> PartOf<'_> {
        match self {
            Self::Send { key, message, offset } => Part::Send { key, message, offset: *offset },
            Self::Poll { polled } => Part::Poll { polled: polled.as_ref() },
        }
    }
}

impl<'a> PartOf<'a> {
    /// What it polled.
    pub(super) const fn polled(self) -> Option<&'a Polled> {
        match self {
            Part::Poll { polled } => polled,
            Part::Send { .. } => None,
        }
    }
}

/// As Jepsen writes it, once it is done.
impl Serialize for PartOf<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Send { key, message, offset: Some(offset) } => {
                ("send", key, (offset, message)).serialize(serializer)
            }
            Self::Send { key, message, offset: None } => {
                ("send", key, message).serialize(serializer)
            }
            Self::Poll { polled: Some(polled) } => ("poll", ByKey(polled)).serialize(serializer),
            Self::Poll { polled: None } => ["poll"].serialize(serializer),
        }
    }
}

impl KafkaOp {
    /// The sends and polls that it is.
    pub(super) fn parts(&self) -> impl Iterator<Item = PartOf<'_>> {
        let (one, several): (Option<PartOf<'_>>, &[Part]) = match self {
            Self::Send { key, message, offset } => {
                (Some(Part::Send { key, message, offset: *offset }), &[])
            }
            Self::Poll { polled, .. } => (Some(Part::Poll { polled: polled.as_ref() }), &[]),
            Self::Several { parts, .. } => (None, parts),
            Self::Commit { .. } | Self::Assign { .. } | Self::Subscribe { .. } | Self::Debug => {
                (None, &[])
            }
        };
        one.into_iter().chain(several.iter().map(Part::borrowed))
    }

    /// The keys and messages that it sends.
    fn sent(&self) -> impl Iterator<Item = (&String, &Json)> {
        self.parts().filter_map(|part| match part {
            Part::Send { key, message, .. } => Some((key, message)),
            Part::Poll { .. } => None,
        })
    }

    /// Whether it sends something.
    pub(super) fn sends(&self) -> bool {
        self.sent().next().is_some()
    }
}

impl Op for KafkaOp {
    fn f(&self) -> &str {
        match self {
            Self::Send { .. } => "send",
            Self::Poll { .. } => "poll",
            Self::Commit { .. } => "commit_offsets",
            Self::Assign { crash: false, .. } => "assign",
            Self::Assign { crash: true, .. } => "crash",
            Self::Several { f, .. } => f,
            Self::Subscribe { .. } => "subscribe",
            Self::Debug => DEBUG,
        }
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        match (self, completion) {
            (Self::Poll { from, .. }, Self::Poll { from: other, .. }) => from == other,
            // One that polls may poll several times.
            (Self::Send { .. }, Self::Send { .. })
            | (Self::Poll { .. } | Self::Several { .. }, Self::Several { .. }) => {
                self.sent().eq(completion.sent())
            }
            (Self::Commit { offsets }, Self::Commit { offsets: other }) => offsets == other,
            (
                Self::Assign { crash, keys, .. },
                Self::Assign { crash: other_crash, keys: other, .. },
            ) => crash == other_crash && keys == other,
            (Self::Subscribe { keys }, Self::Subscribe { keys: other }) => keys == other,
            (Self::Debug, Self::Debug) => true,
            _ => false,
        }
    }

    /// A client that forgets everything asks, but nothing hangs on the answer.
    fn need_not_succeed(&self) -> bool {
        matches!(self, Self::Assign { crash: true, .. } | Self::Debug)
    }

    /// Sends and polls as Jepsen writes them: `[["send", key, message]]`, which becomes `[["send", key,
    /// [offset, message]]]`, and `[["poll"]]`, which becomes `[["poll", {key: [[offset, message],
    /// ...]}]]`. An assignment holds its keys, and once it is done what was committed for each.
    fn write<M: SerializeMap>(&self, kind: Kind, line: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Send { .. } | Self::Poll { .. } | Self::Several { .. } => {
                let told = |part| match part {
                    part if kind == Kind::Ok => part,
                    Part::Send { key, message, .. } => Part::Send { key, message, offset: None },
                    Part::Poll { .. } => Part::Poll { polled: None },
                };
                line.serialize_entry("value", &self.parts().map(told).collect::<Vec<_>>())
            }
            Self::Subscribe { keys } => line.serialize_entry("value", keys),
            Self::Commit { offsets } => line.serialize_entry("value", offsets),
            Self::Assign { keys, committed: Some(committed), .. } if kind == Kind::Ok => {
                let committed =
                    keys.iter().map(|key| (key, committed.get(key))).collect::<BTreeMap<_, _>>();
                line.serialize_entry("value", &committed)
            }
            Self::Assign { keys, .. } => line.serialize_entry("value", keys),
            Self::Debug => line.serialize_entry("value", &()),
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

/// Reads an operation of a stored history. Jepsen's own histories of this workload are read too, in which
/// an operation may be several sends and polls.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn restore(stored: &Stored, asked: Option<&KafkaOp>) -> Result<KafkaOp, String> {
    let text = &stored.text;
    let wrong = |shape: &'static str| {
        let f = &stored.f;
        move |error: serde_json::Error| {
            in_words(&format!("`value` of `{f}` is {shape}: something in it"), &error)
        }
    };
    match &*stored.f {
        f @ ("send" | "poll" | "txn") => {
            let shape = match f {
                "send" => "[[\"send\", key, message]]",
                "poll" => "[[\"poll\", {key: [[offset, message], ...]}]]",
                _ => "a list of sends and polls",
            };
            let texts: Vec<&RawValue> = serde_json::from_str(text).map_err(wrong(shape))?;
            let before: Vec<PartOf<'_>> = asked.into_iter().flat_map(KafkaOp::parts).collect();
            let parts = texts.iter().enumerate().map(|(place, text)| {
                restore_part(text.get(), stored.kind, before.get(place)).map_err(wrong(shape))
            });
            let parts = parts.collect::<Result<Vec<Part>, String>>()?;
            Ok(match (f, <[Part; 1]>::try_from(parts)) {
                ("send", Ok([Part::Send { key, message, offset }])) => {
                    KafkaOp::Send { key, message, offset }
                }
                ("poll", Ok([Part::Poll { polled }])) => {
                    KafkaOp::Poll { from: Offsets::new(), polled }
                }
                (f, Ok(one)) => KafkaOp::Several { f: f.into(), parts: one.into() },
                (f, Err(parts)) => KafkaOp::Several { f: f.into(), parts },
            })
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
            let keys = restore_keys(text).map_err(wrong("a list of keys"))?;
            Ok(KafkaOp::Assign { crash, keys, committed: None })
        }
        "subscribe" => {
            let keys = restore_keys(text).map_err(wrong("a list of keys"))?;
            Ok(KafkaOp::Subscribe { keys })
        }
        DEBUG => Ok(KafkaOp::Debug),
        _ => Err(stored.unknown()),
    }
}

/// Reads a send or a poll, given what was asked. Where it was put and what was polled is told of what
/// succeeded, and may be told of what did not.
fn restore_part(text: &str, kind: Kind, asked: Option<&PartOf<'_>>) -> serde_json::Result<Part> {
    let is_poll = |name: &str| match name {
        "poll" => Ok(true),
        "send" => Ok(false),
        _ => Err(serde_json::Error::custom(format!("`{name}` is neither a send nor a poll"))),
    };
    let words: Vec<&RawValue> = serde_json::from_str(text)?;
    let Some(first) = words.first() else { return Err(serde_json::Error::custom("it is empty")) };
    if is_poll(&name(&serde_json::from_str(first.get())?))? {
        let came: Option<BTreeMap<String, Messages>> = match words.get(1) {
            Some(came) => serde_json::from_str(came.get())?,
            None => None,
        };
        let polled = came.map(|came| came.into_iter().map(as_it_came).collect());
        let nothing = (kind == Kind::Ok).then(Vec::new);
        return Ok(Part::Poll { polled: polled.or(nothing) });
    }
    let (_, key, message): (String, Json, Json) = serde_json::from_str(text)?;
    let (key, message) = (name(&key), message.distinguishing_floats());
    let was_sent = |message: &Json| match asked {
        Some(Part::Send { message: sent, .. }) => *sent == message,
        _ => asked.is_none() && kind == Kind::Ok,
    };
    if kind != Kind::Invoke
        && !(asked.is_some() && was_sent(&message))
        && let Ok((offset, inner)) = serde_json::from_str::<(Option<u64>, Json)>(&message.text())
        && let inner = inner.distinguishing_floats()
        && was_sent(&inner)
    {
        // Jepsen has none where it is not known.
        return Ok(Part::Send { key, message: inner, offset });
    }
    Ok(Part::Send { key, message, offset: None })
}

fn restore_keys(text: &str) -> serde_json::Result<Vec<String>> {
    let keys: Option<Vec<Json>> = serde_json::from_str(text)?;
    Ok(keys.unwrap_or_default().iter().map(name).collect())
}

/// Reads what a poll got, by key.
///
/// # Errors
/// Says what should be there instead of the first thing that is wrong.
pub(super) fn read_polled(text: &str) -> Result<BTreeMap<String, Messages>, String> {
    serde_json::from_str(text).map_err(|error| {
        let shape = "{key: [[offset, message], ...], ...}";
        let Ok(keys) = serde_json::from_str::<BTreeMap<String, Json>>(text) else {
            return format!("{}: {shape}", in_words("`msgs`", &error));
        };
        let flaw = |key: &String, messages: &Json| {
            let Ok(messages) = serde_json::from_str::<Vec<Json>>(&messages.text()) else {
                return Some(format!(
                    "what `msgs` has of key {key:?}, {messages}, should be a list of [offset, message]"
                ));
            };
            let is_message =
                |pair: &Json| serde_json::from_str::<(u64, Json)>(&pair.text()).is_ok();
            let other = messages.iter().find(|pair| !is_message(pair))?;
            Some(format!(
                "`msgs` has {other} of key {key:?}, which should be [offset, message] with an offset that \
                 is an integer, 0 or more"
            ))
        };
        let first = keys.iter().find_map(|(key, messages)| flaw(key, messages));
        first.unwrap_or_else(|| in_words("`msgs`", &error))
    })
}

/// Reads what was committed, by key.
///
/// # Errors
/// Says what should be there instead of the first thing that is wrong.
pub(super) fn read_offsets(text: &str) -> Result<Offsets, String> {
    serde_json::from_str(text).map_err(|error| {
        let Ok(keys) = serde_json::from_str::<BTreeMap<String, Json>>(text) else {
            return format!("{}: {{key: offset, ...}}", in_words("`offsets`", &error));
        };
        let is_offset = |offset: &Json| serde_json::from_str::<u64>(&offset.text()).is_ok();
        match keys.iter().find(|(_, offset)| !is_offset(offset)) {
            Some((key, other)) => format!(
                "`offsets` has {other} for key {key:?}, which should be an integer, 0 or more; a key of \
                 which nothing was committed is left out"
            ),
            None => in_words("`offsets`", &error),
        }
    })
}

/// What a poll got of a key, in which integers are no floats.
pub(super) fn as_it_came((key, messages): (String, Messages)) -> (String, Messages) {
    let as_it_came = |(offset, message): (u64, Json)| (offset, message.distinguishing_floats());
    let mut messages: Messages = messages.into_iter().map(as_it_came).collect();
    // Most polls bring a message or two of a key, and room was made for four.
    messages.shrink_to_fit();
    (key, messages)
}

/// A key as text: that of a string, or JSON.
fn name(key: &Json) -> String {
    let text = key.text();
    serde_json::from_str::<String>(&text).unwrap_or_else(|_| text.into_owned())
}
