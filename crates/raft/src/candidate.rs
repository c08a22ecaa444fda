//! The candidate: first asks whether it would win (pre-vote), then for votes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::Core;
use crate::message::{Ballot, Payload, RequestVote};
use crate::quorum::quorum;
use crate::types::MemberId;

/// A campaign under way.
#[derive(Debug)]
pub struct Campaign {
    /// What each node answered, this one included.
    votes: BTreeMap<MemberId, bool>,
    /// How many nodes may answer.
    electorate: usize,
    /// When it counts as proof of isolation that no quorum has answered.
    verdict_at: Option<Duration>,
    /// When to start over.
    pub(crate) deadline: Duration,
}

/// How a campaign stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Open,
    Won,
    Lost,
}

impl Campaign {
    /// Asks every other node. The node's own vote is counted at once; for a
    /// vote proper the caller has stored it already.
    pub(crate) fn start<C: Clone, S: Clone>(
        core: &mut Core<C, S>,
        now: Duration,
        ballot: Ballot,
    ) -> Self {
        let votes = BTreeMap::from([(core.config.id, true)]);
        let term = match ballot {
            Ballot::PreVote => core.term.next(),
            Ballot::Vote | Ballot::Transfer => core.term,
        };
        let request = RequestVote {
            ballot,
            last_log_index: core.log.last_index(),
            last_log_term: core.log.last_term(),
            incarnations: core.known_incarnations(),
        };
        for peer in core.peers() {
            core.send_as(term, peer, Payload::RequestVote(request.clone()));
        }
        Self {
            votes,
            electorate: core.config.members.len(),
            verdict_at: Some(now + core.config.election_timeout / 2),
            deadline: core.draw_election_deadline(now),
        }
    }

    /// Counts an answer; only a node's first one matters.
    pub(crate) fn count(&mut self, voter: MemberId, granted: bool) -> Standing {
        self.votes.entry(voter).or_insert(granted);
        self.standing()
    }

    pub(crate) fn standing(&self) -> Standing {
        let quorum = quorum(self.electorate);
        let given = |answer| self.votes.values().filter(|&&vote| vote == answer).count();
        if given(true) >= quorum {
            Standing::Won
        } else if given(false) > self.electorate - quorum {
            Standing::Lost
        } else {
            Standing::Open
        }
    }

    /// Whether a quorum answered at all, for or against.
    pub(crate) fn reached_quorum(&self) -> bool {
        self.votes.len() >= quorum(self.electorate)
    }

    /// Whether the answers that came so far may be used: a node that could
    /// have forgotten its past gives everybody time to tell it.
    pub(crate) fn may_conclude<C: Clone, S: Clone>(&self, core: &Core<C, S>) -> bool {
        core.config.durable
            || core.roster.has_met(&core.config.members)
            || self.verdict_at.is_none()
    }

    /// Judges once, half an election timeout into the campaign, whether the
    /// node is cut off.
    pub(crate) fn judge_isolation(&mut self, now: Duration) -> Option<bool> {
        self.verdict_at.take_if(|at| now >= *at).map(|_| !self.reached_quorum())
    }

    pub(crate) fn next_deadline(&self) -> Duration {
        self.verdict_at.unwrap_or(self.deadline).min(self.deadline)
    }
}
