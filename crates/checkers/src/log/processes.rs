//! What each process saw one after another, and where what it sent was put.

use std::fmt::Debug;
use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::contents::list;
use super::operation::{Action, Outcome};
use super::order::Seen;
use super::{Check, Finding, FindingKind, SKIPPED_MAX};

/// What a process polled and sent last, by key.
#[derive(Default)]
struct Last {
    polled: FxHashMap<u32, Seen>,
    sent: FxHashMap<u32, Seen>,
}

/// Two messages that one process came upon one after another.
struct Step {
    from: Seen,
    to: Seen,
    is_inside: bool,
    is_send: bool,
}

impl<K, V> Check<'_, K, V>
where
    K: Clone + Eq + Hash + Debug,
    V: Clone + Eq + Hash + Debug,
{
    pub(super) fn processes(&mut self) {
        let mut processes: FxHashMap<u64, Last> = FxHashMap::default();
        let (mut polls, mut sends) = (0, 0);
        let history = self.history;
        for (operation, number) in history.iter().zip(0..) {
            let last = processes.entry(operation.process).or_default();
            match &operation.action {
                Action::Assign(_) | Action::Subscribe(_) if operation.outcome == Outcome::Fail => {}
                Action::Assign(keys) | Action::Subscribe(keys) => {
                    let kept = |of: &FxHashMap<u32, Seen>| {
                        let kept = keys.iter().filter_map(|key| {
                            let key = self.order.key_number(key)?;
                            Some((key, *of.get(&key)?))
                        });
                        kept.collect()
                    };
                    *last = Last { polled: kept(&last.polled), sent: kept(&last.sent) };
                }
                Action::Crash => *last = Last::default(),
                Action::Messages(_) => {
                    let mine = |seen: &[Seen], from: usize| {
                        let of_mine = seen[from..].iter().take_while(|of| of.operation == number);
                        from..from + of_mine.count()
                    };
                    let polled = mine(&self.order.polls, polls);
                    let sent = mine(&self.order.sends, sends);
                    (polls, sends) = (polled.end, sent.end);
                    self.precommitted(&polled, &sent);
                    self.polls(last, polled, operation.outcome);
                    self.sends(last, sent, operation.outcome);
                }
            }
        }
    }

    fn key_of(&self, seen: &Seen) -> u32 {
        self.order.messages[seen.message as usize].key
    }

    /// What an operation sent is not to be seen before it is over, not even by itself.
    fn precommitted(&mut self, polled: &std::ops::Range<usize>, sent: &std::ops::Range<usize>) {
        if polled.is_empty() || sent.is_empty() {
            return;
        }
        let mut own: Vec<u32> =
            self.order.sends[sent.clone()].iter().map(|sent| sent.message).collect();
        own.sort_unstable();
        for place in polled.clone() {
            let seen = self.order.polls[place];
            if own.binary_search(&seen.message).is_ok() {
                self.add(FindingKind::PrecommittedRead, |check| {
                    let text = format!(
                        "Process {} polled {:?} from key {:?} in the operation that sent it.",
                        check.process(seen.operation),
                        check.order.messages[seen.message as usize].value,
                        check.keys[check.key_of(&seen) as usize].key,
                    );
                    check.of_seen(FindingKind::PrecommittedRead, &[seen], text)
                });
                return;
            }
        }
    }

    fn polls(&mut self, last: &mut Last, polled: std::ops::Range<usize>, outcome: Outcome) {
        let mut inside: FxHashMap<u32, Seen> = FxHashMap::default();
        for place in polled {
            let to = self.order.polls[place];
            let key = self.key_of(&to);
            let before = inside.insert(key, to);
            let (from, is_inside) = match before {
                Some(from) => (Some(from), true),
                None => (last.polled.get(&key).copied(), false),
            };
            if let Some(from) = from {
                self.follow(&Step { from, to, is_inside, is_send: false });
            }
        }
        if outcome == Outcome::Ok {
            last.polled.extend(inside);
        }
    }

    fn sends(&mut self, last: &mut Last, sent: std::ops::Range<usize>, outcome: Outcome) {
        if outcome == Outcome::Fail {
            return;
        }
        let mut inside: FxHashMap<u32, Seen> = FxHashMap::default();
        for place in sent {
            let mut to = self.order.sends[place];
            to.rank = self.order.rank_of_sent(&to);
            let key = self.key_of(&to);
            let before = inside.insert(key, to);
            let (from, is_inside) = match before {
                Some(from) => (Some(from), true),
                None => (last.sent.get(&key).copied(), false),
            };
            if let Some(from) = from {
                self.follow(&Step { from, to, is_inside, is_send: true });
            }
        }
        last.sent.extend(inside);
    }

    /// Looks at how a process came from one message of a key to the next.
    fn follow(&mut self, step: &Step) {
        let (Some(from), Some(to)) = (step.from.rank, step.to.rank) else { return };
        let is_skip = to > from + 1;
        let kind = match (step.is_send, step.is_inside, to > from) {
            (false, false, true) => FindingKind::PollSkip,
            (false, false, false) => FindingKind::NonmonotonicPoll,
            (false, true, true) => FindingKind::IntPollSkip,
            (false, true, false) => FindingKind::IntNonmonotonicPoll,
            (true, false, false) => FindingKind::NonmonotonicSend,
            (true, true, true) => FindingKind::IntSendSkip,
            (true, true, false) => FindingKind::IntNonmonotonicSend,
            // Others may send in between.
            (true, false, true) => return,
        };
        if to > from && !is_skip {
            return;
        }
        let key = self.key_of(&step.to) as usize;
        let mut skipped: Vec<u64> = Vec::new();
        if is_skip {
            let between = from as usize + 1..(to as usize).min(from as usize + 1 + SKIPPED_MAX);
            for place in &mut self.keys[key].places[between] {
                skipped.push(place.offset);
                place.skips += u32::from(!step.is_send);
            }
        }
        self.add(kind, |check| {
            let log = &check.keys[key];
            let (first, next) = (log.places[from as usize].offset, log.places[to as usize].offset);
            let process = check.process(step.to.operation);
            let did = if step.is_send { "had a message put at" } else { "polled" };
            let then = if step.is_inside { "then, in the same operation," } else { "next" };
            let what = match to as usize - (from as usize).min(to as usize) {
                _ if to == from => "which is the same".to_owned(),
                _ if to < from => "which is before it".to_owned(),
                ranks => {
                    let more = ranks - 1 - skipped.len();
                    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                    format!("which leaves out {}{more}", list(&skipped))
                }
            };
            let text = format!(
                "Process {process} {did} offset {first} of key {:?} and {then} offset {next}, {what}.",
                log.key
            );
            Finding { skipped, ..check.of_seen(kind, &[step.from, step.to], text) }
        });
    }

    /// A finding about messages of one key.
    fn of_seen(&self, kind: FindingKind, seen: &[Seen], explanation: String) -> Finding<K, V> {
        let messages = || seen.iter().map(|seen| &self.order.messages[seen.message as usize]);
        let key = messages().next().map_or(0, |message| message.key) as usize;
        let places = seen.iter().filter_map(|seen| seen.rank);
        let mut operations: Vec<usize> = seen.iter().map(|seen| seen.operation as usize).collect();
        operations.dedup();
        Finding {
            kind,
            explanation,
            key: self.keys.get(key).map(|log| log.key.clone()),
            values: messages().map(|message| message.value.clone()).collect(),
            offsets: places.map(|rank| self.keys[key].places[rank as usize].offset).collect(),
            skipped: Vec::new(),
            operations,
        }
    }
}
