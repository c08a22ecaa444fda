//! The fault `membership`: an operator who removes members of the cluster and adds them back, with
//! the messages `remove_member` and `add_member` of jepsen-io/maelstrom#101.
//!
//! ```text
//! {"type": "remove_member", "msg_id": 1, "node_id": "n3"}  ->  {"type": "remove_member_ok"}
//! ```
//!
//! It asks any node that is up, one thing at a time, and asks again until the answer is yes: nodes
//! may refuse while they elect a leader, and who got no answer does not know what came of it. So a
//! node has to take a removal of one that is no member, and an addition of one that is, as done. A request
//! that was given up may still be heard, by a node that was stopped for one: whoever is found to be
//! removed late is added again.

use std::time::Duration;

use proto::{ErrorCode, MessageId, NodeId, Time};
use serde_json::{Value, json};
use simulator::Random;

use crate::nemesis::Told;
use crate::options::{Options, Source};
use crate::wire::{self, Answer};
use crate::world::{Reply, World};

/// How long an answer may take: a new member has to catch up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a refusal the next node is asked.
const PAUSE: Duration = Duration::from_millis(200);
/// How long after all is healed what was given up may still take effect.
const ECHO: Duration = Duration::from_secs(1);

/// Who asks for changes of members.
#[derive(Debug)]
pub(crate) struct Operator {
    /// For each node whether it is to be a member, and whether it is, where that is known.
    nodes: Vec<(bool, Option<bool>)>,
    client: Option<NodeId>,
    next_message: u64,
    open: Option<Open>,
    /// Requests that nobody answered in time.
    given_up: Vec<Open>,
    /// When it asks next if there is something to ask for.
    next: Time,
    /// How many members were removed and added back.
    changed: u64,
    /// The nodes know no such message.
    is_refused: bool,
    random: Random,
}

/// A request under way.
#[derive(Debug)]
struct Open {
    id: MessageId,
    deadline: Time,
    node: usize,
    adds: bool,
}

impl Open {
    fn kind(&self) -> &'static str {
        if self.adds { "add_member" } else { "remove_member" }
    }
}

impl Operator {
    /// All nodes are members, and are to be.
    pub(crate) fn new(options: &Options) -> Self {
        let spared = options.chance.spared(Source::Operator);
        Self {
            nodes: vec![(true, Some(true)); options.nodes.len()],
            client: None,
            next_message: 1,
            open: None,
            given_up: Vec::new(),
            next: Time::ZERO,
            changed: 0,
            is_refused: false,
            random: Random::new(options.seed, "operator").sparing(spared),
        }
    }

    /// Draws from another seed from now on.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.random.reseed(seed, "operator");
    }

    /// These nodes are to be no members.
    pub(crate) fn remove(&mut self, nodes: &[usize]) {
        nodes.iter().for_each(|node| self.nodes[*node].0 = false);
    }

    /// All nodes are to be members.
    pub(crate) fn add_all(&mut self) {
        self.nodes.iter_mut().for_each(|(wanted, _)| *wanted = true);
    }

    /// Everything is healed by now: whoever may have been removed by a request that was given up is
    /// asked about again, once no such request can be on its way any more.
    pub(crate) fn check_again(&mut self, now: Time) {
        for open in self.given_up.drain(..) {
            self.nodes[open.node].1 = None;
            self.next = self.next.max(now + ECHO);
        }
    }

    /// Whether there is nothing to ask for and nothing asked.
    pub(crate) fn is_done(&self) -> bool {
        self.is_refused || (self.open.is_none() && self.next_wish().is_none())
    }

    /// What is still not as it should be: these nodes are not known to be members.
    pub(crate) fn missing(&self) -> impl Iterator<Item = usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, (_, is_member))| *is_member != Some(true)).map(|(node, _)| node)
    }

    /// How many changes were done.
    pub(crate) fn changed(&self) -> u64 {
        self.changed
    }

    /// Whether the nodes do not know the messages.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused
    }

    fn next_wish(&self) -> Option<(usize, bool)> {
        let nodes = self.nodes.iter().enumerate();
        let mut wishes = nodes.filter(|(_, (wanted, is_member))| *is_member != Some(*wanted));
        wishes.next().map(|(node, (wanted, _))| (node, *wanted))
    }

    /// When [`act`](Self::act) has something to do.
    pub(crate) fn next_due(&self) -> Time {
        match &self.open {
            _ if self.is_refused => Time::MAX,
            Some(open) => open.deadline,
            None if self.next_wish().is_some() => self.next,
            None => Time::MAX,
        }
    }

    /// Asks for what is due, and gives up what was not answered.
    pub(crate) fn act(&mut self, world: &mut dyn World, new_client: impl FnOnce() -> NodeId) {
        let now = world.now();
        if let Some(open) = self.open.take_if(|open| now >= open.deadline) {
            // It may or may not be done, now or later.
            self.nodes[open.node].1 = None;
            self.given_up.push(open);
        }
        if self.is_refused || self.open.is_some() || now < self.next {
            return;
        }
        let Some((node, adds)) = self.next_wish() else { return };
        let up: Vec<usize> = (0..self.nodes.len()).filter(|node| !world.is_down(*node)).collect();
        self.next = now + PAUSE;
        let Some(&asked) = self.random.pick(&up) else { return };
        let client = self.client.get_or_insert_with(new_client);
        let id = MessageId(self.next_message);
        self.next_message += 1;
        let open = Open { id, deadline: now + PATIENCE, node, adds };
        let name = &world.node_ids()[node];
        let body = json!({"type": open.kind(), "msg_id": id.0, "node_id": name});
        world.send(client, asked, &body.to_string());
        self.open = Some(open);
    }

    /// Takes a reply if it is for the operator; then also what the history tells of it, if it
    /// answers what is under way.
    pub(crate) fn take(
        &mut self,
        now: Time,
        world: &dyn World,
        reply: &Reply,
    ) -> Option<Option<Told>> {
        if self.client.as_ref() != Some(&reply.client) {
            return None;
        }
        let is_awaited = |open: &mut Open| Some(open.id) == reply.in_reply_to;
        for late in self.given_up.extract_if(.., is_awaited) {
            self.nodes[late.node].1 = None;
        }
        let Some(open) = self.open.take_if(is_awaited) else { return Some(None) };
        let name = &world.node_ids()[open.node];
        let f = open.kind().replace('_', "-");
        self.next = now + PAUSE;
        let value: Value = match wire::read(open.kind(), &reply.body, |_| Ok(())) {
            Answer::Ok => {
                self.nodes[open.node].1 = Some(open.adds);
                self.changed += 1;
                self.next = now;
                json!(name)
            }
            Answer::Error(error) => {
                self.is_refused = error.code == ErrorCode::NotSupported;
                if !error.code.is_definite() {
                    self.nodes[open.node].1 = None;
                }
                json!([name, {"error": error.code.name(), "text": error.text}])
            }
            Answer::Malformed(reason) => {
                self.nodes[open.node].1 = None;
                json!([name, {"error": reason}])
            }
        };
        Some(Some((f, value)))
    }
}

#[cfg(test)]
mod tests;
