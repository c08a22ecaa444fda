//! What is wrong with nodes that only their clients see.

use proto::MessageId;

use super::Harness;
use crate::workload::Workload;
use crate::world::{Problem, ProblemKind, Reply};

impl<W: Workload> Harness<'_, W> {
    /// Keeps the first reply of each node that nobody waits for, and counts the others.
    pub(super) fn note_late_reply(&mut self, reply: &Reply) {
        let known = |late: &&mut Problem| late.node == reply.node;
        if let Some(known) = self.problems.iter_mut().find(known) {
            known.count += 1;
            return;
        }
        let client = &reply.client;
        let text = match reply.in_reply_to {
            None => format!(
                "a message to {client} has no `in_reply_to` with the `msg_id` of a request, so \
                 it answers nothing"
            ),
            Some(MessageId(request)) => format!(
                "a reply to request {request} of {client} came when {client} had given up \
                 waiting or had its answer already"
            ),
        };
        self.problems.push(Problem {
            node: reply.node.clone(),
            time: self.world.now().as_nanos(),
            kind: ProblemKind::LateReply,
            text,
            count: 1,
        });
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
