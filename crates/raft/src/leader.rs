//! The leader: gathers proposals and reads, sends rounds to a quorum, counts
//! answers.
//!
//! *Quorum first.* What arrives within one gather window shares one round; a
//! second request makes the window twice as long, since where two come so soon
//! after each other there are likely to be more. The round goes to just enough
//! followers for a quorum, those that answered fastest lately; the others get
//! the entries with their next heartbeat, or at once when the chosen ones are
//! late. Those that are hardly slower take turns with them, so that a busy
//! leader needs no heartbeats. One round serves every proposal and every read
//! that waited for it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use litemap::LiteMap;

use crate::core::Core;
use crate::leader::change::Change;
use crate::membership::Shortcut;
use crate::message::{AppendEntries, AppendReply, Content, Payload};
use crate::progress::{Mode, Progress};
use crate::quorum::{joint, quorum};
use crate::roster::Standing;
use crate::types::{Incarnation, LogIndex, MemberId, ReadId, Round, Term};

mod change;

/// Added to twice a follower's usual round trip before it counts as late.
const PATIENCE_MARGIN: Duration = Duration::from_millis(10);

/// What a leader knows beyond the common state.
#[derive(Debug)]
pub struct Leader<C> {
    /// What is known of every follower: of the other members, of those that
    /// are about to be added, and of those that are told that they are removed.
    progress: LiteMap<MemberId, Progress>,
    /// The latest round.
    round: Round,
    /// Proposals that are in no log yet.
    proposals: Vec<C>,
    /// Reads for which no round has been sent yet.
    waiting_reads: Vec<ReadId>,
    /// When both are to be sent.
    gather_until: Option<Duration>,
    /// Reads and the round that confirms them.
    sent_reads: VecDeque<(Round, ReadId)>,
    /// Rounds sent to a bare quorum, and when the others are to get them too.
    unconfirmed: VecDeque<(Round, Duration)>,
    /// The no-op of this term: until it is committed the commit index may be
    /// behind what earlier leaders acknowledged, so no read is served.
    noop_index: LogIndex,
    transfer: Option<Transfer>,
    /// A change of members that this node was asked for.
    change: Option<Change>,
    /// Those that were removed and are to hear of it, each with the round that
    /// tells it and when to give up.
    leaving: BTreeMap<MemberId, (Round, Duration)>,
}

/// A handing over of leadership under way.
#[derive(Debug)]
struct Transfer {
    to: MemberId,
    deadline: Duration,
    ordered: bool,
}

impl<C: Clone> Leader<C> {
    /// Takes office: puts a no-op in the log and tells everybody.
    pub(crate) fn start<S: Clone>(core: &mut Core<C, S>, now: Duration) -> Self {
        let next_index = core.log.last_index().next();
        let peers = core.peers().into_iter();
        let progress = peers.map(|peer| (peer, Progress::new(next_index, now))).collect();
        let mut leader = Self {
            progress,
            round: Round(1),
            proposals: Vec::new(),
            waiting_reads: Vec::new(),
            gather_until: None,
            sent_reads: VecDeque::new(),
            unconfirmed: VecDeque::new(),
            noop_index: next_index,
            transfer: None,
            change: None,
            leaving: BTreeMap::new(),
        };
        core.isolated = false;
        core.extend_log([Content::Noop]);
        for peer in leader.followers() {
            leader.send_entries(core, now, peer, true);
        }
        leader.advance(core, now);
        leader
    }

    /// Leaves office: what is in no log is given back, and no read is served.
    pub(crate) fn resign<S: Clone>(self, core: &mut Core<C, S>) {
        core.output.dropped.extend(self.proposals);
        let sent = self.sent_reads.into_iter().map(|(_, read)| read);
        core.output.reads_refused.extend(sent.chain(self.waiting_reads));
        core.output.changes.extend(self.change.map(|change| Err(change.when_lost())));
    }

    /// What is known of `follower`; `None` of a node that is none.
    #[must_use]
    pub fn progress(&self, follower: MemberId) -> Option<&Progress> {
        self.progress.get(&follower)
    }

