//! A laboratory: a cluster of nodes in virtual time, and clients that each have one request open at
//! most. For runs that whoever makes them steers step by step; those that the options of a run describe
//! are the [`harness`](crate::harness)'s.

pub mod registers;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use proto::{AnyBody, AnyMessage, MessageId, Node, NodeId, Payload, Time};
use simulator::{AnyCluster, Cluster, ClusterOptions};

use crate::wire::Request;

/// The end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Whose request it was.
    pub client: usize,
    /// Its type.
    pub asked: &'static str,
    /// The body that came back; nothing if none came in time.
    pub reply: Option<String>,
}

/// A cluster and its clients.
pub struct Lab<N: Node> {
    cluster: Cluster<N>,
    names: Vec<NodeId>,
    /// The number and the type of each client's open request.
    open: Vec<Option<(MessageId, &'static str)>>,
    next_id: u64,
    timeout: Duration,
    timeouts: VecDeque<(Time, usize, MessageId)>,
}

impl<N: Node + 'static> fmt::Debug for Lab<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab").field("now", &self.cluster.now()).finish_non_exhaustive()
    }
}

impl<N: Node + 'static> Lab<N> {
    /// A cluster of nodes made by `make`, with so many clients, which wait up to `timeout` for an
    /// answer.
    pub fn new(
        options: ClusterOptions,
        make: impl FnMut(usize) -> N + 'static,
        clients: usize,
        timeout: Duration,
    ) -> Self {
        Self {
            // Clients `c0` to `c<n>` are those that send `init`.
            names: (0..clients).map(|client| NodeId::new(&format!("client{client}"))).collect(),
            cluster: Cluster::new(options, make),
            open: vec![None; clients],
            next_id: 1,
            timeout,
            timeouts: VecDeque::new(),
        }
    }

    /// The cluster, to look at and to break.
    pub fn cluster(&mut self) -> &mut Cluster<N> {
        &mut self.cluster
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.cluster.now()
    }

    /// Whether a client waits for an answer.
    pub fn is_busy(&self, client: usize) -> bool {
        self.open[client].is_some()
    }

    /// Has a client, which must not be busy, ask a node.
    pub fn submit(&mut self, client: usize, node: usize, request: &Request) {
        let id = MessageId(self.next_id);
        self.next_id += 1;
        self.open[client] = Some((id, request.kind));
        self.timeouts.push_back((self.cluster.now() + self.timeout, client, id));
        // Clients speak text, whatever the nodes speak among themselves.
        AnyCluster::request(&mut self.cluster, &self.names[client], node, request.body(id));
    }

    /// When something happens next.
    pub fn next_time(&self) -> Option<Time> {
        let timeout = self.timeouts.front().map(|&(at, ..)| at);
        self.cluster.next_time().into_iter().chain(timeout).min()
    }

    /// Lets the next event happen: the node that it happened to, and what it completed.
    pub fn step(&mut self) -> (Option<usize>, Option<Completion>) {
        let next = self.cluster.next_time();
        if let Some(&(at, client, id)) = self.timeouts.front()
            && next.is_none_or(|next| at <= next)
        {
            self.timeouts.pop_front();
            let Some((_, asked)) = self.open[client].take_if(|(open, _)| *open == id) else {
                return (None, None);
            };
            self.cluster.advance_to(at);
            return (None, Some(Completion { client, asked, reply: None }));
        }
        let Some(step) = AnyCluster::step(&mut self.cluster) else { return (None, None) };
        let completion = step.to_client.and_then(|message| self.on_reply(message));
        (step.node, completion)
    }

    fn on_reply(&mut self, message: AnyMessage) -> Option<Completion> {
        let client: usize = message.dest.as_str().strip_prefix("client")?.parse().ok()?;
        let number = message.in_reply_to?;
        let (_, asked) = self.open.get_mut(client)?.take_if(|(open, _)| *open == number)?;
        let Payload::Body(AnyBody::Text(body)) = message.payload else { return None };
        Some(Completion { client, asked, reply: Some(body.into_string()) })
    }
}
