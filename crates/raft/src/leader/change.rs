//! A change of members, as the leader goes about it; see [`crate::membership`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::core::Core;
use crate::leader::Leader;
use crate::membership::{ChangeRefused, Configuration, Shortcut, Voters};
use crate::message::{Content, Payload};
use crate::progress::Progress;
use crate::quorum::joint;
use crate::types::{LogIndex, MemberId, Round};

/// How many election timeouts new nodes may take to catch up, and removed ones
/// to answer that they know.
const PATIENCE: u32 = 10;

/// A change that this leader was asked for.
#[derive(Debug)]
pub(super) enum Change {
    /// New nodes are catching up.
    CatchingUp {
        voters: BTreeSet<MemberId>,
        learners: BTreeMap<MemberId, CatchUp>,
        deadline: Duration,
    },
    /// It is in the log.
    InLog,
}

/// How far a new node has come (thesis, 4.2.1).
#[derive(Debug)]
pub(super) struct CatchUp {
    /// Where the log ended when the round began.
    target: LogIndex,
    began: Duration,
    is_done: bool,
}

impl Change {
    /// What is to be said of it if this node leads no more.
    pub(super) fn when_lost(&self) -> ChangeRefused {
        match self {
            Self::CatchingUp { .. } => ChangeRefused::NotLeading,
            Self::InLog => ChangeRefused::Unknown,
        }
    }
}

