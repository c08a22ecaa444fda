//! Task 7-4-2: PBFT step by step.
//!
//! The four replicas are [`bft::pbft::Replica`]s inside this node, and nothing is lost between them.
//! All that a reply tells is what they did.

use std::collections::VecDeque;

use bft::pbft::{Message, Progress, Replica, Sequence};
use bft::{Key, NodeIndex, Quorums};
use proto::Error;
use serde::{Deserialize, Serialize};

use super::StepMessage;
use crate::input::bad_field;

/// The task's number of replicas.
const REPLICAS: usize = 4;

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It has a place.
    PrePrepare,
    /// A quorum took it for the only one there.
    Prepared,
    /// It will never be another.
    Committed,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    operation: String,
    client: String,
}

/// A cluster within the node.
#[derive(Debug)]
pub struct Steps {
    replicas: Vec<Replica<Request>>,
    flying: VecDeque<(usize, Message<Request>)>,
}

impl Default for Steps {
    fn default() -> Self {
        let quorums = Quorums::of(REPLICAS);
        // Whoever reaches this node is taken for the client that it says it is.
        let replica = |id| Replica::new(Key::of(NodeIndex(id)), quorums, |_| true);
        Self { replicas: (0..REPLICAS).map(replica).collect(), flying: VecDeque::new() }
    }
}

impl Steps {
    /// Sends what a replica has to say; its own copy comes first.
    fn send_from(&mut self, id: usize) {
        for message in self.replicas[id].take_output().messages {
            let all = (0..REPLICAS).map(|step| (id + step) % REPLICAS);
            self.flying.extend(all.map(|to| (to, message.clone())));
        }
    }

    fn deliver_one(&mut self) -> bool {
        let Some((to, message)) = self.flying.pop_front() else { return false };
        self.replicas[to].step(message);
        self.send_from(to);
        true
    }

    fn primary(&self) -> Result<usize, Error> {
        let primary = self.replicas.iter().position(Replica::is_primary);
        primary.ok_or_else(|| Error::temporarily_unavailable("no replica leads".to_owned()))
    }

    fn progress(&self, sequence: Sequence) -> Result<Progress, Error> {
        self.replicas[self.primary()?]
            .progress(sequence)
            .ok_or_else(|| bad_field("sequence_number", "no request has this number"))
    }

    pub(super) fn request(
        &mut self,
        operation: String,
        client: String,
    ) -> Result<StepMessage, Error> {
        let primary = self.primary()?;
        let request = Request { operation, client };
        let sequence = self.replicas[primary].propose(request).ok_or_else(|| {
            Error::temporarily_unavailable("too many requests are on their way".to_owned())
        })?;
        self.send_from(primary);
        // The primary's own copy.
        self.deliver_one();
        let progress = self.progress(sequence)?;
        while self.deliver_one() {}
        let (view, phase) = (progress.view.0, phase(progress));
        Ok(StepMessage::PbftRequestOk { sequence_number: sequence.0, view, phase })
    }

    pub(super) fn status(&self, sequence_number: u64) -> Result<StepMessage, Error> {
        let progress = self.progress(Sequence(sequence_number))?;
        Ok(StepMessage::PbftStatusOk {
            phase: phase(progress),
            prepares_received: progress.prepares as u64,
            commits_received: progress.commits as u64,
            executed: progress.is_executed,
        })
    }

    pub(super) fn change_view(&mut self) -> Result<StepMessage, Error> {
        for id in 0..REPLICAS {
            self.replicas[id].suspect();
            self.send_from(id);
        }
        while self.deliver_one() {}
        Ok(StepMessage::PbftViewChangeOk { view: self.replicas[self.primary()?].view().0 })
    }
}

fn phase(progress: Progress) -> Phase {
    match (progress.is_prepared, progress.is_decided) {
        (_, true) => Phase::Committed,
        (true, false) => Phase::Prepared,
        (false, false) => Phase::PrePrepare,
    }
}
