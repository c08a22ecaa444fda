//! The rules of a log, each taken literally and found out anew for every message.

use std::collections::{BTreeMap, BTreeSet};

use checkers::log::{Action, FindingKind, Outcome, Step};

use super::simulated::Operation;

/// A message in an operation: number of the operation, key, offset, message.
type Seen = (usize, u64, Option<u64>, u64);

struct Rules<'a> {
    history: &'a [Operation],
    sends: Vec<Seen>,
    polls: Vec<Seen>,
}

pub(super) fn compare(history: &[Operation], found: &BTreeMap<FindingKind, usize>, seed: u64) {
    use FindingKind as Kind;
    let rules = Rules::new(history);
    let count = |kind| found.get(&kind).copied().unwrap_or(0);
    let context = || format!("seed {seed}: {found:?}\n{history:?}");
    let expect = |kind, expected: usize| {
        assert_eq!(count(kind), expected, "{kind:?} {}", context());
    };
    let places = rules.places();
    let keys: BTreeSet<u64> = places.iter().map(|&(key, ..)| key).collect();
    let at = |key, offset| places.iter().filter(|&&(k, o, _)| (k, o) == (key, offset)).count();
    let offsets: BTreeSet<(u64, u64)> =
        places.iter().map(|&(key, offset, _)| (key, offset)).collect();
    expect(Kind::InconsistentOffsets, offsets.iter().filter(|&&(k, o)| at(k, o) > 1).count());
    let of = |key, value| places.iter().filter(move |&&(k, _, v)| (k, v) == (key, value));
    let values: BTreeSet<(u64, u64)> = places.iter().map(|&(key, _, value)| (key, value)).collect();
    expect(Kind::Duplicate, values.iter().filter(|&&(k, v)| of(k, v).count() > 1).count());

    let messages: BTreeSet<(u64, u64)> =
        rules.sends.iter().chain(&rules.polls).map(|&(_, key, _, value)| (key, value)).collect();
    let is_polled = |message: &&(u64, u64)| rules.is_polled(message.0, message.1);
    let outcomes = |message: &(u64, u64)| rules.outcomes(message.0, message.1);
    let polled = || messages.iter().filter(is_polled);
    expect(Kind::NeverSent, polled().filter(|of| outcomes(of).is_empty()).count());
    let has_failed = |of: &&(u64, u64)| {
        !outcomes(of).is_empty() && outcomes(of).iter().all(|&outcome| outcome == Outcome::Fail)
    };
    expect(Kind::AbortedRead, polled().filter(has_failed).count());
    let unpolled = || messages.iter().filter(|of| !is_polled(of));
    expect(Kind::Unseen, unpolled().filter(|of| outcomes(of).contains(&Outcome::Ok)).count());
    let mut lost = 0;
    for key in keys {
        let first = polled().filter_map(|&(k, v)| of(k, v).map(|place| (place.0, place.1)).min());
        let Some((_, bound)) = first.filter(|place| place.0 == key).max() else { continue };
        lost += unpolled()
            .filter(|&&(k, v)| k == key && rules.is_committed(k, v))
            .filter(|&&(k, v)| {
                let has_other =
                    |o| places.iter().any(|p| (p.0, p.1) == (k, o) && rules.is_polled(k, p.2));
                let last = of(k, v).map(|place| place.1).max();
                last.is_some_and(|o| o <= bound && !has_other(o))
            })
            .count();
    }
    expect(Kind::LostWrite, lost);

    let mut steps: BTreeMap<FindingKind, usize> = BTreeMap::new();
    rules.steps(&places, &mut steps);
    for kind in [
        Kind::PollSkip,
        Kind::NonmonotonicPoll,
        Kind::IntPollSkip,
        Kind::IntNonmonotonicPoll,
        Kind::IntSendSkip,
        Kind::NonmonotonicSend,
        Kind::IntNonmonotonicSend,
    ] {
        expect(kind, steps.get(&kind).copied().unwrap_or(0));
    }
    let precommitted = |&number: &usize| {
        let own = rules.sends.iter().filter(|send| send.0 == number);
        own.map(|send| (send.1, send.3)).any(|message| {
            rules.polls.iter().any(|poll| poll.0 == number && (poll.1, poll.3) == message)
        })
    };
    expect(Kind::PrecommittedRead, (0..history.len()).filter(precommitted).count());

    let (by_messages, in_time) = (rules.has_cycle(false), rules.has_cycle(true));
    assert_eq!(count(Kind::Circular) > 0, by_messages, "{}", context());
    let is_found = count(Kind::Circular) + count(Kind::CircularInTime) > 0;
    assert_eq!(is_found, in_time, "{}", context());
}

impl<'a> Rules<'a> {
    fn new(history: &'a [Operation]) -> Self {
        let (mut sends, mut polls) = (Vec::new(), Vec::new());
        for (number, operation) in history.iter().enumerate() {
            let Action::Messages(steps) = &operation.action else { continue };
            for step in steps {
                match step {
                    Step::Send { key, value, offset } => {
                        sends.push((number, *key, *offset, *value))
                    }
                    Step::Poll(keys) => {
                        for (key, messages) in keys {
                            polls.extend(messages.iter().map(|&(o, v)| (number, *key, Some(o), v)));
                        }
                    }
                }
            }
        }
        Self { history, sends, polls }
    }

