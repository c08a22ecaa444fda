//! Do ids respect causality? Every id has to be higher than all ids in its causal past (Lamport
//! 1978): those given out before by the same node, and those that it could have heard of through
//! messages, directly or through others.
//!
//! Each message carries, for the checker only, what its sender surely knew when it made it: how many
//! ids of each node, and the highest. That takes one pass, and a vector a message.
//!
//! Whoever watches from outside sees an id only when it leaves its node. It was made at some time
//! between the request for it and that answer, so it has to be higher than what its node had heard
//! of before the request, and what the node says after the answer carries it on ([`Event::Ask`],
//! [`Event::Answer`]). A message may have waited as well, for a disk or in a buffer, while others
//! came in. All that is sure is that nodes say things in the order in which they made them: a message
//! carries what the node had heard of before the latest request that it answered first. No order is
//! taken for one that was not there.
//!
//! A node that is killed may forget what it heard last, for to be told is not to have stored it. What it
//! had heard of before a request that it has answered it has to know again ([`Event::Restart`]): a node
//! stores first and speaks then.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::verdict::Verdict;

/// Something that happened at a node. Nodes are numbered from 0, messages at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<I> {
    /// A node gave out an id at this very moment.
    Issue {
        /// Which node.
        node: usize,
        /// The id.
        id: I,
    },
    /// A node was asked for an id.
    Ask {
        /// Which node.
        node: usize,
        /// A number that no other request has.
        request: u64,
    },
    /// A node answered with an id that it had been asked for.
    Answer {
        /// Which node.
        node: usize,
        /// The number of the request.
        request: u64,
        /// The id.
        id: I,
    },
    /// A node sent a message to another.
    Send {
        /// Which node.
        node: usize,
        /// A number that no other message has.
        message: u64,
    },
    /// A node received a message: one that was sent before, perhaps more than once.
    Receive {
        /// Which node.
        node: usize,
        /// The number of the message.
        message: u64,
    },
    /// A node was killed and runs again: it may have lost all that it heard after the latest request
    /// that it has answered.
    Restart {
        /// Which node.
        node: usize,
    },
}

/// An id and where it was given out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issued<I> {
    /// The node.
    pub node: usize,
    /// The id.
    pub id: I,
}

/// An id that is not higher than one in its past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation<I> {
    /// The highest id of the past.
    pub earlier: Issued<I>,
    /// The id that should be higher.
    pub later: Issued<I>,
}

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CausalIds<I> {
    /// Invalid if an id is not higher than one in its past; unknown if no id of one node was in the
    /// past of an id of another, because then nothing was tested.
    #[serde(rename = "valid?")]
    pub verdict: Verdict,
    /// How many ids were given out.
    pub issued_count: u64,
    /// How many pairs of ids of one node are ordered: all of them, but for those that were asked for at
    /// the same time.
    pub pairs_within_nodes: u64,
    /// How many pairs of ids of two nodes are ordered by messages.
    pub pairs_across_nodes: u64,
    /// How many ids are not higher than their past.
    pub violation_count: u64,
    /// The first of them, at most [`VIOLATIONS_MAX`].
    pub violations: Vec<Violation<I>>,
    /// Receipts of messages that nobody had sent, and answers to what nobody had asked: a record with
    /// holes. They were passed over.
    pub unsent_count: u64,
}

/// How many violations are listed.
pub const VIOLATIONS_MAX: usize = 16;

/// What a node has heard of.
#[derive(Clone)]
struct Past<I> {
    /// How many ids of each node.
    counts: BTreeMap<usize, u64>,
    highest: Option<Issued<I>>,
}

impl<I> Default for Past<I> {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), highest: None }
    }
}

impl<I: Clone + Ord> Past<I> {
    fn join(&mut self, other: &Self) {
        for (node, count) in &other.counts {
            let known = self.counts.entry(*node).or_default();
            *known = (*known).max(*count);
        }
        if let Some(issued) = &other.highest {
            self.raise(issued);
        }
    }

    fn raise(&mut self, issued: &Issued<I>) {
        if self.highest.as_ref().is_none_or(|highest| highest.id < issued.id) {
            self.highest = Some(issued.clone());
        }
    }
}

