//! What the leader knows of one follower.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::roster::Incarnations;
use crate::types::{Incarnation, LogIndex, Round};

/// Sends remembered per follower; one that answers nothing needs no more.
const REMEMBERED_SENDS: usize = 64;

/// How the leader replicates to a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is not known where the logs part: one message at a time.
    Probe,
    /// They agree: entries are sent without waiting for answers.
    Replicate,
    /// The follower needs a snapshot; one was sent at this time.
    Snapshot(Duration),
}

/// What the leader knows of one follower.
#[derive(Debug)]
pub struct Progress {
    /// The follower's log is known to agree with the leader's up to here.
    pub match_index: LogIndex,
    /// The next entry to send.
    pub next_index: LogIndex,
    /// How entries are sent.
    pub mode: Mode,
    /// Which life of it answered last.
    pub(crate) incarnation: Option<Incarnation>,
    /// The incarnations it was told of last, and the round that did.
    told: Option<(Incarnations, Round)>,
    /// Whether the life that answered last is one that counts; see
    /// [`crate::roster`].
    pub(crate) remembers: bool,
    /// The latest round it answered.
    pub(crate) acked_round: Round,
    /// The latest round sent to it.
    pub(crate) sent_round: Round,
    /// When anything was sent to it last.
    pub(crate) sent_at: Duration,
    /// When it was heard last.
    pub(crate) heard_at: Duration,
    /// Smoothed time from a send to its answer.
    pub(crate) round_trip: Option<Duration>,
    /// The last message was filled to its limit: more can follow its answer.
    pub(crate) more_to_send: bool,
    outstanding: VecDeque<(Round, Duration)>,
}

impl Progress {
    /// A follower about which nothing is known yet.
    pub(crate) fn new(next_index: LogIndex, now: Duration) -> Self {
        Self {
            match_index: LogIndex(0),
            next_index,
            mode: Mode::Probe,
            incarnation: None,
            told: None,
            remembers: true,
            acked_round: Round(0),
            sent_round: Round(0),
            sent_at: now,
            heard_at: now,
            round_trip: None,
            more_to_send: false,
            outstanding: VecDeque::new(),
        }
    }

    /// Takes note that `round` is sent.
    pub(crate) fn on_sent(&mut self, round: Round, now: Duration) {
        self.sent_round = round;
        self.sent_at = now;
        let repeated = self.outstanding.back().is_some_and(|&(last, _)| last == round);
        if !repeated && self.outstanding.len() < REMEMBERED_SENDS {
            self.outstanding.push_back((round, now));
        }
    }

    /// Takes note that `round` was answered.
    pub(crate) fn on_answered(&mut self, round: Round, now: Duration) {
        self.heard_at = now;
        self.acked_round = self.acked_round.max(round);
        while let Some((_, sent_at)) = self.outstanding.pop_front_if(|(sent, _)| *sent <= round) {
            let sample = now.saturating_sub(sent_at);
            self.round_trip = Some(self.round_trip.map_or(sample, |old| (old * 7 + sample) / 8));
        }
    }

    /// Whether its acknowledgements count where this life of it does: one that
    /// a change has named, or else the first that was met.
    pub(crate) fn counts_as(&self, life: Option<Incarnation>) -> bool {
        match (life, self.incarnation) {
            (_, None) => true,
            (Some(life), Some(own)) => life == own,
            (None, Some(_)) => self.remembers,
        }
    }

    /// The incarnations that a message of `round` has to carry: with every
    /// heartbeat, and until the follower has answered one that told it.
    pub(crate) fn tell(
        &mut self,
        known: Incarnations,
        round: Round,
        heartbeat: bool,
    ) -> Option<Incarnations> {
        match &self.told {
            Some((told, since)) if Arc::ptr_eq(told, &known) => {
                (heartbeat || self.acked_round < *since).then_some(known)
            }
            _ => {
                self.told = Some((Arc::clone(&known), round));
                Some(known)
            }
        }
    }

    /// Whether some send has gone unanswered for longer than `patience`.
    pub(crate) fn is_late(&self, now: Duration, patience: Duration) -> bool {
        self.outstanding.front().is_some_and(|&(_, sent_at)| now > sent_at + patience)
    }

    /// Whether a probe is under way.
    pub(crate) fn awaits_probe(&self) -> bool {
        self.mode == Mode::Probe && !self.outstanding.is_empty()
    }

    /// The follower has lost its log.
    pub(crate) fn forget(&mut self, next_index: LogIndex) {
        self.match_index = LogIndex(0);
        self.acked_round = Round(0);
        self.probe_from(next_index);
    }

    /// Starts looking for the place where the logs part.
    pub(crate) fn probe_from(&mut self, next_index: LogIndex) {
        self.mode = Mode::Probe;
        self.next_index = next_index.max(self.match_index.next());
        self.outstanding.clear();
    }