    fn is_polled(&self, key: u64, value: u64) -> bool {
        let mut polls = self.polls.iter();
        polls.any(|poll| {
            (poll.1, poll.3) == (key, value) && self.history[poll.0].outcome == Outcome::Ok
        })
    }

    fn outcomes(&self, key: u64, value: u64) -> Vec<Outcome> {
        let own = self.sends.iter().filter(|send| (send.1, send.3) == (key, value));
        own.map(|send| self.history[send.0].outcome).collect()
    }

    /// Whether an operation surely happened.
    fn happened(&self, number: usize) -> bool {
        let mut own = self.sends.iter().filter(|send| send.0 == number);
        match self.history[number].outcome {
            Outcome::Ok => true,
            Outcome::Fail => false,
            Outcome::Unknown => own.any(|send| self.is_polled(send.1, send.3)),
        }
    }

    fn is_committed(&self, key: u64, value: u64) -> bool {
        let mut sends = self.sends.iter();
        sends.any(|send| (send.1, send.3) == (key, value) && self.happened(send.0))
    }

    /// Key, offset and message of all that was seen in the log.
    fn places(&self) -> BTreeSet<(u64, u64, u64)> {
        // A send counts when the message is known to be there, by whoever sent it.
        let sends = self.sends.iter().filter(|send| {
            self.history[send.0].outcome != Outcome::Fail && self.is_committed(send.1, send.3)
        });
        let seen = sends.chain(&self.polls);
        seen.filter_map(|seen| Some((seen.1, seen.2?, seen.3))).collect()
    }

    /// Looks from each message of a process back to the last one of the same key.
    fn steps(&self, places: &BTreeSet<(u64, u64, u64)>, counts: &mut BTreeMap<FindingKind, usize>) {
        use FindingKind as Kind;
        for (is_send, all) in [(false, &self.polls), (true, &self.sends)] {
            for (place, to) in all.iter().enumerate() {
                if is_send && self.history[to.0].outcome == Outcome::Fail {
                    continue;
                }
                let Some(from) = self.before(&all[..place], to, is_send) else { continue };
                let known = |seen: &Seen| {
                    let first = || places.iter().find(|of| (of.0, of.2) == (seen.1, seen.3));
                    let is_there = |offset: &u64| places.contains(&(seen.1, *offset, seen.3));
                    seen.2.filter(is_there).or_else(|| first().map(|place| place.1))
                };
                let (Some(first), Some(next)) = (known(from), known(to)) else { continue };
                let is_skip = places.iter().any(|of| of.0 == to.1 && first < of.1 && of.1 < next);
                let kind = match (is_send, from.0 == to.0) {
                    (false, false) if is_skip => Kind::PollSkip,
                    (false, true) if is_skip => Kind::IntPollSkip,
                    (true, true) if is_skip => Kind::IntSendSkip,
                    _ if next > first => continue,
                    (false, false) => Kind::NonmonotonicPoll,
                    (false, true) => Kind::IntNonmonotonicPoll,
                    (true, false) => Kind::NonmonotonicSend,
                    (true, true) => Kind::IntNonmonotonicSend,
                };
                *counts.entry(kind).or_default() += 1;
            }
        }
    }

    fn before<'b>(&self, earlier: &'b [Seen], to: &Seen, is_send: bool) -> Option<&'b Seen> {
        for number in (0..=to.0).rev() {
            let operation = &self.history[number];
            if operation.process != self.history[to.0].process {
                continue;
            }
            match &operation.action {
                Action::Crash => return None,
                Action::Assign(keys) | Action::Subscribe(keys)
                    if operation.outcome != Outcome::Fail && !keys.contains(&to.1) =>
                {
                    return None;
                }
                _ => {}
            }
            let counts = match operation.outcome {
                Outcome::Ok => true,
                Outcome::Fail => false,
                Outcome::Unknown => is_send,
            };
            if number == to.0 || counts {
                let last = earlier.iter().rfind(|seen| seen.0 == number && seen.1 == to.1);
                if last.is_some() {
                    return last;
                }
            }
        }
        None
    }

    /// Whether some operation comes before itself.
    fn has_cycle(&self, with_time: bool) -> bool {
        let count = self.history.len();
        let mut before = vec![vec![false; count]; count];
        for poll in self.polls.iter().filter(|poll| self.history[poll.0].outcome == Outcome::Ok) {
            let mut writers = self.sends.iter().filter(|send| {
                (send.1, send.3) == (poll.1, poll.3)
                    && self.history[send.0].outcome != Outcome::Fail
            });
            if let (Some(writer), None) = (writers.next(), writers.next()) {
                before[writer.0][poll.0] |= writer.0 != poll.0;
            }
        }
        for (one, operation) in self.history.iter().enumerate().filter(|_| with_time) {
            let completed = operation.completed.filter(|_| operation.outcome == Outcome::Ok);
            for (other, later) in self.history.iter().enumerate() {
                before[one][other] |= completed.is_some_and(|completed| completed < later.invoked);
            }
        }
        for through in 0..count {
            for one in 0..count {
                for other in 0..count {
                    before[one][other] |= before[one][through] && before[through][other];
                }
            }
        }
        (0..count).any(|number| before[number][number])
    }
}
