//! Elections: who gets this node's vote, and what the votes for it lead to.

use std::time::Duration;

use crate::message::{Ballot, Payload, RequestVote, Vote};
use crate::quorum::joint::Tally;
use crate::raft::{Raft, Role};
use crate::types::{Incarnation, MemberId, Term};

impl<C: Clone, S: Clone> Raft<C, S> {
    /// Tells a candidate that has forgotten its past that it has one.
    pub(crate) fn remind(
        &mut self,
        candidate: MemberId,
        life: Option<Incarnation>,
        request: &RequestVote,
    ) {
        let vote = Vote {
            pre_vote: request.ballot == Ballot::PreVote,
            granted: false,
            candidate: life,
            incarnations: Some(self.core.known_incarnations()),
        };
        self.core.send(candidate, Payload::Vote(vote));
    }

    /// Decides who gets this node's vote (paper, sections 5.2 and 5.4.1).
    pub(crate) fn on_request_vote(
        &mut self,
        now: Duration,
        from: MemberId,
        life: Option<Incarnation>,
        term: Term,
        request: &RequestVote,
    ) {
        if self.core.is_forgetful() {
            return;
        }
        if request.ballot != Ballot::Transfer && self.hears_leader(now) {
            return;
        }
        let pre_vote = request.ballot == Ballot::PreVote;
        if term > self.core.term && !pre_vote {
            self.follow(now, term, None);
        }
        let free = match self.core.voted_for {
            _ if term > self.core.term => true,
            None => true,
            Some(candidate) => candidate == from,
        };
        let up_to_date = self.core.log.is_up_to_date(request.last_log_index, request.last_log_term);
        let granted = term >= self.core.term && free && up_to_date;
        if granted && !pre_vote {
            if self.core.voted_for.is_none() {
                self.core.set_ballot(term, Some(from));
            }
            if let Role::Follower(follower) = &mut self.role {
                follower.election_deadline = self.core.draw_election_deadline(now);
            }
        }
        let reply_term = if granted { term } else { self.core.term };
        let vote = Vote { pre_vote, granted, candidate: life, incarnations: None };
        self.core.send_as(reply_term, from, Payload::Vote(vote));
    }

    /// Counts a vote.
    pub(crate) fn on_vote(&mut self, now: Duration, from: MemberId, term: Term, vote: &Vote) {
        let promised = vote.pre_vote && vote.granted;
        if term > self.core.term && !promised {
            self.follow(now, term, None);
            return;
        }
        let (campaign, next_ballot) = match &mut self.role {
            // A refusal carries the voter's term, which may be lower than ours.
            Role::PreCandidate(campaign)
                if vote.pre_vote && (!vote.granted || term == self.core.term.next()) =>
            {
                (campaign, Some(Ballot::Vote))
            }
            Role::Candidate(campaign) if !vote.pre_vote && term == self.core.term => {
                (campaign, None)
            }
            _ => return,
        };
        let count = campaign.count(from, vote.granted);
        if campaign.reached_quorum() {
            self.core.isolated = false;
        }
        let may_conclude = campaign.may_conclude(&self.core);
        match (count, next_ballot) {
            (Tally::Open, _) => {}
            (Tally::Lost, _) => self.follow(now, self.core.term, None),
            (Tally::Won, Some(ballot)) if may_conclude => self.campaign(now, ballot),
            (Tally::Won, Some(_)) => {}
            (Tally::Won, None) => self.lead(now),
        }
    }

    fn hears_leader(&self, now: Duration) -> bool {
        match &self.role {
            Role::Follower(f) => f.hears_leader(now, self.core.config.election_timeout),
            Role::Leader(_) => true,
            Role::PreCandidate(_) | Role::Candidate(_) => false,
        }
    }
}