    /// Takes note that the logs agree up to `index`.
    pub(crate) fn on_match(&mut self, index: LogIndex) {
        self.match_index = self.match_index.max(index);
        if self.mode != Mode::Replicate && index >= self.next_index.previous() {
            self.mode = Mode::Replicate;
        }
        self.next_index = self.next_index.max(self.match_index.next());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::MemberId;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn progress() -> Progress {
        Progress::new(LogIndex(10), ms(0))
    }

    #[test]
    fn round_trips_are_smoothed_and_each_send_counts_once() {
        let mut follower = progress();
        follower.on_sent(Round(1), ms(0));
        // Sent once more: the answer may be to the first.
        follower.on_sent(Round(1), ms(5));
        follower.on_answered(Round(1), ms(40));
        assert_eq!(follower.round_trip, Some(ms(40)));
        follower.on_sent(Round(2), ms(100));
        follower.on_answered(Round(2), ms(220));
        // An eighth of the new one, as TCP does it.
        assert_eq!(follower.round_trip, Some(ms((40 * 7 + 120) / 8)));
        // Copies of answers, and late ones.
        follower.on_answered(Round(2), ms(500));
        follower.on_answered(Round(1), ms(600));
        let known = (follower.round_trip, follower.heard_at, follower.acked_round);
        assert_eq!(known, (Some(ms(50)), ms(600), Round(2)));
        // One answer for two rounds.
        follower.on_sent(Round(3), ms(600));
        follower.on_sent(Round(4), ms(610));
        follower.on_answered(Round(4), ms(650));
        assert_eq!(follower.round_trip, Some((ms(50) * 7 + ms(40)) / 8));
        assert_eq!((follower.sent_round, follower.sent_at), (Round(4), ms(610)));
    }

    #[test]
    fn the_oldest_send_without_an_answer_makes_a_follower_late() {
        let mut follower = progress();
        assert!(!follower.is_late(ms(900), ms(30)));
        follower.on_sent(Round(1), ms(0));
        follower.on_sent(Round(2), ms(20));
        assert!(!follower.is_late(ms(30), ms(30)) && follower.is_late(ms(31), ms(30)));
        follower.on_answered(Round(1), ms(32));
        assert!(!follower.is_late(ms(50), ms(30)) && follower.is_late(ms(51), ms(30)));
        follower.on_answered(Round(2), ms(52));
        assert!(!follower.is_late(ms(900), ms(30)));
        // What is remembered of one that never answers is bounded.
        for round in 3..1000 {
            follower.on_sent(Round(round), ms(60));
        }
        assert_eq!(follower.outstanding.len(), REMEMBERED_SENDS);
        assert_eq!(follower.outstanding[0], (Round(3), ms(60)));
    }

    #[test]
    fn incarnations_are_told_until_they_are_known_and_with_heartbeats() {
        let known = Incarnations::new([(MemberId(0), Incarnation(7))].into());
        let mut follower = progress();
        let told = |follower: &mut Progress, round, heartbeat| {
            follower.tell(Arc::clone(&known), Round(round), heartbeat).is_some()
        };
        follower.acked_round = Round(2);
        assert!(told(&mut follower, 3, false), "the first message");
        assert!(told(&mut follower, 4, false), "no answer to it yet");
        follower.acked_round = Round(3);
        assert!(!told(&mut follower, 5, false), "it was answered");
        assert!(told(&mut follower, 5, true), "a heartbeat");
        let more = Incarnations::new([0, 1].map(|id| (MemberId(id), Incarnation(7))).into());
        assert!(follower.tell(more, Round(6), false).is_some(), "there is more to tell");
    }

    #[test]
    fn replication_begins_where_the_logs_are_known_to_agree() {
        let mut follower = progress();
        follower.on_match(LogIndex(8));
        // Entry 9 was not looked at.
        let state = |p: &Progress| (p.mode, p.match_index.0, p.next_index.0);
        assert_eq!(state(&follower), (Mode::Probe, 8, 10));
        follower.on_match(LogIndex(9));
        assert_eq!(state(&follower), (Mode::Replicate, 9, 10));
        follower.on_match(LogIndex(3));
        assert_eq!(state(&follower), (Mode::Replicate, 9, 10));
        follower.on_match(LogIndex(12));
        assert_eq!(state(&follower), (Mode::Replicate, 12, 13));
        // A snapshot of 20 entries is under way: older answers do not end that.
        (follower.mode, follower.next_index) = (Mode::Snapshot(ms(0)), LogIndex(21));
        follower.on_match(LogIndex(13));
        assert_eq!(follower.mode, Mode::Snapshot(ms(0)));
        follower.on_match(LogIndex(20));
        assert_eq!(state(&follower), (Mode::Replicate, 20, 21));
    }

    #[test]
    fn a_probe_is_one_message_at_a_time_and_never_behind_what_is_known() {
        let mut follower = progress();
        follower.on_match(LogIndex(9));
        follower.on_sent(Round(1), ms(0));
        assert!(!follower.awaits_probe(), "it replicates");
        follower.probe_from(LogIndex(4));
        assert_eq!((follower.mode, follower.next_index), (Mode::Probe, LogIndex(10)));
        assert!(!follower.awaits_probe());
        follower.on_sent(Round(2), ms(0));
        assert!(follower.awaits_probe());
        follower.forget(LogIndex(7));
        let state = (follower.match_index, follower.acked_round, follower.next_index);
        assert_eq!(state, (LogIndex(0), Round(0), LogIndex(7)));
    }
}
