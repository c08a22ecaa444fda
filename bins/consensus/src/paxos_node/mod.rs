//! `consensus paxos`: single-decree Paxos step by step (tasks 7-3-1 to 7-3-4).
//!
//! To `paxos_prepare` and `paxos_accept` the node is an acceptor, and a learner that counts its own
//! acceptance and those that other nodes of `init` tell it of (`paxos_accepted`). What needs more
//! than one node runs in a [`council`] inside this one.

use paxos::{Acceptor, Ballot, Learner, NodeIndex, Refused};
use proto::{Caller, Context, Error, Json, Manual, Node, Records};
use serde::{Deserialize, Serialize};

use crate::input::bad_field;
use crate::members::Members;

pub mod body;
pub mod council;
mod proposals;

use body::{Accepted, Body, LogSlot, Promise, Status};
use council::{Council, Proposed};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "paxos",
    summary: "Paxos step by step: an acceptor to be asked, and councils that choose values",
    usage: "",
    help: "\
It answers `paxos_prepare`, `paxos_accept` and `paxos_chosen` as the acceptor and learner that it is;
`paxos_safety_test`, `paxos_invariant_check`, `multi_paxos_propose`, `multi_paxos_leader_change` and
`multi_paxos_log` from a simulated council within. There are no flags.

  --state-dir DIR  keep what the acceptor promised and accepted in DIR/<node id>/, stored before it
                   answers; without it an acceptor that was killed must not come back
",
};

/// How many acceptors the council of `multi_paxos_propose` has.
const COUNCIL_NODES: usize = 3;

const ACCEPTOR: &[u8] = b"acceptor";

/// An acceptor on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    promised: Option<u64>,
    accepted: Option<(u64, Json)>,
}

/// A node that is asked step by step.
#[derive(Debug)]
pub struct PaxosNode {
    members: Option<Members>,
    /// Or why it must not answer as one.
    acceptor: Result<Acceptor<Json>, Error>,
    learner: Learner<Json>,
    log: Council<Json>,
}

impl Default for PaxosNode {
    fn default() -> Self {
        Self {
            members: None,
            acceptor: Ok(Acceptor::default()),
            learner: Learner::new(1),
            log: Council::new(COUNCIL_NODES),
        }
    }
}

impl PaxosNode {
    fn prepare(&mut self, ballot: u64, ctx: &mut Context<'_, Self>) -> Result<Body, Error> {
        let acceptor = self.acceptor.as_mut().map_err(|error| error.clone())?;
        let answer = match acceptor.prepare(Ballot(ballot)) {
            Ok(accepted) => {
                let (accepted_n, accepted_value) =
                    accepted.map_or_else(|| (None, Json::null()), known);
                Promise::Given { accepted_n, accepted_value }
            }
            Err(Refused { promised }) => Promise::Refused { highest_promised: promised.0 },
        };
        self.store(ctx);
        Ok(Body::PaxosPromise(answer))
    }

