//! What a node knows about one peer: what is to be sent to it, what it has not acknowledged, and
//! whether it answers at all.
//!
//! A value is *queued* for the peer, leaves with a message, and stays *open* until the peer has
//! acknowledged it. Nothing is sent twice blindly: what is not acknowledged in time makes the two
//! nodes *compare* what they have (see [`digest`](crate::digest)), and the comparison, asked for again
//! with back-off until it succeeds, settles everything that was open. So a link to a dead peer costs
//! the same few bytes however long it lasts, and one that comes back gets what it lacks, no more. (One
//! that was never heard gets the first few values all the same: see [`Link::waits`].)

use std::collections::VecDeque;
use std::time::Duration;

use proto::{Json, MessageId, Time};
use smallvec::SmallVec;

use crate::broadcast::message::BatchId;
use crate::round_trip::RoundTrip;
use crate::value_set::{Position, ValueSet};

/// Longest wait for an answer to a comparison, unless the first one is longer already. After a
/// partition ends, nodes find each other again within this time and a quarter (the jitter).
pub const RETRY_MAX: Duration = Duration::from_millis(2000);

/// How many of the messages that carried a value again are remembered. An acknowledgement of an
/// earlier one comes too late; that of a later one will do.
const RESENT_IDS_MAX: usize = 4;

/// How many messages with direct copies may be on their way to a peer. What more there is waits for
/// an acknowledgement and then leaves together: however slow the network and however high the rate,
/// going round a failed node costs so many messages a round trip and peer.
const DIRECT_MAX: usize = 2;

/// How many values are sent to a peer of which nothing was ever heard, each once, also when none was
/// acknowledged in time.
const TO_STRANGER_MAX: usize = 32;

/// A link to a peer. In a large cluster there are many, so it is kept small.
#[derive(Debug, Default)]
pub struct Link {
    /// Values to be sent, by position.
    pub queue: SmallVec<[Queued; 2]>,
    /// When the queue leaves. Meaningless while it is empty.
    pub send_at: Time,
    /// Values sent one by one and not acknowledged, in the order in which they were sent.
    pub forwards: VecDeque<Forward>,
    /// Values sent many at once and not acknowledged, in the order in which they were sent.
    pub batches: SmallVec<[Batch; 1]>,
    /// Batches of the peer that have not been acknowledged.
    pub acks_due: SmallVec<[BatchId; 2]>,
    /// When acknowledgements leave, if no data takes them along before. Meaningless while none is due.
    pub ack_by: Time,
    /// The comparison that is to be made with the peer.
    pub comparison: Option<Comparison>,
    /// It has acknowledged a forward at some time.
    pub has_acknowledged: bool,
    /// The peer does not answer: what is new goes round it until it does (see [`Link::waits`]).
    pub failed: bool,
    /// The first value that it was not told because of that. Meaningless while it has not failed.
    pub untold: Position,
    /// How long it takes to answer what is answered at once.
    pub prompt: RoundTrip,
    /// How long it takes to acknowledge a batch, beyond the time for which it may hold that back.
    pub held: RoundTrip,
    /// What kind of node the peer has shown itself to be.
    pub kind: Kind,
}

/// A value in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Which value.
    pub position: Position,
    /// Whether it is a direct copy, sent round a failed neighbour.
    pub is_direct: bool,
}

/// A value that was sent as a plain `broadcast`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Which value.
    pub position: Position,
    /// The messages that carried it: the first one, if it was not dropped, and the last few.
    pub first_id: Option<MessageId>,
    /// See `first_id`.
    pub resent_ids: Vec<MessageId>,
    /// When it was sent first.
    pub sent_at: Time,
    /// Whether it is a direct copy, sent round a failed neighbour.
    pub is_direct: bool,
    /// Whether it was sent round the peer as well, which had failed before.
    pub went_round: bool,
    /// Whether no acknowledgement came in time.
    pub timed_out: bool,
    /// How many direct copies were sent because of that.
    pub direct_copies: u64,
}

