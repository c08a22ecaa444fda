//! A cluster of these nodes in virtual time, and clients that each do one
//! operation after another: what `partition_test`, the tests and the benchmark
//! are built on.

use std::collections::VecDeque;
use std::time::Duration;

use proto::{Either, MessageId, Node, NodeId, Payload, Time};
use simulator::{Cluster, ClusterOptions};

use crate::lin_kv::{Answer, Message, Operation};
use crate::node::ConsensusNode;
use crate::settings::Settings;

/// How an operation ended, as its client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect, or found that it could not.
    Answer(Answer),
    /// It did not and will not take effect.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// The end of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Whose operation it was.
    pub client: usize,
    /// How it ended.
    pub outcome: Outcome,
}

/// A cluster and its clients.
pub struct SimulatedCluster {
    cluster: Cluster<ConsensusNode>,
    names: Vec<NodeId>,
    /// The number of each client's open request.
    open: Vec<Option<MessageId>>,
    next_id: u64,
    timeout: Duration,
    timeouts: VecDeque<(Time, usize, MessageId)>,
}

impl std::fmt::Debug for SimulatedCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedCluster").field("now", &self.cluster.now()).finish_non_exhaustive()
    }
}

impl SimulatedCluster {
    /// A cluster with so many clients, which wait up to `timeout` for an answer.
    #[must_use]
    pub fn new(
        options: ClusterOptions,
        settings: &Settings,
        clients: usize,
        timeout: Duration,
    ) -> Self {
        let settings = settings.clone();
        Self {
            // Clients `c0` to `c<n>` are those that send `init`.
            names: (0..clients).map(|client| NodeId::new(&format!("client{client}"))).collect(),
            cluster: Cluster::new(options, move |_| ConsensusNode::new(settings.clone())),
            open: vec![None; clients],
            next_id: 1,
            timeout,
            timeouts: VecDeque::new(),
        }
    }

    /// The cluster, to look at and to break.
    pub fn cluster(&mut self) -> &mut Cluster<ConsensusNode> {
        &mut self.cluster
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.cluster.now()
    }

    /// Whether a client waits for an answer.
    #[must_use]
    pub fn is_busy(&self, client: usize) -> bool {
        self.open[client].is_some()
    }

    /// Gives a client, which must not be busy, an operation to do at a node.
    pub fn submit(&mut self, client: usize, node: usize, operation: Operation) {
        let id = MessageId(self.next_id);
        self.next_id += 1;
        self.open[client] = Some(id);
        self.timeouts.push_back((self.cluster.now() + self.timeout, client, id));
        let body = Either::Left(Either::Left(operation.into()));
        self.cluster.request(&self.names[client], node, id, body);
    }

    /// When something happens next.
    #[must_use]
    pub fn next_time(&self) -> Option<Time> {
        let timeout = self.timeouts.front().map(|&(at, ..)| at);
        self.cluster.next_time().into_iter().chain(timeout).min()
    }

    /// Lets the next event happen: the node that it happened to, and what it
    /// completed.
    pub fn step(&mut self) -> (Option<usize>, Option<Completion>) {
        let next = self.cluster.next_time();
        if let Some(&(at, client, id)) = self.timeouts.front()
            && next.is_none_or(|next| at <= next)
        {
            self.timeouts.pop_front();
            if self.open[client] != Some(id) {
                return (None, None);
            }
            self.cluster.advance_to(at);
            self.open[client] = None;
            return (None, Some(Completion { client, outcome: Outcome::Unknown }));
        }
        let Some(step) = self.cluster.step() else { return (None, None) };
        let completion = step.to_client.and_then(|message| self.on_reply(message));
        (step.node, completion)
    }

    fn on_reply(
        &mut self,
        message: proto::Message<Payload<<ConsensusNode as Node>::Body>>,
    ) -> Option<Completion> {
        let client: usize = message.dest.as_str().strip_prefix("client")?.parse().ok()?;
        if message.in_reply_to.is_none() || self.open[client] != message.in_reply_to {
            return None;
        }
        self.open[client] = None;
        let outcome = match message.payload {
            Payload::Body(Either::Left(Either::Left(message))) => match message {
                Message::ReadOk { value } => Outcome::Answer(Answer::Value(value)),
                Message::WriteOk => Outcome::Answer(Answer::Written),
                Message::CasOk => Outcome::Answer(Answer::Swapped),
                _ => Outcome::Unknown,
            },
            Payload::Error(error) => match error.code {
                proto::ErrorCode::KeyDoesNotExist => Outcome::Answer(Answer::NoSuchKey),
                proto::ErrorCode::PreconditionFailed => Outcome::Answer(Answer::Mismatch),
                code if code.is_definite() => Outcome::Refused,
                _ => Outcome::Unknown,
            },
            _ => Outcome::Unknown,
        };
        Some(Completion { client, outcome })
    }
}