    fn accept(
        &mut self,
        ballot: u64,
        value: Json,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Body, Error> {
        let acceptor = self.acceptor.as_mut().map_err(|error| error.clone())?;
        let answer = match acceptor.accept(Ballot(ballot), value.clone()) {
            Ok(()) => {
                let own = self.members.as_ref().map_or(0, Members::own_rank);
                self.learner.on_accepted(NodeIndex(own), Ballot(ballot), value.clone());
                Accepted::Taken { proposal_n: ballot, value }
            }
            Err(Refused { promised }) => Accepted::Refused { highest_promised: promised.0 },
        };
        self.store(ctx);
        Ok(Body::PaxosAccepted(answer))
    }

    /// Another acceptor says that it accepted.
    fn learn(&mut self, from: &Caller, accepted: Accepted) {
        let sender = self.members.as_ref().and_then(|members| members.rank(&from.id));
        if let (Some(sender), Accepted::Taken { proposal_n, value }) = (sender, accepted) {
            self.learner.on_accepted(NodeIndex(sender), Ballot(proposal_n), value);
        }
    }

    fn propose(&mut self, slot: u64, value: Json) -> Result<Body, Error> {
        if slot == 0 {
            return Err(bad_field("slot", "slots are counted from 1"));
        }
        let Proposed { phase1_skipped, chosen, value } = self.log.propose(slot, value);
        Ok(Body::MultiPaxosProposeOk { slot, phase1_skipped, chosen, value })
    }

    fn store(&self, ctx: &mut Context<'_, Self>) {
        let Ok(acceptor) = &self.acceptor else { return };
        let stored = Stored {
            promised: acceptor.promised().map(|ballot| ballot.0),
            accepted: acceptor.accepted().map(|(ballot, value)| (ballot.0, value.clone())),
        };
        // Numbers and JSON: nothing that JSON cannot hold.
        ctx.put(ACCEPTOR, serde_json::to_vec(&stored).unwrap_or_default());
    }
}

impl Node for PaxosNode {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        let members = Members::new(ctx.id(), ctx.node_ids());
        self.learner = Learner::new(members.count());
        if let Some(record) = restored.get(ACCEPTOR) {
            self.acceptor = restore(record);
        }
        match &self.acceptor {
            Err(error) => ctx.log(format!("no acceptor: {}", error.text)),
            Ok(acceptor) => {
                if let Some((ballot, value)) = acceptor.accepted().cloned() {
                    self.learner.on_accepted(NodeIndex(members.own_rank()), ballot, value);
                }
            }
        }
        self.members = Some(members);
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let answer = match body {
            Body::PaxosPrepare { proposal_n } => self.prepare(proposal_n, ctx),
            Body::PaxosAccept { proposal_n, value } => self.accept(proposal_n, value, ctx),
            Body::PaxosAccepted(accepted) => return self.learn(&from, accepted),
            Body::PaxosChosen => {
                let (chosen_at_n, value) =
                    self.learner.chosen().cloned().map_or_else(|| (None, Json::null()), known);
                Ok(Body::PaxosChosenOk { value, chosen_at_n })
            }
            Body::PaxosSafetyTest(test) => council::safety_test(test).map(Body::PaxosSafetyTestOk),
            Body::PaxosInvariantCheck { proposals } => {
                proposals::check(proposals).map(Body::PaxosInvariantCheckOk)
            }
            Body::MultiPaxosPropose { slot, value } => self.propose(slot, value),
            Body::MultiPaxosLeaderChange => {
                self.log.change_leader();
                Ok(Body::MultiPaxosLeaderChangeOk)
            }
            Body::MultiPaxosLog => {
                let slot = |(slot, value)| LogSlot { slot, value, status: Status::Chosen };
                Ok(Body::MultiPaxosLogOk { log: self.log.chosen().map(slot).collect() })
            }
            // Replies: they never come as requests.
            Body::PaxosPromise(_)
            | Body::PaxosChosenOk { .. }
            | Body::PaxosSafetyTestOk(_)
            | Body::PaxosInvariantCheckOk(_)
            | Body::MultiPaxosProposeOk { .. }
            | Body::MultiPaxosLeaderChangeOk
            | Body::MultiPaxosLogOk { .. } => return,
        };
        match answer {
            Ok(body) => ctx.reply(&from, body),
            Err(error) => ctx.reply_error(&from, error),
        }
    }

    fn reply(&mut self, from: Caller, reply: Result<Body, Error>, _: &mut Context<'_, Self>) {
        if let Ok(Body::PaxosAccepted(accepted)) = reply {
            self.learn(&from, accepted);
        }
    }
}

fn known((ballot, value): (Ballot, Json)) -> (Option<u64>, Json) {
    (Some(ballot.0), value)
}

fn restore(record: &[u8]) -> Result<Acceptor<Json>, Error> {
    let stored: Stored = serde_json::from_slice(record).map_err(|error| {
        Error::unusable_promises(format_args!("the acceptor's record cannot be read: {error}"))
    })?;
    let accepted = stored.accepted.map(|(ballot, value)| (Ballot(ballot), value));
    Ok(Acceptor::restored(stored.promised.map(Ballot), accepted))
}
