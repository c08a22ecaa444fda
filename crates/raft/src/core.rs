//! What a node has in every role: its persistent state, its log, how far that
//! is committed, and the output that collects while it works.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::config::Config;
use crate::log::Log;
use crate::membership::{Configuration, Membership, Shortcut};
use crate::message::{
    Apply, Content, Entry, Envelope, Message, Output, Payload, Record, Restored, Snapshot,
};
use crate::roster::{Incarnations, Roster, Standing};
use crate::types::{Incarnation, LogIndex, MemberId, Term};

/// The part of a node that outlives its roles.
#[derive(Debug)]
pub(crate) struct Core<C, S> {
    pub(crate) config: Config,
    pub(crate) roster: Roster,
    pub(crate) term: Term,
    pub(crate) voted_for: Option<MemberId>,
    pub(crate) log: Log<C, S>,
    pub(crate) membership: Membership,
    pub(crate) commit_index: LogIndex,
    /// Whether the last try showed that no quorum is within reach.
    pub(crate) isolated: bool,
    pub(crate) output: Output<C, S>,
    pub(crate) shortcuts: BTreeSet<Shortcut>,
    rng: Xoshiro256PlusPlus,
}

impl<C: Clone, S: Clone> Core<C, S> {
    /// The state as stored. The restored snapshot is the first thing to apply.
    pub(crate) fn new(
        config: Config,
        incarnation: Incarnation,
        restored: Restored<C, S>,
        seed: u64,
    ) -> Self {
        let Restored { term, voted_for, snapshot, entries, incarnations } = restored;
        let mut output = Output::default();
        let commit_index = snapshot.as_ref().map_or(LogIndex(0), |snapshot| snapshot.index);
        output.applies.extend(snapshot.clone().map(Apply::Restore));
        let first = || Arc::new(Configuration::of(config.members.iter().copied()));
        let base = snapshot
            .as_ref()
            .map_or_else(|| (LogIndex(0), first()), |s| (s.index, Arc::clone(&s.configuration)));
        let log = Log::new(snapshot, entries);
        Self {
            membership: Membership::new(base, log.entries_from(LogIndex(0), usize::MAX)),
            shortcuts: BTreeSet::new(),
            roster: Roster::new(config.id, incarnation, &incarnations),
            term,
            voted_for,
            log,
            commit_index,
            isolated: false,
            output,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            config,
        }
    }

    /// All members but this one, in order.
    pub(crate) fn peers(&self) -> BTreeSet<MemberId> {
        let mut members = self.membership.current().members();
        members.remove(&self.config.id);
        members
    }

    /// What a node may do that speaks as this incarnation: the life that the configuration names
    /// counts, or the one that was met first.
    pub(crate) fn standing(
        &mut self,
        node: MemberId,
        incarnation: Option<Incarnation>,
    ) -> Standing {
        let met = self.roster.meet(node, incarnation);
        match self.membership.current().life(node) {
            Some(life) if Some(life) == incarnation => Standing::Voter,
            Some(_) => Standing::Forgetful,
            None => met,
        }
    }

    /// Whether this node was a voter in an earlier life, which it has forgotten.
    pub(crate) fn is_forgetful(&self) -> bool {
        match self.membership.current().life(self.config.id) {
            Some(life) => life != self.roster.own(),
            None => self.roster.is_forgetful(),
        }
    }

    /// Whether this node may ask for votes: a member may, and one whose removal is not known to be
    /// committed, since it may be the only one to have that entry (thesis, 4.2.2).
    pub(crate) fn may_campaign(&self) -> bool {
        let own = self.config.id;
        self.membership.current().contains(own)
            || self.membership.at(self.commit_index).contains(own)
    }

    /// Whether a test wants this step of a change left out.
    pub(crate) fn takes(&self, shortcut: Shortcut) -> bool {
        self.shortcuts.contains(&shortcut)
    }

