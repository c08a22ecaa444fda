//! What replicas say to each other, and whose messages carry it.

use std::fmt::Debug;
use std::hash::Hash as StdHash;

use crdt::Lattice;
use proto::{Body, Either, Node};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::value_set::Hash;

/// A state that can be replicated.
pub trait State: Lattice + StdHash + Debug + Serialize + DeserializeOwned + Send + 'static {}

impl<S: Lattice + StdHash + Debug + Serialize + DeserializeOwned + Send + 'static> State for S {}

/// A node that has a replica of such a state. Between nodes it says nothing else.
pub trait Replicated:
    Node<Token = (), Body = Either<Self::Message, Replication<Self::State>>>
{
    /// What is replicated.
    type State: State;
    /// The messages of clients.
    type Message: Body;
}

/// The message between replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[serde(bound(serialize = "S: Serialize", deserialize = "S: Deserialize<'de>"))]
pub enum Replication<S> {
    /// A step.
    Replicate {
        /// What is said.
        step: Step<S>,
    },
}

/// What replicas say to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[serde(bound(serialize = "S: Serialize", deserialize = "S: Deserialize<'de>"))]
pub enum Step<S> {
    /// Something to be joined; to be acknowledged with the same numbers.
    Delta {
        /// What it says.
        state: S,
        /// All deltas of the sender below this number are in it or were acknowledged.
        end: u64,
        /// Which start of the sender numbers them.
        start: u32,
    },
    /// Something to be joined at once. Nobody acknowledges it: it comes again as a `delta`.
    Early {
        /// What it says.
        state: S,
    },
    /// A `delta` was joined, and will not be forgotten.
    Ack {
        /// As in the delta.
        end: u64,
        /// As in the delta.
        start: u32,
    },
    /// Asks whether the receiver has the same.
    Compare {
        /// The fingerprint of the sender's state.
        sum: Hash,
    },
    /// Yes.
    Agree {
        /// The fingerprint of both states.
        sum: Hash,
    },
    /// No, here is what the sender of this has; what it lacks, it would like as a `delta`.
    Differ {
        /// All of it.
        state: S,
    },
}
