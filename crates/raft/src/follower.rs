//! The follower: takes entries from the leader, and campaigns when it hears
//! none.

use std::time::Duration;

use crate::core::Core;
use crate::message::{AppendEntries, AppendReply, Payload, Snapshot};
use crate::types::{MemberId, Round};

/// What a follower knows beyond the common state.
#[derive(Debug)]
pub struct Follower {
    /// The leader of this term, once it has been heard.
    pub leader: Option<MemberId>,
    /// When it was heard last.
    pub(crate) heard_at: Option<Duration>,
    /// When to campaign if it is not heard again.
    pub(crate) election_deadline: Duration,
}

impl Follower {
    /// Whether the leader was heard within the last election timeout: then no
    /// other candidate gets a vote (thesis 4.2.3).
    pub(crate) fn hears_leader(&self, now: Duration, election_timeout: Duration) -> bool {
        self.heard_at.is_some_and(|heard_at| now < heard_at + election_timeout)
    }

    /// Takes note of a sign of life from the leader.
    pub(crate) fn hear<C: Clone, S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        leader: MemberId,
    ) {
        self.leader = Some(leader);
        self.heard_at = Some(now);
        self.election_deadline = core.draw_election_deadline(now);
        core.isolated = false;
    }

    /// Appends what the leader sent, or tells it where the logs part.
    pub(crate) fn append<C: Clone, S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        leader: MemberId,
        append: &AppendEntries<C>,
    ) {
        self.hear(core, now, leader);
        if let Some(incarnations) = &append.incarnations {
            core.roster.learn(incarnations);
        }
        let outcome =
            core.accept_entries(append.prev_log_index, append.prev_log_term, &append.entries);
        if let Ok(match_index) = outcome {
            core.commit(append.leader_commit.min(match_index));
        }
        core.send(leader, Payload::AppendReply(AppendReply { round: append.round, outcome }));
    }

    /// Replaces state and log by the leader's snapshot.
    pub(crate) fn install<C: Clone, S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        leader: MemberId,
        snapshot: Snapshot<S>,
        round: Round,
    ) {
        self.hear(core, now, leader);
        let outcome = Ok(core.accept_snapshot(snapshot));
        core.send(leader, Payload::AppendReply(AppendReply { round, outcome }));
    }
}
