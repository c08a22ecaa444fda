//! Maelstrom's error codes: what went wrong, and whether the operation may still happen.

use std::fmt::Display;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A code of Maelstrom's error registry (`doc/protocol.md`, "Errors").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ErrorCode {
    /// 0: the requested operation could not be completed in time.
    Timeout,
    /// 1: the request was for a node that does not exist.
    NodeNotFound,
    /// 10: this type of request is not supported here.
    NotSupported,
    /// 11: the operation cannot be performed now, and will not be.
    TemporarilyUnavailable,
    /// 12: the request does not have the form it should have.
    MalformedRequest,
    /// 13: something unexpected went wrong; the operation may have happened.
    Crash,
    /// 14: the operation was abandoned and will not happen.
    Abort,
    /// 20: the key does not exist.
    KeyDoesNotExist,
    /// 21: the key exists already.
    KeyAlreadyExists,
    /// 22: a condition of the request (the `from` of a compare-and-set) does not hold.
    PreconditionFailed,
    /// 30: the transaction conflicts with another one and was abandoned.
    TxnConflict,
    /// 40: the node is no member of its cluster, so that the operation will not happen; of
    /// jepsen-io/maelstrom#101, for clusters whose members change.
    NotAMember,
    /// Any other number: a code of the node's own. Maelstrom takes these for indefinite.
    Other(u32),
}

impl ErrorCode {
    /// Every code that has a name.
    pub const NAMED: [Self; 12] = [
        Self::Timeout,
        Self::NodeNotFound,
        Self::NotSupported,
        Self::TemporarilyUnavailable,
        Self::MalformedRequest,
        Self::Crash,
        Self::Abort,
        Self::KeyDoesNotExist,
        Self::KeyAlreadyExists,
        Self::PreconditionFailed,
        Self::TxnConflict,
        Self::NotAMember,
    ];

    /// The number on the wire.
    pub const fn number(self) -> u32 {
        match self {
            Self::Timeout => 0,
            Self::NodeNotFound => 1,
            Self::NotSupported => 10,
            Self::TemporarilyUnavailable => 11,
            Self::MalformedRequest => 12,
            Self::Crash => 13,
            Self::Abort => 14,
            Self::KeyDoesNotExist => 20,
            Self::KeyAlreadyExists => 21,
            Self::PreconditionFailed => 22,
            Self::TxnConflict => 30,
            Self::NotAMember => 40,
            Self::Other(number) => number,
        }
    }

    /// The code with this number.
    pub fn from_number(number: u32) -> Self {
        Self::NAMED.into_iter().find(|code| code.number() == number).unwrap_or(Self::Other(number))
    }

    /// Maelstrom's name for the code.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NodeNotFound => "node-not-found",
            Self::NotSupported => "not-supported",
            Self::TemporarilyUnavailable => "temporarily-unavailable",
            Self::MalformedRequest => "malformed-request",
            Self::Crash => "crash",
            Self::Abort => "abort",
            Self::KeyDoesNotExist => "key-does-not-exist",
            Self::KeyAlreadyExists => "key-already-exists",
            Self::PreconditionFailed => "precondition-failed",
            Self::TxnConflict => "txn-conflict",
            Self::NotAMember => "not-a-member",
            Self::Other(_) => "unknown",
        }
    }

    /// Whether the code promises that the operation did not and will not happen. Answering with a
    /// definite code where that is not certain makes a checker find a violation that is yours.
    pub const fn is_definite(self) -> bool {
        !matches!(self, Self::Timeout | Self::Crash | Self::Other(_))
    }

    /// Whether the code is the outcome of the operation itself, as a value would be: it says what the
    /// key holds, and not that nobody could tell.
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::KeyDoesNotExist | Self::KeyAlreadyExists | Self::PreconditionFailed)
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.number())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::from_number)
    }
}

/// The body of an `error` message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{text} (error {}, {})", code.number(), code.name())]
pub struct Error {
    /// What kind of error, and so whether the operation may still happen.
    pub code: ErrorCode,
    /// What went wrong, for people.
    #[serde(default)]
    pub text: String,
}

impl Error {
    /// An error of any code.
    pub fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// Error 10, for a message type that the node does not know.
    pub fn not_supported(kind: &str) -> Self {
        Self::new(ErrorCode::NotSupported, format!("message type `{kind}` is not supported"))
    }

    /// Error 11: not now, and certainly not done.
    pub fn temporarily_unavailable(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, text)
    }

    /// Error 14, for all that a node is asked whose records of an earlier life are not as it wrote
    /// them: `reason` says what is wrong with them. One policy for all nodes: such a node says so
    /// once, as a line of its log, takes no part in anything, and writes nothing over, because going
    /// on without a record could lose what a client was told is kept.
    pub fn unusable_records(reason: impl Display) -> Self {
        let text = format!(
            "{reason}: restore the directory of this node in the state directory, or remove it to \
             start empty"
        );
        Self::new(ErrorCode::Abort, text)
    }

    /// As [`Error::unusable_records`], for a node whose records are promises to others: starting
    /// empty would break them, so that is not proposed.
    pub fn unusable_promises(reason: impl Display) -> Self {
        let text = format!(
            "{reason}: restore the directory of this node in the state directory; a node that \
             starts without it may break what it promised, and what was acknowledged may be lost"
        );
        Self::new(ErrorCode::Abort, text)
    }

    /// Error 12, with a text that names the field at fault.
    pub fn malformed_request(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::MalformedRequest, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_definiteness_are_those_of_maelstroms_registry() {
        // number, name, definite: the table of Maelstrom's `resources/errors.edn`, and 40 of its
        // pull request 101.
        let registry = [
            (0, "timeout", false),
            (1, "node-not-found", true),
            (10, "not-supported", true),
            (11, "temporarily-unavailable", true),
            (12, "malformed-request", true),
            (13, "crash", false),
            (14, "abort", true),
            (20, "key-does-not-exist", true),
            (21, "key-already-exists", true),
            (22, "precondition-failed", true),
            (30, "txn-conflict", true),
            (40, "not-a-member", true),
            (1000, "unknown", false),
        ];
        for (number, name, definite) in registry {
            let code = ErrorCode::from_number(number);
            assert_eq!((code.number(), code.name(), code.is_definite()), (number, name, definite));
            // The twenties say what a key holds.
            assert_eq!(code.is_answer(), (20..30).contains(&number), "{name}");
        }
    }
}