    /// Takes a command for the next round, or gives it back during a transfer.
    pub(crate) fn propose<S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        command: C,
    ) -> Result<(), C> {
        if self.transfer.is_some() {
            return Err(command);
        }
        self.proposals.push(command);
        self.gather(core, now);
        Ok(())
    }

    /// Takes a read for the next round: the confirmation must be sent after
    /// the read came in (thesis 6.4).
    pub(crate) fn read<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration, read: ReadId) {
        self.waiting_reads.push(read);
        self.gather(core, now);
    }

    fn gather<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        let window = core.config.gather_window;
        // What nobody else is needed for need not wait for others.
        let is_alone = joint::is_quorum(core.membership.current(), |id| id == core.config.id);
        if is_alone || self.proposals.len() >= core.config.entries_per_message {
            self.start_round(core, now);
        } else if self.gather_until.is_none() {
            self.gather_until = Some(now + window);
        } else if self.proposals.len() + self.waiting_reads.len() == 2 {
            self.gather_until = self.gather_until.map(|until| until + window);
        }
    }

    /// Sends what was gathered to a quorum.
    fn start_round<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        self.gather_until = None;
        self.round = Round(self.round.0 + 1);
        core.extend_log(self.proposals.drain(..).map(Content::Command));
        self.sent_reads.extend(self.waiting_reads.drain(..).map(|read| (self.round, read)));
        let followers = self.quorum_of_followers(core, now);
        let needs_others = !followers.is_empty() && !core.membership.current().is_joint();
        let patience = followers.iter().map(|f| patience(core, &self.progress[f])).max();
        for follower in followers {
            self.send_entries(core, now, follower, false);
        }
        self.unconfirmed.extend(patience.map(|patience| (self.round, now + patience)));
        // What needs others is not confirmed before they answer. While the members change all are asked,
        // needed or not.
        if !needs_others {
            self.advance(core, now);
        }
    }

    /// The followers that make a quorum with this node, the fastest if it is
    /// no other's turn; while the members change, all of them.
    fn quorum_of_followers<S: Clone>(&self, core: &Core<C, S>, now: Duration) -> Vec<MemberId> {
        let configuration = core.membership.current();
        let voters = configuration.voters();
        if configuration.is_joint() {
            return self.followers();
        }
        let rank = |(&id, progress): (_, &Progress)| {
            let is_forgetful = !progress.counts_as(*voters.get(&id)?);
            let is_late = progress.is_late(now, patience(core, progress));
            let flaws = (is_forgetful, is_late, progress.mode != Mode::Replicate);
            let round_trip = progress.round_trip.unwrap_or(Duration::MAX);
            Some((flaws, round_trip, id, progress.sent_at))
        };
        let mut ranked: Vec<_> = self.progress.iter().filter_map(rank).collect();
        ranked.sort_unstable();
        let own = usize::from(voters.contains_key(&core.config.id));
        let count = quorum(voters.len()) - own;
        if let Some(&(_, slowest, ..)) = ranked.get(count.saturating_sub(1))
            && slowest < Duration::MAX
        {
            // Whoever is about as fast had better get this round if otherwise it would soon get a
            // heartbeat.
            let fast = slowest * 5 / 4;
            let quiet_since = now.checked_sub(core.config.heartbeat_interval / 2);
            ranked.sort_by_key(|&(flaws, round_trip, _, sent_at)| {
                let is_flawless = flaws == (false, false, false);
                let is_quiet = quiet_since.is_some_and(|since| sent_at <= since);
                if is_flawless && round_trip <= fast && is_quiet { sent_at } else { Duration::MAX }
            });
        }
        ranked.into_iter().take(count).map(|(_, _, id, _)| id).collect()
    }

    /// All followers, in order.
    fn followers(&self) -> Vec<MemberId> {
        self.progress.keys().copied().collect()
    }

    /// Sends a follower what it needs next: entries, a snapshot, or, while an
    /// answer about either is awaited, a bare heartbeat.
    fn send_entries<S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        to: MemberId,
        heartbeat: bool,
    ) {
        let limit = core.config.entries_per_message;
        let Some(progress) = self.progress.get_mut(&to) else { return };
        let compacted = progress.next_index < core.log.first_index();
        let snapshot_under_way = matches!(progress.mode, Mode::Snapshot(sent_at)
            if now < sent_at + core.config.election_timeout);
        let needs_snapshot =
            !snapshot_under_way && (compacted || matches!(progress.mode, Mode::Snapshot(_)));
        if let Some(snapshot) = core.log.snapshot().filter(|_| needs_snapshot).cloned() {
            progress.mode = Mode::Snapshot(now);
            progress.next_index = snapshot.index.next();
            progress.more_to_send = true;
            progress.on_sent(self.round, now);
            core.send(to, Payload::InstallSnapshot { snapshot, round: self.round });
            return;
        }
        let bare = snapshot_under_way || progress.awaits_probe();
        let (prev_log_index, entries) = if bare {
            (LogIndex(0), Vec::new())
        } else {
            let entries: Vec<_> =
                core.log.entries_from(progress.next_index, limit).cloned().collect();
            (progress.next_index.previous(), entries)
        };
        if !bare {
            progress.more_to_send = entries.len() == limit;
        }
        if progress.mode == Mode::Replicate {
            progress.next_index = LogIndex(progress.next_index.0 + entries.len() as u64);
        }
        progress.on_sent(self.round, now);
        let prev_log_term = match prev_log_index {
            LogIndex(0) => Term(0),
            // Not compacted, or the branch above would have sent a snapshot.
            index => core.log.term_at(index).unwrap_or_default(),
        };
        let append = AppendEntries {
            round: self.round,
            prev_log_index,
            prev_log_term,
            entries,
            leader_commit: core.commit_index,
            incarnations: progress.tell(core.known_incarnations(), self.round, heartbeat),
        };
        core.send(to, Payload::AppendEntries(append));
    }

    /// Takes a follower's answer into account.
    pub(crate) fn on_reply<S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        from: MemberId,
        life: (Incarnation, Standing),
        reply: &AppendReply,
    ) {
        if reply.round > self.round {
            return;
        }
        let (incarnation, standing) = life;
        let Some(progress) = self.progress.get_mut(&from) else { return };
        if progress.incarnation.replace(incarnation).is_some_and(|known| known != incarnation) {
            // It has forgotten its log: nothing that is known of it holds any more.
            progress.forget(core.log.last_index().next());
        }
        progress.remembers = standing == Standing::Voter;
        progress.on_answered(reply.round, now);
        let continues = match reply.outcome {
            Ok(match_index) if match_index > core.log.last_index() => return,
            Ok(match_index) => {
                let was_replicating = progress.mode == Mode::Replicate;
                progress.on_match(match_index);
                let is_replicating = progress.mode == Mode::Replicate;
                let more = progress.more_to_send || !was_replicating;
                is_replicating && more && progress.next_index <= core.log.last_index()
            }
            Err(conflict) => {
                let expected = match progress.mode {
                    Mode::Replicate => {
                        conflict.rejected > progress.match_index
                            && conflict.rejected <= core.log.last_index()
                    }
                    Mode::Probe => conflict.rejected == progress.next_index.previous(),
                    Mode::Snapshot(_) => false,
                };
                if expected {
                    progress.probe_from(core.log.next_after_conflict(conflict));
                }
                // A refusal of what the follower once acknowledged leads nowhere.
                expected && progress.next_index <= conflict.rejected
            }
        };
        if continues {
            self.send_entries(core, now, from, false);
        }
        self.continue_change(core, now, from);
        self.advance(core, now);
        self.continue_transfer(core, from);
    }

    /// Commits and serves what a quorum has acknowledged by now.
    fn advance<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        // Mostly an answer is to a round that a quorum has answered before: nothing waits for it.
        if core.commit_index < core.log.last_index() {
            let matched = self.reached(core, |p| p.match_index.0, core.log.last_index().0);
            // Only an entry of this term commits by counting (paper, 5.4.2).
            if core.log.term_at(LogIndex(matched)) == Some(core.term) {
                core.commit(LogIndex(matched));
            }
        }
        if !self.unconfirmed.is_empty() || !self.sent_reads.is_empty() {
            let confirmed = Round(self.reached(core, |p| p.acked_round.0, self.round.0));
            while self.unconfirmed.pop_front_if(|(round, _)| *round <= confirmed).is_some() {}
            if core.commit_index >= self.noop_index {
                while let Some((_, read)) = self.sent_reads.pop_front_if(|(r, _)| *r <= confirmed) {
                    core.output.reads_ready.push(read);
                }
            }
        }
        self.follow_through(core, now);
    }

    /// What a quorum has reached of something that grows; a follower whose
    /// acknowledgements do not count has reached 0.
    fn reached<S: Clone>(
        &self,
        core: &Core<C, S>,
        value: impl Fn(&Progress) -> u64,
        own_value: u64,
    ) -> u64 {
        let own = core.config.id;
        let configuration = core.membership.current();
        if core.takes(Shortcut::LearnersCount) {
            let mut values: Vec<u64> = self.progress.values().map(&value).collect();
            values.push(own_value);
            values.sort_unstable();
            return values[values.len() - quorum(configuration.voters().len()).min(values.len())];
        }
        let of = |id, life| match self.progress.get(&id) {
            _ if id == own => own_value,
            Some(progress) if progress.counts_as(life) => value(progress),
            _ => 0,
        };
        match core.takes(Shortcut::NewMajority) {
            true => joint::reached(&configuration.settled(), of),
            false => joint::reached(configuration, of),
        }
    }

    /// Starts handing leadership over: no new proposals until `to` leads, or
    /// an election timeout has passed.
    pub(crate) fn start_transfer<S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        to: MemberId,
    ) {
        if self.gather_until.is_some() {
            self.start_round(core, now);
        }
        let deadline = now + core.config.election_timeout;
        self.transfer = Some(Transfer { to, deadline, ordered: false });
        self.send_entries(core, now, to, false);
        self.continue_transfer(core, to);
    }

    /// Whether leadership is being handed over.
    pub(crate) fn is_handing_over(&self) -> bool {
        self.transfer.is_some()
    }

    /// Orders the successor to campaign once it has the whole log.
    fn continue_transfer<S: Clone>(&mut self, core: &mut Core<C, S>, from: MemberId) {
        let last_index = core.log.last_index();
        let Some(transfer) = self.transfer.as_mut().filter(|t| t.to == from && !t.ordered) else {
            return;
        };
        if self.progress.get(&from).is_some_and(|to| to.match_index == last_index) {
            transfer.ordered = true;
            core.send(from, Payload::TimeoutNow);
        }
    }

    /// Does what is due at `now`. Returns false if the leader has lost its
    /// quorum and must step down (check-quorum, thesis 6.2).
    #[must_use]
    pub(crate) fn tick<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) -> bool {
        if !self.hears_all(core, now) && now >= self.quorum_deadline(core) {
            return false;
        }
        self.transfer.take_if(|transfer| now >= transfer.deadline);
        self.give_up_change(core, now);
        // What somebody has to be sent anyway may as well be what is gathered.
        if self
            .gather_until
            .is_some_and(|until| now >= until || now >= self.heartbeat_deadline(core))
        {
            self.start_round(core, now);
        }
        self.widen_late_rounds(core, now);
        if now >= self.heartbeat_deadline(core) {
            for peer in self.followers() {
                if now >= self.progress[&peer].sent_at + core.config.heartbeat_interval {
                    self.send_entries(core, now, peer, true);
                }
            }
        }
        true
    }

    /// Sends rounds that the chosen quorum is late to answer to all others.
    fn widen_late_rounds<S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        let Some(&(late_round, _)) = self.unconfirmed.front().filter(|(_, at)| now >= *at) else {
            return;
        };
        self.unconfirmed.clear();
        for peer in self.followers() {
            if self.progress[&peer].sent_round < late_round {
                self.send_entries(core, now, peer, false);
            }
        }
    }

    /// Whether every follower was heard so lately that the leader will not have lost its quorum
    /// at `time`, as it mostly is: then nobody has to count. Whether the life of a follower that
    /// answered last is one that counts was seen when it did.
    fn hears_all<S: Clone>(&self, core: &Core<C, S>, time: Duration) -> bool {
        let mut heard_at = Duration::MAX;
        for follower in self.progress.values() {
            if !follower.counts_as(None) {
                return false;
            }
            heard_at = heard_at.min(follower.heard_at);
        }
        let hears_all = time < heard_at.saturating_add(core.config.election_timeout);
        debug_assert!(!hears_all || time <= self.quorum_deadline(core), "all but no quorum");
        hears_all
    }

    /// When the leader will have heard no quorum for an election timeout.
    fn quorum_deadline<S: Clone>(&self, core: &Core<C, S>) -> Duration {
        let heard_at = joint::reached(core.membership.current(), |id, life| {
            match self.progress.get(&id) {
                // This node always hears itself.
                _ if id == core.config.id => Duration::MAX,
                Some(progress) if progress.counts_as(life) => progress.heard_at,
                _ => Duration::ZERO,
            }
        });
        heard_at.saturating_add(core.config.election_timeout)
    }

    /// When some follower is due a heartbeat; without followers never.
    fn heartbeat_deadline<S: Clone>(&self, core: &Core<C, S>) -> Duration {
        let mut sent_at = Duration::MAX;
        for follower in self.progress.values() {
            sent_at = sent_at.min(follower.sent_at);
        }
        sent_at.saturating_add(core.config.heartbeat_interval)
    }

    /// When [`Self::tick`] has something to do.
    pub(crate) fn next_deadline<S: Clone>(&self, core: &Core<C, S>) -> Duration {
        let mut soonest = self.heartbeat_deadline(core);
        let widening = self.unconfirmed.front().map(|&(_, at)| at);
        let transfer = self.transfer.as_ref().map(|transfer| transfer.deadline);
        for other in [self.gather_until, widening, transfer, self.change_deadline()] {
            soonest = soonest.min(other.unwrap_or(Duration::MAX));
        }
        if self.hears_all(core, soonest) {
            return soonest;
        }
        soonest.min(self.quorum_deadline(core))
    }
}

/// How long to wait for a follower's answer before asking others.
fn patience<C, S>(core: &Core<C, S>, follower: &Progress) -> Duration {
    follower.round_trip.map_or(core.config.heartbeat_interval, |round_trip| {
        (round_trip * 2 + PATIENCE_MARGIN).min(core.config.election_timeout)
    })
}
