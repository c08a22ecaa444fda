//! A node: where inputs come in, and the only place where roles change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::candidate::Campaign;
use crate::config::Config;
use crate::core::Core;
use crate::follower::Follower;
use crate::leader::Leader;
use crate::log::Log;
use crate::membership::{ChangeRefused, Configuration, Shortcut};
use crate::message::{
    AppendEntries, AppendReply, Ballot, Conflict, Message, Output, Payload, Restored, Snapshot,
};
use crate::quorum::joint::Tally;
use crate::roster::{Incarnations, Standing};
use crate::types::{Incarnation, LogIndex, MemberId, ReadId, Round, Term};

/// What a node is at the moment.
#[derive(Debug)]
pub enum Role<C> {
    /// Follows a leader, or waits for one.
    Follower(Follower),
    /// Asks whether it would win an election.
    PreCandidate(Campaign),
    /// Asks for votes.
    Candidate(Campaign),
    /// Leads.
    Leader(Box<Leader<C>>),
}

/// One member of a cluster, without clock, network or disk. `C` is a command
/// and `S` a snapshot's state; both must be cheap to clone.
#[derive(Debug)]
pub struct Raft<C, S> {
    pub(crate) core: Core<C, S>,
    pub(crate) role: Role<C>,
}

impl<C: Clone, S: Clone> Raft<C, S> {
    /// A node with what it had stored (nothing, at its first start). `seed`
    /// decides its election timeouts. A cluster of one leads at once.
    ///
    /// # Panics
    ///
    /// If the stored log has a gap.
    #[must_use]
    pub fn new(
        config: Config,
        incarnation: Incarnation,
        restored: Restored<C, S>,
        now: Duration,
        seed: u64,
    ) -> Self {
        let mut core = Core::new(config, incarnation, restored, seed);
        let election_deadline = core.draw_first_deadline(now);
        let role = Role::Follower(Follower { leader: None, heard_at: None, election_deadline });
        let mut raft = Self { core, role };
        if raft.core.peers().is_empty() {
            raft.campaign(now, Ballot::Vote);
        }
        raft
    }

    /// Takes everything that the inputs since the last call led to.
    #[must_use]
    pub fn take_output(&mut self) -> Output<C, S> {
        std::mem::take(&mut self.core.output)
    }

