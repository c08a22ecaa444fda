//! What is wrong with a log whoever looks at it.

use std::fmt::Debug;
use std::hash::Hash;

use super::operation::Outcome;
use super::order::{Message, MessageNumber};
use super::{Check, Finding, FindingKind};

impl<K, V> Check<'_, K, V>
where
    K: Clone + Eq + Hash + Debug,
    V: Clone + Eq + Hash + Debug,
{
    pub(super) fn contents(&mut self) {
        self.places();
        self.messages();
        self.lost();
    }

    fn message(&self, message: MessageNumber) -> &Message<'_, V> {
        &self.order.messages[message as usize]
    }

    /// Offsets with two messages, and messages with two offsets.
    fn places(&mut self) {
        for key in 0..self.keys.len() {
            for rank in 0..self.keys[key].places.len() {
                if self.keys[key].places[rank].values.len() > 1 {
                    self.add(FindingKind::InconsistentOffsets, |check| {
                        let log = &check.keys[key];
                        let place = &log.places[rank];
                        let messages = &check.order.logs[key][rank].messages;
                        let shown = messages.iter().filter_map(|&message| {
                            let message = check.message(message);
                            message.reader.or(message.writer)
                        });
                        Finding {
                            kind: FindingKind::InconsistentOffsets,
                            explanation: format!(
                                "Offset {} of key {:?} holds one message, but {} were seen there: {}.",
                                place.offset,
                                log.key,
                                place.values.len(),
                                list(&place.values)
                            ),
                            key: Some(log.key.clone()),
                            values: place.values.clone(),
                            offsets: vec![place.offset],
                            skipped: Vec::new(),
                            operations: shown.map(|operation| operation as usize).collect(),
                        }
                    });
                }
            }
            let mut seen: Vec<(MessageNumber, u64)> = self.order.logs[key]
                .iter()
                .flat_map(|place| place.messages.iter().map(|&message| (message, place.offset)))
                .collect();
            seen.sort_unstable();
            for places in seen.chunk_by(|one, other| one.0 == other.0).filter(|of| of.len() > 1) {
                let offsets: Vec<u64> = places.iter().map(|&(_, offset)| offset).collect();
                let message = places[0].0;
                self.add(FindingKind::Duplicate, |check| {
                    let value = check.message(message).value;
                    let text = format!(
                        "{value:?} is in the log of key {:?} {} times, at offsets {}.",
                        check.keys[key].key,
                        offsets.len(),
                        list(&offsets)
                    );
                    Finding { offsets, ..check.of_message(FindingKind::Duplicate, message, text) }
                });
            }
        }
    }

    /// A finding about one message.
    fn of_message(
        &self,
        kind: FindingKind,
        message: MessageNumber,
        explanation: String,
    ) -> Finding<K, V> {
        let of = self.message(message);
        let key = &self.keys[of.key as usize];
        Finding {
            kind,
            explanation,
            key: Some(key.key.clone()),
            values: vec![of.value.clone()],
            offsets: of
                .ranks
                .map(|(rank, _)| key.places[rank as usize].offset)
                .into_iter()
                .collect(),
            skipped: Vec::new(),
            operations: [of.writer, of.reader]
                .into_iter()
                .flatten()
                .map(|of| of as usize)
                .collect(),
        }
    }

    /// Messages that should not have been polled, or should have been.
    fn messages(&mut self) {
        for number in 0..self.order.messages.len() as MessageNumber {
            let message = self.message(number);
            let (key, value) = (message.key as usize, message.value.clone());
            match (message.reader, message.writer) {
                (Some(reader), None) => self.add(FindingKind::NeverSent, |check| {
                    let text = format!(
                        "Process {} polled {value:?} from key {:?}, which nobody had sent there.",
                        check.process(reader),
                        check.keys[key].key
                    );
                    check.of_message(FindingKind::NeverSent, number, text)
                }),
                (Some(reader), Some(writer))
                    if self.history[writer as usize].outcome == Outcome::Fail =>
                {
                    self.add(FindingKind::AbortedRead, |check| {
                        let text = format!(
                            "Process {} polled {value:?} from key {:?}, although the send of process {} had failed.",
                            check.process(reader),
                            check.keys[key].key,
                            check.process(writer)
                        );
                        check.of_message(FindingKind::AbortedRead, number, text)
                    });
                }
                (None, Some(writer)) if message.is_acknowledged => {
                    self.keys[key].unseen.push(value.clone());
                    self.add(FindingKind::Unseen, |check| {
                        let text = format!(
                            "{value:?} was acknowledged to process {} for key {:?}, and nobody ever polled it.",
                            check.process(writer),
                            check.keys[key].key
                        );
                        check.of_message(FindingKind::Unseen, number, text)
                    });
                }
                _ => {}
            }
        }
    }

    /// Messages that were surely sent and that nobody polled, although somebody polled what is behind
    /// them. A message that was seen at several offsets reaches as far as the first and is missed at
    /// the last of them; one without a known offset says nothing. Nor does one whose place another
    /// message has that was polled: that place is inconsistent, which is told already.
    fn lost(&mut self) {
        // The message of each key that was polled furthest on.
        let mut furthest: Vec<Option<(u32, MessageNumber)>> = vec![None; self.keys.len()];
        for (message, number) in self.order.messages.iter().zip(0..) {
            if let (Some(_), Some((first, _))) = (message.reader, message.ranks) {
                let of_key = &mut furthest[message.key as usize];
                if of_key.is_none_or(|(rank, _)| first > rank) {
                    *of_key = Some((first, number));
                }
            }
        }
        for number in 0..self.order.messages.len() as MessageNumber {
            let message = self.message(number);
            let key = message.key as usize;
            let (Some((bound, behind)), Some((_, last))) = (furthest[key], message.ranks) else {
                continue;
            };
            if message.reader.is_some() || !message.is_committed || last > bound {
                continue;
            }
            if self.keys[key].places[last as usize].was_polled {
                continue;
            }
            self.keys[key].places[last as usize].is_lost = true;
            self.add(FindingKind::LostWrite, |check| {
                let (lost, polled) = (check.message(number), check.message(behind));
                let sent = if lost.is_acknowledged {
                    "was acknowledged"
                } else {
                    "was sent, as another message of the same operation was polled,"
                };
                let log = &check.keys[key];
                let text = format!(
                    "{:?} {sent} at offset {} of key {:?}, and nobody ever polled it, although process {} polled {:?} from offset {} behind it.",
                    lost.value,
                    log.places[last as usize].offset,
                    log.key,
                    polled.reader.map_or(0, |reader| check.process(reader)),
                    polled.value,
                    log.places[bound as usize].offset,
                );
                let mut finding = check.of_message(FindingKind::LostWrite, number, text);
                finding.operations.extend(polled.reader.map(|reader| reader as usize));
                finding
            });
        }
    }
}

/// Things one after another.
pub(super) fn list<T: Debug>(things: &[T]) -> String {
    let things: Vec<String> = things.iter().map(|thing| format!("{thing:?}")).collect();
    things.join(", ")
}