/// Values that were sent in one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The number by which it is acknowledged.
    pub id: BatchId,
    /// The last of its values.
    pub last: Position,
    /// When it was sent.
    pub sent_at: Time,
}

/// A comparison that is wanted or under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// When to ask for it (again).
    pub next_at: Time,
    /// How often it was asked for without an answer.
    pub attempts: u32,
}

/// How many times as long a peer is given that has never answered.
const STRANGER_PATIENCE: u32 = 5;

/// How long a peer may take, from what is known of its round trips. Each time-out is worked out when it
/// is asked for, because most are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Round trips of what is answered at once.
    pub prompt: RoundTrip,
    /// Round trips of what may be held back.
    pub held: RoundTrip,
    /// The least time for an acknowledgement.
    pub ack_least: Duration,
    /// The least time for an answer.
    pub answer_least: Duration,
    /// How long the peer may hold an acknowledgement back.
    pub hold: Duration,
}

impl Timeouts {
    /// To acknowledge a forward.
    pub fn forward(&self) -> Duration {
        self.prompt.timeout(self.ack_least)
    }

    /// To acknowledge a direct copy.
    pub fn direct(&self) -> Duration {
        self.forward() * patience(&self.prompt)
    }

    /// To answer the opening of a comparison.
    pub fn answer(&self) -> Duration {
        self.prompt.timeout(self.answer_least) * patience(&self.prompt)
    }

    /// To acknowledge a batch.
    pub fn batch(&self) -> Duration {
        self.hold + self.held.timeout(self.answer_least) * patience(&self.held)
    }

    /// Those of a peer, if these are the ones of a stranger: by its own round trips, once they are
    /// known.
    #[must_use]
    pub fn of_link(self, link: &Link) -> Self {
        let known = |own: RoundTrip, all: RoundTrip| if own.is_known() { own } else { all };
        Self { prompt: known(link.prompt, self.prompt), held: known(link.held, self.held), ..self }
    }

    /// Whether something that was sent before may be due earlier than by `others`.
    pub fn are_shorter_than(&self, others: &Self) -> bool {
        (self.prompt != others.prompt
            && (self.forward() < others.forward() || self.direct() < others.direct()))
            || ((self.held != others.held || self.hold != others.hold)
                && self.batch() < others.batch())
    }

    fn of(&self, forward: &Forward) -> Duration {
        if forward.is_direct { self.direct() } else { self.forward() }
    }

    /// Whether the forward is open for too long now, and was not noted as such before.
    pub fn is_overdue(&self, forward: &Forward, now: Time) -> bool {
        !forward.timed_out && forward.sent_at + self.of(forward) <= now
    }
}

fn patience(trip: &RoundTrip) -> u32 {
    if trip.is_known() { 1 } else { STRANGER_PATIENCE }
}

/// What a peer has shown itself to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// It has said nothing yet that tells.
    #[default]
    Unknown,
    /// It speaks `gossip` and `digest`.
    Ours,
    /// It answered them with an error: it gets plain broadcasts, again and again until it
    /// acknowledges them.
    Foreign,
}

impl Forward {
    /// Notes that it was sent again.
    pub fn resent_as(&mut self, id: MessageId) {
        if self.resent_ids.len() == RESENT_IDS_MAX {
            self.resent_ids.remove(0);
        }
        self.resent_ids.push(id);
    }

    fn was_sent_as(&self, id: MessageId) -> bool {
        self.first_id == Some(id) || self.resent_ids.contains(&id)
    }
}

impl Link {
    /// Queues a value, to leave at `send_at` unless the queue leaves earlier. A failed peer of our
    /// kind will hear of it when the two are compared.
    pub fn offer(&mut self, position: Position, is_direct: bool, send_at: Time) -> bool {
        if self.failed && self.kind == Kind::Ours {
            return false;
        }
        if self.queue.is_empty() || send_at < self.send_at {
            self.send_at = send_at;
        }
        self.queue.push(Queued { position, is_direct });
        true
    }