/// Checks events in an order in which they can have happened: each node's own in their order, and a
/// message sent before it is received.
///
/// ```
/// use checkers::Verdict;
/// use checkers::causal::ids::{Event::{Issue, Receive, Send}, check};
///
/// let mut events = vec![
///     Issue { node: 0, id: 7 },
///     Send { node: 0, message: 1 },
///     Receive { node: 1, message: 1 },
///     Issue { node: 1, id: 9 },
/// ];
/// let result = check(&events);
/// assert_eq!((result.verdict, result.pairs_across_nodes), (Verdict::Valid, 1));
/// events[3] = Issue { node: 1, id: 5 };
/// assert_eq!(check(&events).verdict, Verdict::Invalid);
/// ```
pub fn check<I: Clone + Ord>(events: &[Event<I>]) -> CausalIds<I> {
    let mut follower = Follower::new();
    events.iter().cloned().for_each(|event| follower.note(event));
    follower.finish()
}

/// A check that goes on while events happen, and keeps none of them.
pub struct Follower<I> {
    result: CausalIds<I>,
    /// What each node knew when it made what it has said by now, and has to know for good.
    pasts: BTreeMap<usize, Past<I>>,
    /// What it has heard besides.
    heard: BTreeMap<usize, Past<I>>,
    /// What the sender of each message surely knew.
    carried: FxHashMap<u64, Past<I>>,
    /// What each node knew when it got a request that it has not answered yet.
    asked: FxHashMap<(usize, u64), Past<I>>,
}

impl<I: Clone + Ord> Follower<I> {
    /// Nothing has happened.
    pub fn new() -> Self {
        Self {
            result: CausalIds {
                verdict: Verdict::Unknown,
                issued_count: 0,
                pairs_within_nodes: 0,
                pairs_across_nodes: 0,
                violation_count: 0,
                violations: Vec::new(),
                unsent_count: 0,
            },
            pasts: BTreeMap::new(),
            heard: BTreeMap::new(),
            carried: FxHashMap::default(),
            asked: FxHashMap::default(),
        }
    }

    /// Takes the next event, in an order as [`check`] wants it.
    pub fn note(&mut self, event: Event<I>) {
        match event {
            Event::Issue { node, id } => {
                let past = self.knows(node);
                self.issue(node, id, &past);
            }
            Event::Ask { node, request } => {
                let past = self.knows(node);
                self.asked.insert((node, request), past);
            }
            Event::Answer { node, request, id } => match self.asked.remove(&(node, request)) {
                Some(past) => self.issue(node, id, &past),
                None => self.result.unsent_count += 1,
            },
            Event::Send { node, message } => {
                let past = self.pasts.get(&node).cloned().unwrap_or_default();
                self.carried.insert(message, past);
            }
            Event::Receive { node, message } => match self.carried.get(&message) {
                Some(sent) => self.heard.entry(node).or_default().join(sent),
                None => self.result.unsent_count += 1,
            },
            Event::Restart { node } => drop(self.heard.remove(&node)),
        }
    }

    /// All that a node knows if everything that was handed to it has reached it.
    fn knows(&self, node: usize) -> Past<I> {
        let mut past = self.pasts.get(&node).cloned().unwrap_or_default();
        if let Some(heard) = self.heard.get(&node) {
            past.join(heard);
        }
        past
    }

    /// Notes an id that has to be higher than all of `past`.
    fn issue(&mut self, node: usize, id: I, past: &Past<I>) {
        let result = &mut self.result;
        result.issued_count += 1;
        for (origin, count) in &past.counts {
            match *origin == node {
                true => result.pairs_within_nodes += count,
                false => result.pairs_across_nodes += count,
            }
        }
        let issued = Issued { node, id };
        if let Some(earlier) = past.highest.as_ref().filter(|earlier| earlier.id >= issued.id) {
            result.violation_count += 1;
            if result.violations.len() < VIOLATIONS_MAX {
                let earlier = earlier.clone();
                result.violations.push(Violation { earlier, later: issued.clone() });
            }
        }
        let known = self.pasts.entry(node).or_default();
        known.join(past);
        *known.counts.entry(node).or_default() += 1;
        known.raise(&issued);
    }

    /// What was found.
    pub fn finish(self) -> CausalIds<I> {
        let verdict = match self.result.violation_count {
            0 if self.result.pairs_across_nodes == 0 => Verdict::Unknown,
            violations => Verdict::from_rule(violations == 0),
        };
        CausalIds { verdict, ..self.result }
    }
}

impl<I: Clone + Ord> Default for Follower<I> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
