//! `consensus pbft`: PBFT among four replicas (task 7-4-2).
//!
//! The replicas are [`bft::pbft::Replica`]s inside this node, and nothing is lost between them. All
//! that a reply tells is what they did.

use std::collections::VecDeque;

use bft::pbft::{Message, Progress, Replica, Sequence};
use bft::{Key, NodeIndex, Quorums};
use proto::{Caller, Context, Error, Manual, Node};
use serde::{Deserialize, Serialize};

use crate::input::bad_field;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "pbft",
    summary: "PBFT step by step, among four replicas within",
    usage: "",
    help: "\
It answers `pbft_request`, `pbft_status` and `pbft_view_change` from four simulated replicas, of which
one might be Byzantine and none is. There are no flags, and nothing outlives the process.
",
};

/// The task's number of replicas.
const REPLICAS: usize = 4;

/// Every message of this node, requests and replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A client asks for something.
    PbftRequest {
        /// What.
        operation: String,
        /// Who.
        client: String,
    },
    /// The primary gave it a place.
    PbftRequestOk {
        /// The place, from 1.
        sequence_number: u64,
        /// In which view, from 0.
        view: u64,
        /// How far it is.
        phase: Phase,
    },
    /// Asks how far a request is.
    PbftStatus {
        /// Its place.
        sequence_number: u64,
    },
    /// How far it is at the primary.
    PbftStatusOk {
        /// The phase.
        phase: Phase,
        /// Prepares from backups.
        prepares_received: u64,
        /// Commits, its own included.
        commits_received: u64,
        /// Whether it was executed.
        executed: bool,
    },
    /// The replicas give the primary up. Not in the task, which names no way to do it.
    PbftViewChange,
    /// The next view.
    PbftViewChangeOk {
        /// Its number.
        view: u64,
    },
}

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

/// A node with a cluster within.
#[derive(Debug)]
pub struct PbftNode {
    replicas: Vec<Replica<Request>>,
    flying: VecDeque<(usize, Message<Request>)>,
}

impl Default for PbftNode {
    fn default() -> Self {
        let quorums = Quorums::of(REPLICAS);
        // Whoever reaches this node is taken for the client that it says it is.
        let replica = |id| Replica::new(Key::of(NodeIndex(id)), quorums, |_| true);
        Self { replicas: (0..REPLICAS).map(replica).collect(), flying: VecDeque::new() }
    }
}

impl PbftNode {
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

    fn request(&mut self, request: Request) -> Result<Body, Error> {
        let primary = self.primary()?;
        let sequence = self.replicas[primary].propose(request).ok_or_else(|| {
            Error::temporarily_unavailable("too many requests are on their way".to_owned())
        })?;
        self.send_from(primary);
        // The primary's own copy.
        self.deliver_one();
        let progress = self.progress(sequence)?;
        while self.deliver_one() {}
        let (view, phase) = (progress.view.0, phase(progress));
        Ok(Body::PbftRequestOk { sequence_number: sequence.0, view, phase })
    }

    fn status(&self, sequence: Sequence) -> Result<Body, Error> {
        let progress = self.progress(sequence)?;
        Ok(Body::PbftStatusOk {
            phase: phase(progress),
            prepares_received: progress.prepares as u64,
            commits_received: progress.commits as u64,
            executed: progress.is_executed,
        })
    }

    fn change_view(&mut self) -> Result<Body, Error> {
        for id in 0..REPLICAS {
            self.replicas[id].suspect();
            self.send_from(id);
        }
        while self.deliver_one() {}
        Ok(Body::PbftViewChangeOk { view: self.replicas[self.primary()?].view().0 })
    }
}

fn phase(progress: Progress) -> Phase {
    match (progress.is_prepared, progress.is_decided) {
        (_, true) => Phase::Committed,
        (true, false) => Phase::Prepared,
        (false, false) => Phase::PrePrepare,
    }
}

impl Node for PbftNode {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let answer = match body {
            Body::PbftRequest { operation, client } => self.request(Request { operation, client }),
            Body::PbftStatus { sequence_number } => self.status(Sequence(sequence_number)),
            Body::PbftViewChange => self.change_view(),
            // Replies: they never come as requests.
            Body::PbftRequestOk { .. }
            | Body::PbftStatusOk { .. }
            | Body::PbftViewChangeOk { .. } => return,
        };
        match answer {
            Ok(body) => ctx.reply(&from, body),
            Err(error) => ctx.reply_error(&from, error),
        }
    }
}