    /// Whether something leaves by `now`.
    pub fn is_due(&self, now: Time) -> bool {
        let has_data = self.may_send() && self.send_at <= now;
        has_data || (!self.acks_due.is_empty() && self.ack_by <= now)
    }

    /// Whether there is something in the queue that need not wait for an answer.
    fn may_send(&self) -> bool {
        !self.queue.is_empty() && !self.waits() && !self.is_congested()
    }

    /// Whether what is new is kept until the peer answers again. One that never did may be of a make that
    /// acknowledges nothing, and is told what is new as far as that costs little.
    pub fn waits(&self) -> bool {
        // Whoever gets copies is no neighbour.
        let gets_copies = || {
            self.queue.iter().any(|queued| queued.is_direct)
                || self.forwards.iter().any(|forward| forward.is_direct)
        };
        self.failed
            && (self.has_acknowledged
                || self.kind != Kind::Unknown
                || !self.batches.is_empty()
                || self.forwards.len() >= TO_STRANGER_MAX
                || gets_copies())
    }

    /// Whether the queue, of direct copies, waits until some of those before are acknowledged.
    pub fn is_congested(&self) -> bool {
        let direct = |forward: &&Forward| forward.is_direct;
        self.queue.iter().all(|queued| queued.is_direct)
            && self.forwards.iter().filter(direct).count() + self.batches.len() >= DIRECT_MAX
    }

    /// Asks for a comparison at `at`, unless one is under way.
    pub fn compare(&mut self, at: Time) {
        if self.kind != Kind::Foreign {
            self.comparison.get_or_insert(Comparison { next_at: at, attempts: 0 });
        }
    }

    /// The peer has acknowledged the message, and the value if it said which. Returns the forward
    /// that is open no longer, and whether the number was that of its first message: the time
    /// since then is a round trip.
    pub fn acknowledge(
        &mut self,
        msg_id: Option<MessageId>,
        value: Option<&Json>,
        set: &ValueSet,
    ) -> Option<(Forward, bool)> {
        let by_number = msg_id.and_then(|id| {
            let found = self.forwards.iter().position(|forward| forward.was_sent_as(id))?;
            // A number may be that of an earlier life: the value has to agree.
            let agrees =
                value.is_none_or(|value| set.get(self.forwards[found].position) == Some(value));
            agrees.then_some(found)
        });
        let found = by_number.or_else(|| {
            let position = set.position(value?)?;
            self.forwards.iter().position(|forward| forward.position == position)
        });
        let forward = self.forwards.remove(found?)?;
        let is_first = msg_id.is_some() && forward.first_id == msg_id;
        Some((forward, is_first))
    }

    /// The peer has acknowledged a batch. Returns when that was sent, if it was open.
    pub fn acknowledge_batch(&mut self, id: BatchId) -> Option<Time> {
        let index = self.batches.iter().position(|batch| batch.id == id)?;
        Some(self.batches.remove(index).sent_at)
    }

    /// A comparison has shown that the peer has every value before `len`.
    pub fn settle(&mut self, len: Position) {
        self.comparison = None;
        self.failed = false;
        self.queue.retain(|queued| queued.position >= len);
        self.forwards.retain(|forward| forward.position >= len);
        self.batches.retain(|batch| batch.last >= len);
    }

