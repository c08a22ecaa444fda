//! Where a run takes place: with real processes or in virtual time. The harness drives either
//! through this one trait, so operations, faults and checks are the same for both.

use std::collections::BTreeMap;

use proto::{MessageId, NodeId, Time};
use serde::{Deserialize, Serialize};
use simulator::{Cut, Network, Reached, Statistics};

/// For each node the neighbours that it is told.
pub type Topology = BTreeMap<NodeId, Vec<NodeId>>;

/// A message for a client.
#[derive(Debug)]
pub struct Reply {
    /// The node that sent it.
    pub node: NodeId,
    /// The client.
    pub client: NodeId,
    /// The request that it answers.
    pub in_reply_to: Option<MessageId>,
    /// Its whole body.
    pub body: String,
}

/// Something that breaks, or is mended.
#[derive(Clone, PartialEq, Debug)]
pub enum Fault {
    /// Replaces the partition in force; no cut at all heals it.
    Partition(Cut),
    /// Messages between servers are lost with this probability from now on.
    Loss(f64),
    /// Messages between servers arrive twice with this probability from now on.
    Duplicate(f64),
    /// These nodes are killed.
    Kill(Vec<usize>),
    /// These nodes lose power: they are killed, and what they have not synced is gone from their files.
    /// Only in virtual time.
    PowerCut(Vec<usize>),
    /// Every node that is down is started again and gets `init`.
    Restart,
    /// These nodes stop in their tracks.
    Pause(Vec<usize>),
    /// Every paused node goes on.
    Resume,
    /// Each node's wall clock is off by so many milliseconds. Only in virtual time.
    Clocks(Vec<i64>),
    /// These nodes are to be no members of the cluster. It is the harness that asks the nodes for
    /// it; a world has nothing to do.
    RemoveMembers(Vec<usize>),
    /// All nodes are to be members again.
    AddMembers,
    /// These nodes lie from now on, and all others do not. Only in virtual time.
    Lie(Vec<usize>),
}

impl Fault {
    /// Does to a network what this fault does to it: the same wherever nodes live. Other faults do nothing
    /// here.
    pub fn strike(&self, network: &mut Network) {
        match self {
            Self::Partition(cut) => network.set_cut(cut.clone()),
            Self::Loss(p) => network.set_loss(*p),
            Self::Duplicate(p) => network.set_duplicate(*p),
            _ => {}
        }
    }
}

/// Something wrong with a node that is no answer to an operation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// Which node.
    pub node: NodeId,
    /// When, in nanoseconds since the run began.
    pub time: u64,
    /// What kind.
    pub kind: ProblemKind,
    /// What happened, for people, with the likely cause.
    pub text: String,
    /// How often this kind has happened to this node; the text is that of the first time.
    pub count: u64,
}

/// Kinds of problems. Which of them make a run invalid, [`ProblemKind::is_fatal`] says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The run could not begin because of this node.
    NotStarted,
    /// A line on stdout that is no message.
    Garbage,
    /// A message to nobody.
    UnknownDestination,
    /// A message in the name of somebody whom nobody knows.
    WrongSource,
    /// A message in the name of a node, service or client that its sender is not.
    OtherSource,
    /// Several messages on one line.
    SharedLine,
    /// The process ended by itself.
    Died,
    /// The node's logic panicked, and the node is dead since (virtual time only).
    Panicked,
    /// A restarted node did not answer `init`.
    NoInit,
    /// A node that was removed from the cluster did not become a member again.
    NotAddedBack,
    /// It closed its stdin or stdout and goes on running.
    ClosedStream,
    /// The process was stopped, by itself or by somebody who is not the nemesis.
    Stopped,
    /// It does not read what it is sent.
    NotReading,
    /// It answered nothing that it was asked, although no fault was brought.
    Silent,
    /// It says so much that not all of it is kept.
    LogFull,
    /// Messages were lost because it sends more, or reads less, than can be kept for it.
    Overflow,
    /// A message to a client that does not wait for it (any more).
    LateReply,
    /// A message to a client that answers nothing which that has asked of its sender.
    StrayReply,
    /// It had answered, and answered nothing any more from some moment on, although no fault was on.
    Hanging,
    /// An answer to a client that is not as the workload has it. To Maelstrom it is an operation of unknown
    /// outcome, and no more.
    MalformedReply,
    /// An invariant that is checked while running does not hold (virtual time only).
    Invariant,
}