    /// Whether [`take_output`](Self::take_output) would give anything.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.core.output.is_empty()
    }

    /// The same in place, for who does all of it at once and leaves nothing: the room that it took is there
    /// for the next one, which most often is of the same size.
    pub fn output_mut(&mut self) -> &mut Output<C, S> {
        &mut self.core.output
    }

    /// When [`Self::tick`] is next to be called.
    #[must_use]
    pub fn next_deadline(&self) -> Duration {
        match &self.role {
            Role::Follower(follower) => follower.election_deadline,
            Role::PreCandidate(campaign) | Role::Candidate(campaign) => campaign.next_deadline(),
            Role::Leader(leader) => leader.next_deadline(&self.core),
        }
    }

    /// Does what is due at `now`; calling it early or often does no harm.
    pub fn tick(&mut self, now: Duration) {
        match &mut self.role {
            Role::Follower(follower) => {
                if now >= follower.election_deadline {
                    self.campaign(now, Ballot::PreVote);
                }
            }
            Role::PreCandidate(campaign) | Role::Candidate(campaign) => {
                if let Some(isolated) = campaign.judge_isolation(now) {
                    self.core.isolated = isolated;
                    if campaign.tally() == Tally::Won {
                        // Pre-votes that waited; a vote proper never does.
                        self.campaign(now, Ballot::Vote);
                        return;
                    }
                }
                if now >= campaign.deadline {
                    self.campaign(now, Ballot::PreVote);
                }
            }
            Role::Leader(leader) => {
                if !leader.tick(&mut self.core, now) {
                    self.core.isolated = true;
                    self.follow(now, self.core.term, None);
                }
                self.leave_if_removed(now);
            }
        }
    }

    /// Offers a command for the log. It comes back through [`Output::applies`]
    /// once committed, or through [`Output::dropped`] if it never entered the
    /// log; after a loss of leadership it may still do the first, here or
    /// elsewhere.
    ///
    /// # Errors
    ///
    /// Gives the command back if this node does not lead, or is handing over.
    pub fn propose(&mut self, now: Duration, command: C) -> Result<(), C> {
        match &mut self.role {
            Role::Leader(leader) => leader.propose(&mut self.core, now, command),
            _ => Err(command),
        }
    }

    /// Asks for another set of voters. How it ends comes through [`Output::changes`]; nodes that
    /// are new have to catch up first.
    ///
    /// # Errors
    ///
    /// Why it does not begin.
    pub fn change_members(
        &mut self,
        now: Duration,
        voters: &BTreeSet<MemberId>,
    ) -> Result<(), ChangeRefused> {
        let Role::Leader(leader) = &mut self.role else { return Err(ChangeRefused::NotLeading) };
        leader.start_change(&mut self.core, now, voters)?;
        self.leave_if_removed(now);
        Ok(())
    }

    /// Leaves out a step of every change of members from now on, as no node ever should: for tests
    /// that show what it is there for.
    #[doc(hidden)]
    pub fn take_shortcut(&mut self, shortcut: Shortcut) {
        self.core.shortcuts.insert(shortcut);
    }

    /// Asks for a linearizable read: `read` comes back through
    /// [`Output::reads_ready`] when the applied state may answer it, or
    /// through [`Output::reads_refused`], which it does at once if this node
    /// does not lead.
    pub fn read(&mut self, now: Duration, read: ReadId) {
        match &mut self.role {
            Role::Leader(leader) => leader.read(&mut self.core, now, read),
            _ => self.core.output.reads_refused.push(read),
        }
    }

    /// Hands leadership over to `to`, if this node leads.
    pub fn transfer_leadership(&mut self, now: Duration, to: MemberId) {
        if let Role::Leader(leader) = &mut self.role
            && to != self.core.config.id
            && self.core.membership.current().voters().contains_key(&to)
        {
            leader.start_transfer(&mut self.core, now, to);
        }
    }

    /// Compacts the log: `state` is what applying all entries up to `index`
    /// gave. The last `retained` of them are kept for followers that are only
    /// a little behind. Does nothing for an index that is not committed or is
    /// compacted already.
    pub fn compact(&mut self, index: LogIndex, state: S, retained: u64) {
        let Some(term) = self.core.log.term_at(index) else { return };
        // Entries before the last snapshot may be there still, for followers; but a snapshot of
        // fewer entries must not replace one of more, after which the stored entries begin.
        let compacted = self.core.log.snapshot().map_or(LogIndex(0), |snapshot| snapshot.index);
        if index > self.core.commit_index || index <= compacted {
            return;
        }
        let configuration = Arc::clone(self.core.membership.at(index));
        let snapshot = Snapshot { index, term, configuration, state };
        self.core.output.records.push(crate::Record::Snapshot(snapshot.clone()));
        self.core.membership.compact(index);
        self.core.log.compact(snapshot, LogIndex(index.0.saturating_sub(retained)));
    }

    /// Takes a message from `from`. Messages from this node itself or with
    /// entries that do not follow each other are ignored. One that is no member
    /// as far as this node knows is heard: it may have been added since, or may
    /// not know that it was removed.
    pub fn step(&mut self, now: Duration, from: MemberId, message: Message<C, S>) {
        if from == self.core.config.id || message.term == Term::UNREACHABLE {
            return;
        }
        let standing = self.core.standing(from, message.incarnation);
        self.take_message(now, from, standing, message);
        if let Some(known) = self.core.roster.take_news() {
            self.core.output.records.push(crate::Record::Incarnations(known));
            let follows = matches!(self.role, Role::Follower(_));
            if self.core.is_forgetful() && !follows {
                self.follow(now, self.core.term, None);
            }
        }
    }

    fn take_message(
        &mut self,
        now: Duration,
        from: MemberId,
        standing: Standing,
        message: Message<C, S>,
    ) {
        let Message { incarnation: life, term, payload } = message;
        match payload {
            Payload::RequestVote(request) => {
                self.core.roster.learn(&request.incarnations);
                if let Role::Leader(leader) = &mut self.role {
                    leader.on_candidate(&mut self.core, now, from);
                }
                match standing {
                    Standing::Voter | Standing::Nameless => {
                        self.on_request_vote(now, from, life, term, &request);
                    }
                    Standing::Forgetful => self.remind(from, life, &request),
                }
            }
            Payload::Vote(vote) => {
                if let Some(incarnations) = &vote.incarnations {
                    self.core.roster.learn(incarnations);
                }
                let is_for_this_life =
                    vote.candidate.is_none_or(|life| life == self.core.roster.own());
                if standing == Standing::Voter && is_for_this_life {
                    self.on_vote(now, from, term, &vote);
                }
            }
            Payload::AppendEntries(append) => {
                if is_contiguous(&append)
                    && self.heed_leader(now, from, term, append.round)
                    && let Role::Follower(follower) = &mut self.role
                {
                    follower.append(&mut self.core, now, from, &append);
                }
            }
            Payload::InstallSnapshot { snapshot, round } => {
                if self.heed_leader(now, from, term, round)
                    && let Role::Follower(follower) = &mut self.role
                {
                    follower.install(&mut self.core, now, from, snapshot, round);
                }
            }
            Payload::AppendReply(reply) => {
                if let Some(life) = life {
                    self.on_append_reply(now, from, term, (life, standing), &reply);
                }
            }
            Payload::TimeoutNow => {
                let follows = matches!(&self.role, Role::Follower(f) if f.leader == Some(from));
                if term == self.core.term && follows {
                    self.campaign(now, Ballot::Transfer);
                }
            }
        }
    }

    /// Whether a message of `term` comes from the leader of the current term;
    /// an earlier leader is told that it is none any more.
    fn heed_leader(&mut self, now: Duration, from: MemberId, term: Term, round: Round) -> bool {
        if term < self.core.term {
            let nothing = Conflict { rejected: LogIndex(0), term: None, index: LogIndex(1) };
            let reply = AppendReply { round, outcome: Err(nothing) };
            self.core.send(from, Payload::AppendReply(reply));
            return false;
        }
        match &self.role {
            // Two leaders of one term cannot be: whatever sent this is no peer.
            Role::Leader(_) if term == self.core.term => return false,
            Role::Follower(_) if term == self.core.term => {}
            _ => self.follow(now, term, Some(from)),
        }
        true
    }

    fn on_append_reply(
        &mut self,
        now: Duration,
        from: MemberId,
        term: Term,
        life: (Incarnation, Standing),
        reply: &AppendReply,
    ) {
        if term > self.core.term {
            self.follow(now, term, None);
        } else if term == self.core.term
            && let Role::Leader(leader) = &mut self.role
        {
            leader.on_reply(&mut self.core, now, from, life, reply);
            self.leave_if_removed(now);
        }
    }

    /// A leader goes when a configuration without it is committed.
    fn leave_if_removed(&mut self, now: Duration) {
        if let Role::Leader(leader) = &mut self.role
            && leader.is_removed(&self.core)
        {
            leader.take_leave(&mut self.core, now);
            self.follow(now, self.core.term, None);
        }
    }

    /// Becomes a follower, in this term or a later one.
    pub(crate) fn follow(&mut self, now: Duration, term: Term, leader: Option<MemberId>) {
        if term > self.core.term {
            self.core.set_ballot(term, None);
            // Somebody was heard: what was known of the links may not hold any more.
            self.core.isolated = false;
        }
        let election_deadline = self.core.draw_election_deadline(now);
        let follower = Follower { leader, heard_at: None, election_deadline };
        let former = std::mem::replace(&mut self.role, Role::Follower(follower));
        if let Role::Leader(leader) = former {
            leader.resign(&mut self.core);
        }
    }

    /// Asks for votes, or for pre-votes. A node known to have forgotten its
    /// past does neither, since nobody would answer, nor one that is no member.
    pub(crate) fn campaign(&mut self, now: Duration, ballot: Ballot) {
        let is_last_term = self.core.term.next() == Term::UNREACHABLE;
        if self.core.is_forgetful() || is_last_term || !self.core.may_campaign() {
            self.follow(now, self.core.term, None);
            return;
        }
        if ballot != Ballot::PreVote {
            self.core.set_ballot(self.core.term.next(), Some(self.core.config.id));
        }
        let campaign = Campaign::start(&mut self.core, now, ballot);
        // Who is the only voter needs nobody else; but nobody leads without a vote proper.
        let won = campaign.tally() == Tally::Won;
        match ballot {
            Ballot::PreVote if won && campaign.may_conclude(&self.core) => {
                self.campaign(now, Ballot::Vote);
            }
            Ballot::PreVote => self.role = Role::PreCandidate(campaign),
            Ballot::Vote | Ballot::Transfer if won => self.lead(now),
            Ballot::Vote | Ballot::Transfer => self.role = Role::Candidate(campaign),
        }
    }

    pub(crate) fn lead(&mut self, now: Duration) {
        self.role = Role::Leader(Box::new(Leader::start(&mut self.core, now)));
    }
}

