//! What happened in a run: events of clients and of the nemesis, in the order in which they were
//! recorded. Every checker reads a slice of [`Event`]s over operations of its own;
//! [`crate::operation`] pairs them up.
//!
//! What can be asked of a node is up to the workload: any type that is an [`Op`]. An event serialises
//! as one flat line of `history.jsonl`, with the values that Jepsen's histories have: a read holds
//! `null` when it is invoked and what was read when it is done.

use std::fmt::{self, Debug};

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// A number or `"nemesis"`.
impl<'de> Deserialize<'de> for Process {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Name(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self::Client(number)),
            Form::Name(name) if name == "nemesis" => Ok(Self::Nemesis),
            Form::Name(name) => Err(serde::de::Error::custom(format!("nobody is `{name}`"))),
        }
    }
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// What a process asks for and, in a completion, what came back: the operations of one workload.
pub trait Op: Clone + PartialEq + Debug {
    /// The name of the function, as Maelstrom has it in its histories and statistics.
    fn f(&self) -> &str;

    /// Whether `completion` repeats what this invocation asked.
    fn is_completed_by(&self, completion: &Self) -> bool;

    /// Whether a run is worth something in which this function never succeeded.
    fn need_not_succeed(&self) -> bool {
        false
    }

    /// Writes `key`, in workloads that have keys, and `value` into an event of this kind.
    ///
    /// # Errors
    /// Those of the serializer.
    fn write<M: SerializeMap>(&self, kind: Kind, line: &mut M) -> Result<(), M::Error>;
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Action<O> {
    /// An operation of a client.
    Client(O),
    /// A fault begins or ends.
    Nemesis {
        /// Its name, such as `start-partition`.
        f: Box<str>,
        /// Whom it hits. Boxed, like the name, to keep the events of clients small.
        value: Box<serde_json::Value>,
    },
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
pub struct Event<O> {
    /// Position in the whole history, from 0. Checkers name events by it.
    pub index: u64,
    /// Nanoseconds since the run started.
    pub time: u64,
    /// Who did it.
    pub process: Process,
    /// Beginning or outcome.
    pub kind: Kind,
    /// What was asked and what came back. A completion repeats what its invocation asked.
    pub action: Action<O>,
    /// Why it is not `ok`. Boxed, because nearly always there is nothing to say.
    pub error: Option<Box<OpError>>,
    /// Whether the operation belongs to the last round of reads, after healing and recovery.
    pub is_final: bool,
}

impl<O> Event<O> {
    /// An event of a client, without an error.
    pub fn of_client(index: u64, time: u64, process: u64, kind: Kind, op: O) -> Self {
        let (process, action) = (Process::Client(process), Action::Client(op));
        Self { index, time, process, kind, action, error: None, is_final: false }
    }

    /// An event of the nemesis.
    pub fn of_nemesis(index: u64, time: u64, f: &str, value: serde_json::Value) -> Self {
        let action = Action::Nemesis { f: f.into(), value: Box::new(value) };
        let (process, kind) = (Process::Nemesis, Kind::Info);
        Self { index, time, process, kind, action, error: None, is_final: false }
    }

    /// What a client asked and got back, if the event is a client's.
    pub const fn op(&self) -> Option<&O> {
        match &self.action {
            Action::Client(op) => Some(op),
            Action::Nemesis { .. } => None,
        }
    }
}

impl<O> Event<O> {
    /// The same, to be changed.
    pub const fn op_mut(&mut self) -> Option<&mut O> {
        match &mut self.action {
            Action::Client(op) => Some(op),
            Action::Nemesis { .. } => None,
        }
    }
}

impl<O: Op> Event<O> {
    /// The name of the function or of the fault.
    pub fn f(&self) -> &str {
        match &self.action {
            Action::Client(op) => op.f(),
            Action::Nemesis { f, .. } => f,
        }
    }
}

impl<O: Op> Serialize for Event<O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("index", &self.index)?;
        line.serialize_entry("time", &self.time)?;
        line.serialize_entry("process", &self.process)?;
        line.serialize_entry("type", &self.kind)?;
        line.serialize_entry("f", self.f())?;
        match &self.action {
            Action::Client(op) => op.write(self.kind, &mut line)?,
            Action::Nemesis { value, .. } => line.serialize_entry("value", value)?,
        }
        if let Some(error) = &self.error {
            line.serialize_entry("error", error)?;
        }
        if self.is_final {
            line.serialize_entry("final?", &true)?;
        }
        line.end()
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::counter::CounterOp;
    use crate::echo::EchoOp;
    use crate::linearizable::RegisterOp;
    use crate::set::SetOp;
    use crate::unique::GenerateOp;

    fn line(process: u64, kind: Kind, op: impl Op) -> String {
        serde_json::to_string(&Event::of_client(7, 12, process, kind, op)).unwrap()
    }

    fn value(kind: Kind, op: impl Op) -> (String, String) {
        let line: serde_json::Value = serde_json::from_str(&line(0, kind, op)).unwrap();
        (line["f"].as_str().unwrap().to_owned(), line["value"].to_string())
    }

    #[test]
    fn an_event_is_small() {
        assert!(size_of::<Event<RegisterOp<u64>>>() <= 80);
    }

    #[test]
    fn an_event_is_one_flat_line() {
        assert_eq!(
            line(3, Kind::Ok, RegisterOp::Cas { key: 1, from: 2, to: 4 }),
            r#"{"index":7,"time":12,"process":3,"type":"ok","f":"cas","key":1,"value":[2,4]}"#
        );
        assert_eq!(
            serde_json::to_string(&Event::<RegisterOp<u64>>::of_nemesis(
                7,
                12,
                "start-partition",
                serde_json::json!(["n1"])
            ))
            .unwrap(),
            r#"{"index":7,"time":12,"process":"nemesis","type":"info","f":"start-partition","value":["n1"]}"#
        );
    }

    #[test]
    fn values_are_those_of_jepsen() {
        let expect = |f: &str, value: &str| (f.to_owned(), value.to_owned());
        use Kind::{Invoke, Ok};

        assert_eq!(value(Invoke, EchoOp { sent: 1, got: None }), expect("echo", "1"));
        assert_eq!(value(Ok, EchoOp { sent: 1, got: Some(2) }), expect("echo", "2"));
        assert_eq!(value(Invoke, GenerateOp::<u64> { id: None }), expect("generate", "null"));
        assert_eq!(value(Ok, GenerateOp { id: Some(9) }), expect("generate", "9"));
        assert_eq!(value(Invoke, SetOp::Add { element: 5 }), expect("add", "5"));
        assert_eq!(value(Invoke, SetOp::<u64>::Read { elements: None }), expect("read", "null"));
        assert_eq!(
            value(Ok, SetOp::Read { elements: Some(vec![3, 1].into()) }),
            expect("read", "[3,1]")
        );
        assert_eq!(value(Invoke, CounterOp::<u64>::Add { delta: -5 }), expect("add", "-5"));
        assert_eq!(value(Ok, CounterOp::Read { value: Some(5) }), expect("read", "5"));
        assert_eq!(value(Invoke, RegisterOp::Read { key: 0, value: None }), expect("read", "null"));
        assert_eq!(
            value(Ok, RegisterOp::Read { key: 0, value: Some(None) }),
            expect("read", "null")
        );
        assert_eq!(
            value(Ok, RegisterOp::Read { key: 0, value: Some(Some(4)) }),
            expect("read", "4")
        );
        assert_eq!(value(Invoke, RegisterOp::Write { key: 0, value: 4 }), expect("write", "4"));
    }

    #[test]
    fn errors_and_the_final_mark_are_written_when_there_are_any() {
        let event = Event {
            index: 0,
            time: 0,
            process: Process::Client(1),
            kind: Kind::Fail,
            action: Action::Client(CounterOp::<u64>::Read { value: None }),
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
