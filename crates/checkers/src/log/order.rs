//! The order of the messages of each key, found out from all that was seen of it.
//!
//! Offsets may be as large and as far apart as they like: what counts is only their rank among the
//! offsets of the key at which something was seen, so that work and memory depend on the number of
//! messages alone.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::operation::{Action, LogOperation, Outcome, Step};

/// A message that was sent or polled, or both; an index of [`Order::messages`].
pub(super) type MessageNumber = u32;

/// One message of one key.
pub(super) struct Message<'a, V> {
    pub(super) key: u32,
    pub(super) value: &'a V,
    /// The first operation that sent it and did not fail, or else the first that did.
    pub(super) writer: Option<u32>,
    /// How many operations that did not fail sent it.
    pub(super) writers: u32,
    /// Whether its send was acknowledged, or is known to have happened.
    pub(super) is_acknowledged: bool,
    pub(super) is_committed: bool,
    /// The first operation that is known to have polled it.
    pub(super) reader: Option<u32>,
    /// The first and the last rank at which it was seen.
    pub(super) ranks: Option<(u32, u32)>,
}

/// A message in an operation.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) operation: u32,
    pub(super) message: MessageNumber,
    pub(super) offset: Option<u64>,
    /// Where it was in the log of its key, if that is known.
    pub(super) rank: Option<u32>,
}

/// A place in the log of a key at which something was seen.
pub(super) struct Place {
    pub(super) offset: u64,
    /// What was seen there; one message unless the log contradicts itself.
    pub(super) messages: Vec<MessageNumber>,
}

/// Everything that was sent and polled, by numbers.
pub(super) struct Order<'a, K, V> {
    pub(super) keys: Vec<&'a K>,
    key_numbers: FxHashMap<&'a K, u32>,
    pub(super) messages: Vec<Message<'a, V>>,
    message_numbers: FxHashMap<(u32, &'a V), MessageNumber>,
    /// In the order of operations.
    pub(super) sends: Vec<Seen>,
    pub(super) polls: Vec<Seen>,
    /// The log of each key, by rank.
    pub(super) logs: Vec<Vec<Place>>,
}

impl<'a, K: Eq + Hash, V: Eq + Hash> Order<'a, K, V> {
    pub(super) fn new(history: &'a [LogOperation<K, V>]) -> Self {
        let mut order = Self {
            keys: Vec::new(),
            key_numbers: FxHashMap::default(),
            messages: Vec::new(),
            message_numbers: FxHashMap::default(),
            sends: Vec::new(),
            polls: Vec::new(),
            logs: Vec::new(),
        };
        for (operation, number) in history.iter().zip(0..) {
            let Action::Messages(steps) = &operation.action else { continue };
            steps.iter().for_each(|step| order.add(step, number, operation.outcome));
        }
        order.find_what_was_sent(history);
        order.rank(history);
        order
    }

    fn add(&mut self, step: &'a Step<K, V>, operation: u32, outcome: Outcome) {
        match step {
            Step::Send { key, value, offset } => {
                let message = self.message(key, value);
                let of = &mut self.messages[message as usize];
                of.writer.get_or_insert(operation);
                self.sends.push(Seen { operation, message, offset: *offset, rank: None });
            }
            Step::Poll(keys) => {
                for (key, messages) in keys {
                    for (offset, value) in messages {
                        let message = self.message(key, value);
                        if outcome == Outcome::Ok {
                            let of = &mut self.messages[message as usize];
                            of.reader.get_or_insert(operation);
                        }
                        let offset = Some(*offset);
                        self.polls.push(Seen { operation, message, offset, rank: None });
                    }
                }
            }
        }
    }

    /// The number of a key, if it was seen in a message.
    pub(super) fn key_number(&self, key: &K) -> Option<u32> {
        self.key_numbers.get(key).copied()
    }

    fn message(&mut self, key: &'a K, value: &'a V) -> MessageNumber {
        let keys = &mut self.keys;
        let key = *self.key_numbers.entry(key).or_insert_with(|| {
            keys.push(key);
            keys.len() as u32 - 1
        });
        let messages = &mut self.messages;
        *self.message_numbers.entry((key, value)).or_insert_with(|| {
            messages.push(Message {
                key,
                value,
                writer: None,
                writers: 0,
                is_acknowledged: false,
                is_committed: false,
                reader: None,
                ranks: None,
            });
            messages.len() as u32 - 1
        })
    }

    /// An operation of unknown outcome happened if somebody polled a message of it.
    fn find_what_was_sent(&mut self, history: &[LogOperation<K, V>]) {
        let mut happened: Vec<bool> =
            history.iter().map(|operation| operation.outcome == Outcome::Ok).collect();
        for sent in &self.sends {
            let operation = sent.operation as usize;
            let was_polled = self.messages[sent.message as usize].reader.is_some();
            happened[operation] |= was_polled && history[operation].outcome == Outcome::Unknown;
        }
        for sent in &self.sends {
            let operation = sent.operation as usize;
            let message = &mut self.messages[sent.message as usize];
            let outcome = history[operation].outcome;
            message.is_acknowledged |= outcome == Outcome::Ok;
            message.is_committed |= happened[operation];
            message.writers += u32::from(outcome != Outcome::Fail);
            let has_failed =
                |of: Option<u32>| of.is_none_or(|of| history[of as usize].outcome == Outcome::Fail);
            if has_failed(message.writer) && outcome != Outcome::Fail {
                message.writer = Some(sent.operation);
            }
        }
    }

    /// Ranks the offsets at which something was seen: all that was polled, and what was surely sent.
    fn rank(&mut self, history: &[LogOperation<K, V>]) {
        let messages = &self.messages;
        let counts = |sent: &Seen| {
            messages[sent.message as usize].is_committed
                && history[sent.operation as usize].outcome != Outcome::Fail
        };
        let sends = self.sends.iter_mut().filter(|sent| counts(sent));
        let mut seen: Vec<(u32, u64, &mut Seen)> = sends
            .chain(&mut self.polls)
            .filter_map(|seen| Some((messages[seen.message as usize].key, seen.offset?, seen)))
            .collect();
        seen.sort_by_key(|&(key, offset, ref seen)| (key, offset, seen.message));
        self.logs.resize_with(self.keys.len(), Vec::new);
        for (key, offset, seen) in seen {
            let log = &mut self.logs[key as usize];
            if log.last().is_none_or(|place| place.offset != offset) {
                log.push(Place { offset, messages: Vec::new() });
            }
            let rank = log.len() as u32 - 1;
            seen.rank = Some(rank);
            let message = seen.message;
            let at = &mut log[rank as usize].messages;
            if at.last() != Some(&message) {
                at.push(message);
            }
            let ranks = &mut self.messages[message as usize].ranks;
            *ranks = Some((ranks.map_or(rank, |(first, _)| first), rank));
        }
    }

    /// The rank of what was sent, from the acknowledgement or from who polled it.
    pub(super) fn rank_of_sent(&self, sent: &Seen) -> Option<u32> {
        sent.rank.or_else(|| self.messages[sent.message as usize].ranks.map(|(first, _)| first))
    }
}
