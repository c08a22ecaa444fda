//! `consensus raft-steps`: Raft step by step, as tasks 6-1 to 6-5 and 7-2-1 to 7-2-4 ask for it.
//!
//! The node never starts anything by itself: no elections, no heartbeats. It takes a command as if
//! it led, entries as if it followed, and a candidate's request as if it could vote; its log, and
//! the rules by which logs are compared, reconciled, counted and compacted, are those of the crate
//! [`raft`]. A change of leader runs in a small cluster of [`raft::Raft`] within.

use proto::{Caller, Context, Error, Manual, Node};

pub mod body;
mod leader_change;
mod machine;
#[cfg(test)]
mod tests;

use body::{Body, StateAnswer};
use leader_change::LeaderChange;
use machine::Machine;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "raft-steps",
    summary: "Raft step by step: log, votes, commitment, snapshots and a new leader's no-op",
    usage: "",
    help: "\
It answers `raft_append`, `append_entries`, `set_term`, `request_vote`, `seed_committed_log`,
`apply_entries`, `get_state`, `check_commit`, `advance_commit`, `leader_change`,
`simulate_noop_commit`, `take_snapshot`, `install_snapshot` and `get_log_info`, and starts nothing by
itself. There are no flags, and nothing outlives the process.
",
};

/// A node that is asked step by step.
#[derive(Debug, Default)]
pub struct RaftSteps {
    machine: Machine,
    leader_change: Option<LeaderChange>,
}

impl RaftSteps {
    fn answer(&mut self, body: Body) -> Result<Option<Body>, Error> {
        let machine = &mut self.machine;
        Ok(Some(match body {
            Body::RaftAppend { entry } => Body::RaftAppendOk { index: machine.append(entry)? },
            Body::AppendEntries(append) => Body::AppendEntriesOk(machine.take_entries(&append)?),
            Body::SeedCommittedLog { entries, commit_index } => {
                machine.seed(entries, commit_index)?;
                Body::SeedCommittedLogOk
            }
            Body::GetState => {
                let (state, last_applied) = machine.state();
                let answer = StateAnswer { state, last_applied };
                match machine.answers_state_reply() {
                    true => Body::StateReply(answer),
                    false => Body::GetStateOk(answer),
                }
            }
            Body::SetTerm { term } => {
                machine.set_term(term)?;
                Body::SetTermOk
            }
            Body::RequestVote(request) => Body::RequestVoteOk(machine.vote(request)),
            Body::CheckCommit(check) => Body::CheckCommitOk(machine::check_commit(&check)?),
            Body::AdvanceCommit(advance) => {
                Body::AdvanceCommitOk(machine::advance_commit(&advance)?)
            }
            Body::ApplyEntries { entries } => {
                let results = machine.apply_entries(entries)?;
                Body::ApplyEntriesOk { results, last_applied: machine.state().1 }
            }
            Body::LeaderChange(change) => {
                let (change, answer) = LeaderChange::begin(change)?;
                self.leader_change = Some(change);
                Body::LeaderChangeOk(answer)
            }
            Body::SimulateNoopCommit { noop_index } => {
                let change = self.leader_change.as_mut();
                Body::SimulateNoopCommitOk(leader_change::commit_noop(change, noop_index)?)
            }
            Body::TakeSnapshot { threshold } => {
                Body::TakeSnapshotOk(machine.take_snapshot(threshold))
            }
            Body::InstallSnapshot(install) => {
                Body::InstallSnapshotOk(machine.install_snapshot(install))
            }
            Body::GetLogInfo => Body::GetLogInfoOk(machine.log_info()),
            // Replies: they never come as requests.
            Body::RaftAppendOk { .. }
            | Body::AppendEntriesOk(_)
            | Body::SeedCommittedLogOk
            | Body::StateReply(_)
            | Body::GetStateOk(_)
            | Body::SetTermOk
            | Body::RequestVoteOk(_)
            | Body::CheckCommitOk(_)
            | Body::AdvanceCommitOk(_)
            | Body::ApplyEntriesOk { .. }
            | Body::LeaderChangeOk(_)
            | Body::SimulateNoopCommitOk(_)
            | Body::TakeSnapshotOk(_)
            | Body::InstallSnapshotOk(_)
            | Body::GetLogInfoOk(_) => return Ok(None),
        }))
    }
}

impl Node for RaftSteps {
    type Body = Body;
    type Token = ();

    fn init(&mut self, _: proto::Records, ctx: &mut Context<'_, Self>) {
        self.machine = Machine::new(ctx.id(), ctx.node_ids());
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match self.answer(body) {
            Ok(Some(body)) => ctx.reply(&from, body),
            Ok(None) => {}
            Err(error) => ctx.reply_error(&from, error),
        }
    }

    fn reply(&mut self, from: Caller, reply: Result<Body, Error>, _: &mut Context<'_, Self>) {
        if let Ok(Body::AppendEntriesOk(answer)) = reply {
            self.machine.on_acknowledged(&from.id, &answer);
        }
    }
}
