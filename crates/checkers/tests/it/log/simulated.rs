//! A log that does what it should, and clients that use it.

use std::collections::BTreeMap;

use checkers::log::{Action, LogOperation, Outcome, Step};

use crate::generator::Random;

pub(super) type Operation = LogOperation<u64, u64>;

const KEYS: u64 = 3;

/// The log: offset and message of each key. Offsets leave gaps.
#[derive(Default)]
struct Log(BTreeMap<u64, Vec<(u64, u64)>>);

impl Log {
    fn send(&mut self, random: &mut Random, key: u64, value: u64) -> u64 {
        let log = self.0.entry(key).or_default();
        let offset = log.last().map_or(0, |(offset, _)| offset + 1) + random.below(4);
        log.push((offset, value));
        offset
    }
}

/// A client: its process, and from where it polls each key.
struct Client {
    process: u64,
    positions: BTreeMap<u64, u64>,
    /// What it is doing, and whether it has taken effect.
    open: Option<(usize, bool)>,
}

/// A history of about so many operations, each of which takes effect at a moment while it is open.
/// In the end everything is polled.
pub(super) fn simulate(random: &mut Random, operations: usize) -> Vec<Operation> {
    let mut history: Vec<Operation> = Vec::new();
    let mut log = Log::default();
    let client = |process| Client { process, positions: BTreeMap::new(), open: None };
    let mut clients: Vec<Client> = (0..3).map(client).collect();
    let (mut processes, mut value, mut now) = (3, 0, 0);
    while history.len() < operations || clients.iter().any(|client| client.open.is_some()) {
        let at = &mut clients[random.below(3) as usize];
        match at.open {
            None if history.len() < operations => {
                let action = begin(random, &mut value);
                at.open = Some((history.len(), false));
                let process = at.process;
                let outcome = Outcome::Unknown;
                history.push(LogOperation {
                    process,
                    invoked: now,
                    completed: None,
                    outcome,
                    action,
                });
                now += 1;
            }
            None => {}
            Some((number, false)) => {
                let operation = &mut history[number];
                at.open = Some((number, true));
                match random.below(10) {
                    0 => operation.outcome = Outcome::Fail,
                    1 => {
                        if random.percent(50) {
                            take_effect(random, &mut log, at, &mut operation.action);
                        }
                        forget(&mut operation.action);
                    }
                    _ => {
                        take_effect(random, &mut log, at, &mut operation.action);
                        operation.outcome = Outcome::Ok;
                    }
                }
                if operation.outcome != Outcome::Ok {
                    forget(&mut operation.action);
                }
            }
            Some((number, true)) => {
                history[number].completed = Some(now);
                now += 1;
                at.open = None;
                // Who does not know what happened begins anew, and so does who crashed.
                if history[number].outcome == Outcome::Unknown
                    || matches!(history[number].action, Action::Crash)
                {
                    *at = client(processes);
                    processes += 1;
                }
            }
        }
    }
    let everything = log.0.into_iter().collect();
    history.push(LogOperation {
        process: processes,
        invoked: now,
        completed: Some(now + 1),
        outcome: Outcome::Ok,
        action: Action::Messages(vec![Step::Poll(everything)]),
    });
    history
}

fn begin(random: &mut Random, value: &mut u64) -> Action<u64, u64> {
    match random.below(12) {
        0 => Action::Crash,
        1 | 2 => Action::Assign((0..KEYS).filter(|_| random.percent(70)).collect()),
        3 => Action::Subscribe((0..KEYS).filter(|_| random.percent(70)).collect()),
        _ => {
            let steps = 1 + random.below(3);
            let step = |_| {
                if random.percent(50) {
                    return Step::Poll(Vec::new());
                }
                *value += 1;
                Step::Send { key: random.below(KEYS), value: *value, offset: None }
            };
            Action::Messages((0..steps).map(step).collect())
        }
    }
}

fn take_effect(
    random: &mut Random,
    log: &mut Log,
    client: &mut Client,
    action: &mut Action<u64, u64>,
) {
    match action {
        Action::Crash => client.positions.clear(),
        Action::Assign(keys) | Action::Subscribe(keys) => {
            let old = std::mem::take(&mut client.positions);
            let position = |key: &u64| (*key, old.get(key).copied().unwrap_or(0));
            client.positions = keys.iter().map(position).collect();
        }
        Action::Messages(steps) => {
            // Nothing that an operation sends is there before it is over.
            for step in steps.iter_mut() {
                if let Step::Poll(messages) = step {
                    for (key, position) in &mut client.positions {
                        let of_key = log.0.get(key).map_or(&[][..], Vec::as_slice);
                        let start = of_key.partition_point(|(offset, _)| offset < position);
                        let count = random.below(4) as usize;
                        let polled: Vec<_> = of_key[start..].iter().take(count).copied().collect();
                        if let Some((last, _)) = polled.last() {
                            *position = last + 1;
                            messages.push((*key, polled));
                        }
                    }
                }
            }
            for step in steps {
                if let Step::Send { key, value, offset } = step {
                    let place = log.send(random, *key, *value);
                    *offset = random.percent(80).then_some(place);
                }
            }
        }
    }
}

/// Nothing came back.
fn forget(action: &mut Action<u64, u64>) {
    if let Action::Messages(steps) = action {
        for step in steps {
            match step {
                Step::Send { offset, .. } => *offset = None,
                Step::Poll(messages) => messages.clear(),
            }
        }
    }
}
