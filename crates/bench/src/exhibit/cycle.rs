//! Operations that cannot be put in an order, because each must come before the next.

use checkers::Process;
use serde::{Deserialize, Serialize};

/// A circle of operations with the proof of each step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cycle {
    /// The operations, in the order of the circle.
    pub members: Vec<Member>,
    /// The steps; the last one leads to the first operation again.
    pub steps: Vec<Step>,
}

/// One operation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Member {
    /// A short name, such as `T5`.
    pub name: String,
    /// Who did it.
    pub process: Process,
    /// The indices of the events that began and ended it.
    pub events: (u64, Option<u64>),
    /// What it did, in its order.
    pub parts: Vec<Part>,
}

/// A part of an operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Part {
    /// In a few words.
    pub text: String,
    /// Whether a step of the circle rests on it.
    pub is_involved: bool,
}

/// Why one operation must come before another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// The place of the earlier one in [`Cycle::members`].
    pub from: usize,
    /// The place of the later one.
    pub to: usize,
    /// Of which kind the proof is, such as `wr`. Steps of one kind have one colour.
    pub kind: String,
    /// What that kind means, for the legend.
    pub meaning: String,
    /// What it is about: key and versions.
    pub about: String,
    /// The proof in a sentence.
    pub why: String,
}