/// What a host, a test or an invariant may look at.
impl<C: Clone, S: Clone> Raft<C, S> {
    /// This node.
    #[must_use]
    pub fn id(&self) -> MemberId {
        self.core.config.id
    }

    /// Who votes, as far as this node knows: what the last entry about it in
    /// its log says, committed or not.
    #[must_use]
    pub fn configuration(&self) -> &Arc<Configuration> {
        self.core.membership.current()
    }

    /// Whether this node is a member, old or new.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.configuration().contains(self.core.config.id)
    }

    /// The configurations that this node knows, and where they are in its log;
    /// the first one covers what is compacted away.
    pub fn configurations(&self) -> impl Iterator<Item = (LogIndex, &Arc<Configuration>)> {
        self.core.membership.all()
    }

    /// The current term.
    #[must_use]
    pub fn term(&self) -> Term {
        self.core.term
    }

    /// Who got this node's vote in the current term.
    #[must_use]
    pub fn voted_for(&self) -> Option<MemberId> {
        self.core.voted_for
    }

    /// What this node is at the moment.
    #[must_use]
    pub fn role(&self) -> &Role<C> {
        &self.role
    }

    /// The leader of the current term as far as this node knows.
    #[must_use]
    pub fn leader(&self) -> Option<MemberId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.core.config.id),
        }
    }

    /// Whether this node leads.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Whether this node leads and takes no proposals, since it is handing over.
    #[must_use]
    pub fn is_handing_over(&self) -> bool {
        matches!(&self.role, Role::Leader(leader) if leader.is_handing_over())
    }

    /// Whether the node has found out that it reaches no quorum: it lost one
    /// as a leader, or half an election timeout of campaigning brought no
    /// answer from one.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.core.isolated
    }

    /// Whether others knew this node before it lost its memory; see
    /// [`crate::roster`].
    #[must_use]
    pub fn is_forgetful(&self) -> bool {
        self.core.is_forgetful()
    }

    /// Every incarnation this node has met, by node; see [`crate::roster`].
    #[must_use]
    pub fn incarnations(&self) -> Incarnations {
        self.core.known_incarnations()
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log<C, S> {
        &self.core.log
    }

    /// How far the log is known to be committed.
    #[must_use]
    pub fn commit_index(&self) -> LogIndex {
        self.core.commit_index
    }
}

/// Whether the entries follow `prev_log_index` without a gap.
fn is_contiguous<C>(append: &AppendEntries<C>) -> bool {
    let mut previous = append.prev_log_index;
    append.entries.iter().all(|entry| {
        let before = std::mem::replace(&mut previous, entry.index);
        entry.index > before && entry.index == before.next()
    })
}