impl ProblemKind {
    /// Whether this alone makes a run invalid.
    pub fn is_fatal(self) -> bool {
        // Maelstrom accepts these too, in silence.
        !matches!(
            self,
            Self::LateReply
                | Self::StrayReply
                | Self::Hanging
                | Self::OtherSource
                | Self::SharedLine
                | Self::LogFull
        )
    }
}

/// Nodes, network and clock.
pub trait World {
    /// Time since the world began.
    fn now(&self) -> Time;

    /// The names of the nodes.
    fn node_ids(&self) -> &[NodeId];

    /// Sends a client's request to a node: a whole body.
    fn send(&mut self, client: &NodeId, node: usize, body: &str);

    /// Waits for the next message to a client, at most until then. It may return earlier with
    /// nothing when there is other news: a node has died.
    fn wait(&mut self, until: Time) -> Option<Reply>;

    /// Makes something break, or mends it.
    fn inject(&mut self, fault: &Fault);

    /// Whether a node is known to be dead, so that nothing it is asked will be answered.
    fn is_down(&self, node: usize) -> bool;

    /// The node that leads, where that is known.
    fn primary(&self) -> Option<usize>;

    /// What the network counted.
    fn statistics(&self) -> Statistics;

    /// How many messages each node has sent to other nodes and to services, where that is counted.
    fn sent(&self) -> &[u64] {
        &[]
    }

    /// What went wrong with nodes so far.
    fn problems(&self) -> Vec<Problem>;

    /// Why a node may not answer, as far as it shows in what it says elsewhere: what its stderr says went
    /// wrong, answers that it sends to the wrong place, input that it has not read.
    fn hint_at_silence(&mut self, _node: usize) -> Option<String> {
        None
    }

    /// Has all that is drawn from now on come from another seed, as far as a world's seed decides it.
    fn reseed(&mut self, seed: u64);

    /// Takes the states that nodes went through, each with when it was first reached, where the options
    /// have them noted.
    fn take_reached(&mut self) -> Vec<Reached> {
        Vec::new()
    }

    /// Takes the requests of clients that Byzantine nodes have made up since the last call, as bodies.
    fn take_invented(&mut self) -> Vec<Box<str>> {
        Vec::new()
    }

    /// What a reader should know of how the run was kept.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// How often each condition has held that a node told (see [`proto::Context::sometimes`]): where nodes
    /// are processes they tell none.
    fn conditions(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    /// Whether the run has to end now: the user wants it, or no node is left.
    fn interrupted(&self) -> bool {
        false
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::time::Duration;

    use super::*;

    /// Two nodes that hear everything and say nothing.
    pub(crate) struct Silent {
        pub(crate) now: Time,
        pub(crate) nodes: Vec<NodeId>,
        pub(crate) heard: Vec<String>,
        /// The seeds that it was given.
        pub(crate) reseeded: Vec<u64>,
        /// How much longer than asked for every wait takes.
        pub(crate) late: Duration,
        /// From when on the run has to end.
        pub(crate) end: Time,
    }

    impl Default for Silent {
        fn default() -> Self {
            let nodes = ["n0", "n1"].map(NodeId::new).to_vec();
            let (heard, reseeded) = (Vec::new(), Vec::new());
            let (now, late, end) = (Time::ZERO, Duration::ZERO, Time::MAX);
            Self { now, nodes, heard, reseeded, late, end }
        }
    }

    impl World for Silent {
        fn now(&self) -> Time {
            self.now
        }

        fn node_ids(&self) -> &[NodeId] {
            &self.nodes
        }

        fn send(&mut self, _: &NodeId, _: usize, body: &str) {
            self.heard.push(body.to_owned());
        }

        fn wait(&mut self, until: Time) -> Option<Reply> {
            self.now = until.max(self.now) + self.late;
            None
        }

        fn inject(&mut self, _: &Fault) {}

        fn reseed(&mut self, seed: u64) {
            self.reseeded.push(seed);
        }

        fn is_down(&self, _: usize) -> bool {
            false
        }

        fn primary(&self) -> Option<usize> {
            None
        }

        fn statistics(&self) -> Statistics {
            Statistics::default()
        }

        fn problems(&self) -> Vec<Problem> {
            Vec::new()
        }

        fn interrupted(&self) -> bool {
            self.now >= self.end
        }
    }
}
