//! What happened in a run: events of clients and of the nemesis, in the order in which they were
//! recorded. Every checker reads a slice of [`Event`]s; [`crate::operation`] pairs them up.
//!
//! An event serialises as one flat line of `history.jsonl`, with the values that Jepsen's histories
//! have: a read holds `null` when it is invoked and what was read when it is done, a compare-and-set
//! holds `[from, to]`.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Who an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Process {
    /// A logical client, which does one operation at a time. Once the outcome of an operation is
    /// unknown, its client goes on under a new number.
    Client(u64),
    /// Whatever injects the faults.
    Nemesis,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(number) => write!(f, "process {number}"),
            Self::Nemesis => f.write_str("nemesis"),
        }
    }
}

impl Serialize for Process {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Client(number) => serializer.serialize_u64(*number),
            Self::Nemesis => serializer.serialize_str("nemesis"),
        }
    }
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An operation begins.
    Invoke,
    /// It happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Nobody knows: it may take effect at any later time, or never. The nemesis has only these.
    Info,
}

/// The elements of one read of a set; shared, because they are many and never change.
pub type Elements<V> = Arc<[V]>;

/// What a process asked for and, in a completion, what came back.
///
/// `V` is the type of the values that are opaque to nodes: JSON with real processes, numbers in
/// virtual time.
#[derive(Clone, Debug, PartialEq)]
pub enum Op<V> {
    /// Workload echo.
    Echo {
        /// What the node was asked to echo.
        sent: V,
        /// What it echoed.
        got: Option<V>,
    },
    /// Workload unique-ids.
    Generate {
        /// The id that the node made.
        id: Option<V>,
    },
    /// Workload broadcast: adds a message to the set that all nodes share.
    Broadcast {
        /// The message.
        message: V,
    },
    /// Workload g-set: adds an element.
    Add {
        /// The element.
        element: V,
    },
    /// Workloads broadcast and g-set: reads the whole set.
    ReadSet {
        /// The elements in the order of the node's answer.
        elements: Option<Elements<V>>,
    },
    /// Workloads g-counter and pn-counter: adds to the counter.
    AddDelta {
        /// By how much.
        delta: i64,
    },
    /// Workloads g-counter and pn-counter: reads the counter.
    ReadCounter {
        /// The node's answer; an integer when all is well.
        value: Option<V>,
    },
    /// Workload lin-kv: reads a register.
    Read {
        /// The register.
        key: V,
        /// Outer `None`: not known (yet). Inner `None`: the register was empty.
        value: Option<Option<V>>,
    },
    /// Workload lin-kv: writes a register.
    Write {
        /// The register.
        key: V,
        /// The new value.
        value: V,
    },
    /// Workload lin-kv: writes a register that holds a given value.
    Cas {
        /// The register.
        key: V,
        /// The value it must hold.
        from: V,
        /// The new value.
        to: V,
    },
    /// A fault begins or ends.
    Nemesis {
        /// Its name, such as `start-partition`.
        f: Box<str>,
        /// Whom it hits. Boxed, like the name, to keep the events of clients small.
        value: Box<serde_json::Value>,
    },
}

impl<V> Op<V> {
    /// The name of the function, as Maelstrom has it in its histories and statistics.
    pub fn f(&self) -> &str {
        match self {
            Self::Echo { .. } => "echo",
            Self::Generate { .. } => "generate",
            Self::Broadcast { .. } => "broadcast",
            Self::Add { .. } | Self::AddDelta { .. } => "add",
            Self::ReadSet { .. } | Self::ReadCounter { .. } | Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Cas { .. } => "cas",
            Self::Nemesis { f, .. } => f,
        }
    }

    /// The register that the operation is about, in workloads that have keys.
    pub const fn key(&self) -> Option<&V> {
        match self {
            Self::Read { key, .. } | Self::Write { key, .. } | Self::Cas { key, .. } => Some(key),
            _ => None,
        }
    }

    /// What the operation adds to a set, under either of its names.
    pub const fn added_element(&self) -> Option<&V> {
        match self {
            Self::Broadcast { message: element } | Self::Add { element } => Some(element),
            _ => None,
        }
    }
}

/// Why an operation did not succeed, as far as its client knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpError {
    /// No reply in time. Serialises as `"net-timeout"`.
    NetTimeout,
    /// An error reply. Serialises as `[name, text]`.
    Reply {
        /// Maelstrom's name of the error code, such as `precondition-failed`.
        name: String,
        /// The text that the node gave.
        text: String,
    },
    /// Anything else, a malformed reply for one. Serialises as its text.
    Other(String),
}

impl Serialize for OpError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::NetTimeout => serializer.serialize_str("net-timeout"),
            Self::Reply { name, text } => (name, text).serialize(serializer),
            Self::Other(text) => serializer.serialize_str(text),
        }
    }
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<V> {
    /// Position in the whole history, from 0. Checkers name events by it.
    pub index: u64,
    /// Nanoseconds since the run started.
    pub time: u64,
    /// Who did it.
    pub process: Process,
    /// Beginning or outcome.
    pub kind: Kind,
    /// What was asked and what came back. A completion repeats what its invocation asked.
    pub op: Op<V>,
    /// Why it is not `ok`. Boxed, because nearly always there is nothing to say.
    pub error: Option<Box<OpError>>,
    /// Whether the operation belongs to the last round of reads, after healing and recovery.
    pub is_final: bool,
}