impl<C: Clone> Leader<C> {
    /// Begins to change the members.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub(crate) fn start_change<S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        voters: &BTreeSet<MemberId>,
    ) -> Result<(), ChangeRefused> {
        if self.transfer.is_some() {
            return Err(ChangeRefused::NotLeading);
        }
        let current = Arc::clone(core.membership.current());
        if !core.takes(Shortcut::AtOnce) {
            if core.commit_index < self.noop_index {
                return Err(ChangeRefused::NotSettled);
            }
            let is_settled = core.membership.index() <= core.commit_index && !current.is_joint();
            if self.change.is_some() || !is_settled {
                return Err(ChangeRefused::Busy);
            }
        }
        if voters.is_empty() {
            return Err(ChangeRefused::NobodyLeft);
        }
        if current.voters().keys().eq(voters) {
            core.output.changes.push(Ok(()));
            return Ok(());
        }
        let last = core.log.last_index();
        let own = core.config.id;
        let is_new = |id: &&MemberId| !current.contains(**id) && **id != own;
        let new: Vec<_> = voters.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return self.enter(core, now, voters);
        }
        let catch_up = |id| (id, CatchUp { target: last, began: now, is_done: false });
        let learners = new.iter().copied().map(catch_up).collect();
        let deadline = now + core.config.election_timeout * PATIENCE;
        self.change = Some(Change::CatchingUp { voters: voters.clone(), learners, deadline });
        for id in new {
            // It may be one that was removed a moment ago.
            self.leaving.remove(&id);
            self.progress.insert(id, Progress::new(last.next(), now));
            self.send_entries(core, now, id, true);
        }
        Ok(())
    }

    /// A follower has answered: it may be a new one that has caught up, or one
    /// that knows now that it was removed.
    pub(super) fn continue_change<S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        from: MemberId,
    ) {
        self.bid_farewell(core, from);
        let Some(Change::CatchingUp { voters, learners, .. }) = &mut self.change else { return };
        let Some(learner) = learners.get_mut(&from) else { return };
        let Some(progress) = self.progress.get(&from) else { return };
        if progress.match_index < learner.target || learner.is_done {
            return;
        }
        if now.saturating_sub(learner.began) >= core.config.election_timeout {
            *learner = CatchUp { target: core.log.last_index(), began: now, is_done: false };
            return self.send_entries(core, now, from, false);
        }
        learner.is_done = true;
        if learners.values().all(|learner| learner.is_done) {
            let voters = std::mem::take(voters);
            self.change = None;
            if let Err(refused) = self.enter(core, now, &voters) {
                self.forget_strangers(core);
                core.output.changes.push(Err(refused));
            }
        }
    }

    /// Puts the change into the log.
    fn enter<S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        voters: &BTreeSet<MemberId>,
    ) -> Result<(), ChangeRefused> {
        let current = Arc::clone(core.membership.current());
        // Who stays is who it was; of a new one the life counts that has caught up.
        let named = voters.iter().map(|&id| {
            let life = match current.voters().get(&id) {
                Some(&life) => life,
                None if id == core.config.id => Some(core.roster.own()),
                None => self.progress.get(&id).and_then(|progress| progress.incarnation),
            };
            (id, life)
        });
        let named: Voters = named.collect();
        let next = current.changed_to(named);
        if !self.is_within_reach(core, now, &next.settled()) {
            return Err(ChangeRefused::OutOfReach);
        }
        let next = match core.takes(Shortcut::OneStep) {
            true => next.settled(),
            false => next,
        };
        self.change = Some(Change::InLog);
        self.append_configuration(core, now, next);
        Ok(())
    }

    /// Whether a majority was heard within the last election timeout, of nodes
    /// that may vote.
    fn is_within_reach<S: Clone>(
        &self,
        core: &Core<C, S>,
        now: Duration,
        next: &Configuration,
    ) -> bool {
        let timeout = core.config.election_timeout;
        joint::is_quorum(next, |id| {
            let life = next.life(id);
            id == core.config.id
                || self.progress.get(&id).is_some_and(|progress| {
                    progress.counts_as(life) && now <= progress.heard_at + timeout
                })
        })
    }

    /// Puts a configuration into the log, from where it is in force, and tells
    /// everybody of it.
    fn append_configuration<S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        configuration: Configuration,
    ) {
        let next_index = core.log.last_index().next();
        core.extend_log([Content::Configuration(Arc::new(configuration))]);
        for peer in core.peers() {
            self.leaving.remove(&peer);
            self.progress.entry(peer).or_insert_with(|| Progress::new(next_index, now));
        }
        self.round = Round(self.round.0 + 1);
        for peer in self.followers() {
            self.send_entries(core, now, peer, false);
        }
        self.advance(core, now);
    }

    /// When a joint configuration is committed the new one follows, whoever
    /// began the change; when that is committed the change is over.
    pub(super) fn follow_through<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        if core.commit_index < core.membership.index().max(self.noop_index) {
            return;
        }
        if core.membership.current().is_joint() {
            let settled = core.membership.current().settled();
            return self.append_configuration(core, now, settled);
        }
        if matches!(self.change, Some(Change::InLog)) {
            self.change = None;
            core.output.changes.push(Ok(()));
        }
        // A leader that goes tells everybody.
        if !self.is_removed(core) {
            self.dismiss_strangers(core, now);
        }
    }

    /// Tells followers that are no members any more how far the log is
    /// committed, so that they know that they are removed.
    fn dismiss_strangers<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        if self.progress.len() < core.membership.current().voters().len() {
            // The usual case: this node and its followers.
            return;
        }
        for id in self.strangers(core) {
            if !self.leaving.contains_key(&id) {
                self.dismiss(core, now, id);
            }
        }
    }

    fn dismiss<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration, id: MemberId) {
        self.round = Round(self.round.0 + 1);
        let deadline = now + core.config.election_timeout * PATIENCE;
        self.leaving.insert(id, (self.round, deadline));
        self.send_entries(core, now, id, true);
    }

    /// Somebody asks for votes. If it is no member it does not know that it was
    /// removed, so it is told.
    pub(crate) fn on_candidate<S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        from: MemberId,
    ) {
        let configuration = core.membership.current();
        let is_settled = core.commit_index >= core.membership.index().max(self.noop_index)
            && !configuration.is_joint();
        if is_settled && !configuration.contains(from) && !self.progress.contains_key(&from) {
            let next_index = core.log.last_index().next();
            self.progress.insert(from, Progress::new(next_index, now));
            self.dismiss(core, now, from);
        }
    }

    /// Followers that are neither members nor about to be.
    fn strangers<S: Clone>(&self, core: &Core<C, S>) -> Vec<MemberId> {
        let configuration = core.membership.current();
        let learns = |id: &MemberId| {
            matches!(&self.change, Some(Change::CatchingUp { learners, .. })
                if learners.contains_key(id))
        };
        let followers = self.progress.keys().copied();
        followers.filter(|id| !configuration.contains(*id) && !learns(id)).collect()
    }

    /// Stops sending to one that has answered that it knows of its removal.
    fn bid_farewell<S: Clone>(&mut self, core: &Core<C, S>, from: MemberId) {
        let Some(&(round, _)) = self.leaving.get(&from) else { return };
        let knows = self.progress.get(&from).is_some_and(|progress| {
            progress.acked_round >= round && progress.match_index >= core.membership.index()
        });
        if knows {
            self.leaving.remove(&from);
            self.progress.remove(&from);
        }
    }

    /// Stops sending to all that are neither members nor about to be.
    fn forget_strangers<S: Clone>(&mut self, core: &Core<C, S>) {
        for id in self.strangers(core) {
            self.progress.remove(&id);
            self.leaving.remove(&id);
        }
    }

    /// Gives up what has taken too long.
    pub(super) fn give_up_change<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        let is_late = |change: &mut Change| matches!(change, Change::CatchingUp { deadline, .. } if now >= *deadline);
        if self.change.take_if(is_late).is_some() {
            self.forget_strangers(core);
            core.output.changes.push(Err(ChangeRefused::TooSlow));
        }
        for (id, _) in self.leaving.extract_if(.., |_, (_, deadline)| now >= *deadline) {
            self.progress.remove(&id);
        }
    }

    /// When [`Self::give_up_change`] has something to do.
    pub(super) fn change_deadline(&self) -> Option<Duration> {
        let catching_up = match &self.change {
            Some(Change::CatchingUp { deadline, .. }) => Some(*deadline),
            _ => None,
        };
        self.leaving.values().map(|&(_, deadline)| deadline).chain(catching_up).min()
    }

    /// Whether a configuration without this node is committed.
    pub(crate) fn is_removed<S: Clone>(&self, core: &Core<C, S>) -> bool {
        core.commit_index >= core.membership.index().max(self.noop_index)
            && !core.membership.current().contains(core.config.id)
    }

    /// Tells all that the configuration without this node is committed, and
    /// the one that has most of the log to take over at once.
    pub(crate) fn take_leave<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        for peer in self.followers() {
            self.send_entries(core, now, peer, true);
        }
        let voters = core.membership.current().voters();
        let followers = self.progress.iter().filter(|(id, _)| voters.contains_key(id));
        let best = followers.max_by_key(|(id, progress)| (progress.match_index, **id));
        if let Some((&heir, _)) = best {
            core.send(heir, Payload::TimeoutNow);
        }
    }
}
