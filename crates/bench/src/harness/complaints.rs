//! What is wrong with nodes that only their clients see.

use proto::{MessageId, NodeId};

use super::Harness;
use crate::workload::Workload;
use crate::world::{Problem, ProblemKind, Reply};

impl<W: Workload> Harness<'_, W> {
    /// Notes a reply that nobody waits for.
    pub(super) fn note_late_reply(&mut self, reply: &Reply) {
        let client = &reply.client;
        let text = || match reply.in_reply_to {
            None => format!(
                "a message to {client} has no `in_reply_to` with the `msg_id` of a request, so \
                 it answers nothing"
            ),
            Some(MessageId(request)) => format!(
                "a reply to request {request} of {client} came when {client} had given up \
                 waiting or had its answer already"
            ),
        };
        self.note(&reply.node, ProblemKind::LateReply, text);
    }

    /// Notes a reply that is not as an answer to this kind of request has to be.
    pub(super) fn note_malformed_reply(&mut self, node: &NodeId, kind: &str, flaw: &str) {
        let text = || format!("its answer to `{kind}` is malformed: {flaw}");
        self.note(node, ProblemKind::MalformedReply, text);
    }

    /// Keeps the first problem of each kind of each node, and counts the others.
    fn note(&mut self, node: &NodeId, kind: ProblemKind, text: impl FnOnce() -> String) {
        let known = |other: &&mut Problem| other.kind == kind && other.node == *node;
        if let Some(known) = self.problems.iter_mut().find(known) {
            known.count += 1;
            return;
        }
        let time = self.world.now().as_nanos();
        self.problems.push(Problem { node: node.clone(), time, kind, text: text(), count: 1 });
    }

    /// Nodes that answered nothing at all. Where faults are brought that may be their right.
    pub(super) fn silent_nodes(&self, known: &[Problem]) -> Vec<Problem> {
        let options = self.options;
        let has_faults = !options.nemesis.is_empty()
            || options.loss + options.loss_clients > 0.0
            || self.world.interrupted();
        let nodes = self.nodes.iter().zip(self.world.node_ids());
        nodes
            .filter(|(node, _)| !has_faults && node.asked > 0 && node.answered == 0)
            // What is known of it already is the reason.
            .filter(|(_, id)| !known.iter().any(|other| other.node == **id && other.kind.is_fatal()))
            .map(|(node, id)| Problem {
                node: id.clone(),
                time: self.world.now().as_nanos(),
                kind: ProblemKind::Silent,
                text: format!(
                    "it answered none of the {} requests that it was sent after `init`; does it flush \
                     stdout after each line, and does each reply have the `msg_id` of its request as \
                     `in_reply_to`?",
                    node.asked
                ),
                count: 1,
            })
            .collect()
    }
}