impl<V: Serialize> Serialize for Event<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("index", &self.index)?;
        line.serialize_entry("time", &self.time)?;
        line.serialize_entry("process", &self.process)?;
        line.serialize_entry("type", &self.kind)?;
        line.serialize_entry("f", self.op.f())?;
        if let Some(key) = self.op.key() {
            line.serialize_entry("key", key)?;
        }
        line.serialize_entry("value", &Value { op: &self.op, kind: self.kind })?;
        if let Some(error) = &self.error {
            line.serialize_entry("error", error)?;
        }
        if self.is_final {
            line.serialize_entry("final?", &true)?;
        }
        line.end()
    }
}

/// The `value` of an operation in an event of a given kind.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a, V> {
    pub(crate) op: &'a Op<V>,
    pub(crate) kind: Kind,
}

impl<V: Serialize> Serialize for Value<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.op {
            Op::Echo { sent, got } => match got {
                Some(got) if self.kind == Kind::Ok => got.serialize(serializer),
                _ => sent.serialize(serializer),
            },
            Op::Generate { id: value } | Op::ReadCounter { value } => value.serialize(serializer),
            Op::Broadcast { message: value }
            | Op::Add { element: value }
            | Op::Write { value, .. } => value.serialize(serializer),
            Op::ReadSet { elements } => elements.as_deref().serialize(serializer),
            Op::AddDelta { delta } => delta.serialize(serializer),
            Op::Read { value, .. } => value.as_ref().and_then(Option::as_ref).serialize(serializer),
            Op::Cas { from, to, .. } => (from, to).serialize(serializer),
            Op::Nemesis { value, .. } => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(process: Process, kind: Kind, op: Op<u64>) -> String {
        let event = Event { index: 7, time: 12, process, kind, op, error: None, is_final: false };
        serde_json::to_string(&event).unwrap()
    }

    #[test]
    fn an_event_is_small() {
        assert!(size_of::<Event<u64>>() <= 80);
    }

    #[test]
    fn an_event_is_one_flat_line() {
        assert_eq!(
            line(Process::Client(3), Kind::Ok, Op::Cas { key: 1, from: 2, to: 4 }),
            r#"{"index":7,"time":12,"process":3,"type":"ok","f":"cas","key":1,"value":[2,4]}"#
        );
        assert_eq!(
            line(
                Process::Nemesis,
                Kind::Info,
                Op::Nemesis {
                    f: "start-partition".into(),
                    value: Box::new(serde_json::json!(["n1"]))
                }
            ),
            r#"{"index":7,"time":12,"process":"nemesis","type":"info","f":"start-partition","value":["n1"]}"#
        );
    }

    #[test]
    fn values_are_those_of_jepsen() {
        let value = |kind, op| {
            let line: serde_json::Value =
                serde_json::from_str(&line(Process::Client(0), kind, op)).unwrap();
            (line["f"].as_str().unwrap().to_owned(), line["value"].to_string())
        };
        let expect = |f: &str, value: &str| (f.to_owned(), value.to_owned());
        use Kind::{Invoke, Ok};

        assert_eq!(value(Invoke, Op::Echo { sent: 1, got: None }), expect("echo", "1"));
        assert_eq!(value(Ok, Op::Echo { sent: 1, got: Some(2) }), expect("echo", "2"));
        assert_eq!(value(Invoke, Op::Generate { id: None }), expect("generate", "null"));
        assert_eq!(value(Ok, Op::Generate { id: Some(9) }), expect("generate", "9"));
        assert_eq!(value(Invoke, Op::Broadcast { message: 5 }), expect("broadcast", "5"));
        assert_eq!(value(Invoke, Op::Add { element: 5 }), expect("add", "5"));
        assert_eq!(value(Invoke, Op::ReadSet { elements: None }), expect("read", "null"));
        assert_eq!(
            value(Ok, Op::ReadSet { elements: Some(Arc::new([3, 1])) }),
            expect("read", "[3,1]")
        );
        assert_eq!(value(Invoke, Op::AddDelta { delta: -5 }), expect("add", "-5"));
        assert_eq!(value(Ok, Op::ReadCounter { value: Some(5) }), expect("read", "5"));
        assert_eq!(value(Invoke, Op::Read { key: 0, value: None }), expect("read", "null"));
        assert_eq!(value(Ok, Op::Read { key: 0, value: Some(None) }), expect("read", "null"));
        assert_eq!(value(Ok, Op::Read { key: 0, value: Some(Some(4)) }), expect("read", "4"));
        assert_eq!(value(Invoke, Op::Write { key: 0, value: 4 }), expect("write", "4"));
    }

    #[test]
    fn errors_and_the_final_mark_are_written_when_there_are_any() {
        let event = Event {
            index: 0,
            time: 0,
            process: Process::Client(1),
            kind: Kind::Fail,
            op: Op::ReadCounter::<u64> { value: None },
            error: Some(Box::new(OpError::Reply {
                name: "abort".into(),
                text: "no quorum".into(),
            })),
            is_final: true,
        };
        let line = serde_json::to_string(&event).unwrap();
        assert!(line.ends_with(r#""value":null,"error":["abort","no quorum"],"final?":true}"#));
        assert_eq!(serde_json::to_string(&OpError::NetTimeout).unwrap(), r#""net-timeout""#);
    }
}
