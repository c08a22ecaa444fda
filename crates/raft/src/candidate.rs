//! The candidate: first asks whether it would win (pre-vote), then for votes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::core::Core;
use crate::membership::{Configuration, Shortcut};
use crate::message::{Ballot, Payload, RequestVote};
use crate::quorum::joint::{self, Tally};
use crate::types::MemberId;

/// A campaign under way.
#[derive(Debug)]
pub struct Campaign {
    /// What each node answered, this one included.
    votes: BTreeMap<MemberId, bool>,
    /// Whose votes count.
    electorate: Arc<Configuration>,
    /// When it counts as proof of isolation that no quorum has answered.
    verdict_at: Option<Duration>,
    /// When to start over.
    pub(crate) deadline: Duration,
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
        let electorate = match core.takes(Shortcut::NewMajority) {
            true => Arc::new(core.membership.current().settled()),
            false => Arc::clone(core.membership.current()),
        };
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
            electorate,
            verdict_at: Some(now + core.config.election_timeout / 2),
            deadline: core.draw_election_deadline(now),
        }
    }

    /// Counts an answer; only a node's first one matters.
    pub(crate) fn count(&mut self, voter: MemberId, granted: bool) -> Tally {
        self.votes.entry(voter).or_insert(granted);
        self.tally()
    }

    pub(crate) fn tally(&self) -> Tally {
        joint::tally(&self.electorate, |voter| self.votes.get(&voter).copied())
    }

    /// Whether a quorum answered at all, for or against.
    pub(crate) fn reached_quorum(&self) -> bool {
        joint::is_quorum(&self.electorate, |voter| self.votes.contains_key(&voter))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(votes: Vec<Option<bool>>) -> Campaign {
        let at = Duration::from_millis;
        let members = (0..votes.len() as u64).map(MemberId);
        let electorate = Arc::new(Configuration::of(members));
        let answered = |(id, vote): (u64, Option<bool>)| Some((MemberId(id), vote?));
        let votes = (0..).zip(votes).filter_map(answered).collect();
        Campaign { votes, electorate, verdict_at: Some(at(150)), deadline: at(400) }
    }

    /// Against the definition, for all answers of up to five nodes: won once a majority is for it,
    /// lost once no majority can be any more.
    #[test]
    fn a_campaign_stands_as_its_answers_say() {
        for nodes in 1..=5_u32 {
            for code in 0..3_usize.pow(nodes) {
                let answer = |node| [None, Some(true), Some(false)][code / 3_usize.pow(node) % 3];
                let votes: Vec<_> = (0..nodes).map(answer).collect();
                let count = |answer| votes.iter().filter(|vote| **vote == answer).count();
                let (given, open) = (count(Some(true)), count(None));
                let majority = nodes as usize / 2 + 1;
                let expected = match (given >= majority, given + open >= majority) {
                    (true, _) => Tally::Won,
                    (false, false) => Tally::Lost,
                    (false, true) => Tally::Open,
                };
                let campaign = campaign(votes.clone());
                assert_eq!(campaign.tally(), expected, "{votes:?}");
                let answered = nodes as usize - open;
                assert_eq!(campaign.reached_quorum(), answered >= majority, "{votes:?}");
            }
        }
    }

    #[test]
    fn only_a_nodes_first_answer_counts() {
        let mut campaign = campaign(vec![Some(true), None, None]);
        assert_eq!(campaign.count(MemberId(1), false), Tally::Open);
        assert_eq!(campaign.count(MemberId(1), true), Tally::Open);
        assert_eq!(campaign.count(MemberId(2), true), Tally::Won);
    }

    #[test]
    fn isolation_is_judged_once_and_only_when_its_time_has_come() {
        let at = Duration::from_millis;
        let mut alone = campaign(vec![Some(true), None, None]);
        assert_eq!((alone.next_deadline(), alone.judge_isolation(at(149))), (at(150), None));
        assert_eq!(alone.judge_isolation(at(150)), Some(true));
        assert_eq!((alone.next_deadline(), alone.judge_isolation(at(151))), (at(400), None));
        let mut refused = campaign(vec![Some(true), Some(false), None]);
        assert_eq!(refused.judge_isolation(at(200)), Some(false));
    }
}
