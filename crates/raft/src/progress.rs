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
    /// Whether its acknowledgements count; see [`crate::roster`].
    pub(crate) voter: bool,
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
            voter: true,
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