    /// When to campaign if no leader is heard until then: between one and two
    /// election timeouts from `now`.
    pub(crate) fn draw_election_deadline(&mut self, now: Duration) -> Duration {
        let timeout = self.config.election_timeout;
        now + timeout + timeout.mul_f64(self.rng.random::<f64>())
    }

    /// When to campaign first after a start: sooner, since probably nobody
    /// leads yet, and spread, so that rarely two nodes do.
    pub(crate) fn draw_first_deadline(&mut self, now: Duration) -> Duration {
        now + self.config.election_timeout.mul_f64(0.2 + 0.8 * self.rng.random::<f64>())
    }

    /// Sends `payload` in the current term.
    pub(crate) fn send(&mut self, to: MemberId, payload: Payload<C, S>) {
        self.send_as(self.term, to, payload);
    }

    /// Sends `payload` with a term that need not be the current one.
    pub(crate) fn send_as(&mut self, term: Term, to: MemberId, payload: Payload<C, S>) {
        let message = Message { incarnation: Some(self.roster.own()), term, payload };
        self.output.messages.push(Envelope { to, message });
    }

    /// Enters a later term, or gives this term's vote.
    pub(crate) fn set_ballot(&mut self, term: Term, voted_for: Option<MemberId>) {
        debug_assert!(term > self.term || (term == self.term && self.voted_for.is_none()));
        self.term = term;
        self.voted_for = voted_for;
        let record = Record::Ballot { term, voted_for };
        match self.output.records.last_mut() {
            Some(last @ Record::Ballot { .. }) => *last = record,
            _ => self.output.records.push(record),
        }
    }

    /// Puts entries of the current term at the end of the log.
    pub(crate) fn extend_log(&mut self, contents: impl IntoIterator<Item = Content<C>>) {
        let added = self.log.extend(self.term, contents);
        self.membership.append(added.iter());
        if !added.is_empty() {
            self.output.records.push(Record::Append(added));
        }
    }

    /// Declares everything up to `index` committed and hands it out.
    pub(crate) fn commit(&mut self, index: LogIndex) {
        if index <= self.commit_index {
            return;
        }
        let count = (index.0 - self.commit_index.0) as usize;
        let entries = self.log.entries_from(self.commit_index.next(), count);
        self.output.applies.extend(entries.cloned().map(Apply::Entry));
        self.commit_index = index;
    }

    /// Takes over a leader's entries; see [`Log::reconcile`].
    pub(crate) fn accept_entries(
        &mut self,
        prev_log_index: LogIndex,
        prev_log_term: Term,
        entries: &[Entry<C>],
    ) -> Result<LogIndex, crate::Conflict> {
        let reconciled =
            self.log.reconcile(prev_log_index, prev_log_term, entries, self.commit_index)?;
        if let Some(from) = reconciled.truncated_from {
            if !self.takes(Shortcut::NoWayBack) {
                self.membership.truncate(from);
            }
            self.output.records.push(Record::Truncate(from));
        }
        if reconciled.appended > 0 {
            let new = entries[entries.len() - reconciled.appended..].to_vec();
            self.membership.append(new.iter());
            self.output.records.push(Record::Append(new));
        }
        Ok(reconciled.match_index)
    }

    /// Takes over a leader's snapshot, unless this node is already that far.
    pub(crate) fn accept_snapshot(&mut self, snapshot: Snapshot<S>) -> LogIndex {
        if snapshot.index > self.commit_index {
            self.commit_index = snapshot.index;
            let old_first = self.log.first_index();
            let base = (snapshot.index, Arc::clone(&snapshot.configuration));
            let keeps = self.log.install(snapshot.clone());
            let kept = self.log.entries_from(snapshot.index.next(), usize::MAX);
            self.membership = Membership::new(base, kept);
            if !keeps {
                self.output.records.push(Record::Truncate(old_first));
            }
            self.output.records.push(Record::Snapshot(snapshot.clone()));
            self.output.applies.push(Apply::Restore(snapshot));
        }
        self.commit_index
    }

    /// The incarnations to tell followers of.
    pub(crate) fn known_incarnations(&self) -> Incarnations {
        self.roster.known()
    }
}