    /// When this link has to be looked at next, by the time-outs of a stranger.
    pub fn next_due(&self, strangers: &Timeouts) -> Time {
        let timeouts = || strangers.of_link(self);
        let mut due = Time::MAX;
        if self.may_send() {
            due = due.min(self.send_at);
        }
        if !self.acks_due.is_empty() {
            due = due.min(self.ack_by);
        }
        for open in self.forwards.iter().filter(|forward| !forward.timed_out) {
            due = due.min(open.sent_at + timeouts().of(open));
            // Direct copies are given as much time or more: all that follows is due later.
            if !open.is_direct {
                break;
            }
        }
        match &self.comparison {
            Some(comparison) => due.min(comparison.next_at),
            None => self
                .batches
                .first()
                .map_or(due, |batch| due.min(batch.sent_at + timeouts().batch())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_neighbour_that_was_never_heard_is_told_what_is_new_while_it_is_silent() {
        let stranger = || Link { failed: true, ..Link::default() };
        assert!(!Link::default().waits() && !stranger().waits());
        for kind in [Kind::Ours, Kind::Foreign] {
            assert!(Link { kind, ..stranger() }.waits(), "{kind:?} was heard");
        }
        assert!(Link { has_acknowledged: true, ..stranger() }.waits());
        let copy = Queued { position: 0, is_direct: true };
        assert!(
            Link { queue: smallvec::smallvec![copy], ..stranger() }.waits(),
            "it is no neighbour"
        );
        let batch = Batch { id: BatchId(1), last: 0, sent_at: Time::ZERO };
        assert!(
            Link { batches: smallvec::smallvec![batch], ..stranger() }.waits(),
            "it is sent batches"
        );
    }

    #[test]
    fn an_acknowledgement_has_to_fit_in_number_and_value() {
        let mut set = ValueSet::default();
        for value in ["a", "b", "c"] {
            set.insert(Json::from(value));
        }
        let open = |position, id| Forward {
            position,
            first_id: Some(MessageId(id)),
            resent_ids: Vec::new(),
            sent_at: Time::ZERO,
            is_direct: false,
            went_round: false,
            timed_out: false,
            direct_copies: 0,
        };
        let mut link = Link::default();
        link.forwards.extend([open(0, 10), open(1, 11), open(2, 12)]);
        let value = |text: &str| Json::from(text);
        let position = |acknowledged: Option<(Forward, bool)>| {
            acknowledged.map(|(forward, is_first)| (forward.position, is_first))
        };
        // A number of an earlier life: the value tells which one is meant, if any.
        assert_eq!(link.acknowledge(Some(MessageId(10)), Some(&value("x")), &set), None);
        let by_value = link.acknowledge(Some(MessageId(10)), Some(&value("b")), &set);
        assert_eq!(position(by_value), Some((1, false)));
        assert_eq!(link.forwards.iter().map(|open| open.position).collect::<Vec<_>>(), [0, 2]);
        // `broadcast_ok` names no value, and an acknowledgement need not be a reply.
        let by_number = link.acknowledge(Some(MessageId(10)), None, &set);
        assert_eq!(position(by_number), Some((0, true)));
        assert_eq!(link.acknowledge(Some(MessageId(10)), None, &set), None);
        link.forwards[0].resent_as(MessageId(20));
        assert_eq!(link.acknowledge(None, Some(&value("a")), &set), None);
        // The answer to a later copy says nothing of how long the first one took.
        let again = link.acknowledge(Some(MessageId(20)), None, &set);
        assert_eq!(position(again), Some((2, false)));
        assert!(link.forwards.is_empty());
    }

    #[test]
    fn what_a_comparison_has_settled_is_no_longer_open() {
        let mut link = Link { failed: true, kind: Kind::Ours, ..Link::default() };
        assert!(!link.offer(4, false, Time::ZERO), "a failed peer of our kind is compared with");
        link.compare(Time::ZERO);
        link.batches.push(Batch { id: BatchId(1), last: 2, sent_at: Time::ZERO });
        link.batches.push(Batch { id: BatchId(2), last: 3, sent_at: Time::ZERO });
        link.settle(3);
        assert!(!link.failed && link.comparison.is_none());
        assert_eq!(link.batches.iter().map(|batch| batch.id).collect::<Vec<_>>(), [BatchId(2)]);
    }
}
