//! What the clients of workload kafka remember, and what they do next.

use std::collections::{BTreeMap, BTreeSet};

use checkers::Kind;
use proto::Json;
use simulator::Random;

use super::op::{KafkaOp, Offsets};
use crate::workload::Worker;

/// One of so many sends and polls is an assignment in their place.
const ASSIGN_ONE_IN: u64 = 16;
/// One of so many operations is a crash of the client; about one in 30 s at five operations a second.
const CRASH_ONE_IN: u64 = 150;
/// How many final polls of a worker may bring nothing new, one after another, ...
const PATIENCE: u32 = 20;
/// ... and as how many of them one counts that failed.
const FAILURE_COSTS: u32 = 5;

/// The logs that are written at the moment. Of `n` keys, key `i` gets 2^i of 2^n - 1 messages: the
/// last half of them. A key that has had its messages is replaced by the next one.
pub(super) struct ActiveKeys {
    active: Vec<(u64, u64)>,
    next: u64,
    writes_max: u64,
}

impl ActiveKeys {
    pub(super) fn new(count: u64, writes_max: u64) -> Self {
        Self { active: (0..count).map(|key| (key, 0)).collect(), next: count, writes_max }
    }

    fn draw(&self, random: &mut Random) -> usize {
        (random.below((1 << self.active.len()) - 1) + 1).ilog2() as usize
    }

    fn name(&self, place: usize) -> String {
        self.active[place].0.to_string()
    }

    fn names(&self) -> Vec<String> {
        (0..self.active.len()).map(|place| self.name(place)).collect()
    }

    /// The next message of a key: 1, 2, ...
    fn send(&mut self, place: usize) -> KafkaOp {
        let key = self.name(place);
        let (_, writes) = &mut self.active[place];
        *writes += 1;
        let message = Json::from(*writes as i64);
        if *writes >= self.writes_max {
            self.active[place] = (self.next, 0);
            self.next += 1;
        }
        KafkaOp::Send { key, message, offset: None }
    }
}

/// What one client remembers.
#[derive(Default)]
struct Client {
    process: u64,
    /// Where to poll each key of the assignment next; `None` without one.
    positions: Option<Offsets>,
    /// What was polled and is to be committed.
    to_commit: Offsets,
    last: Option<LastPolls>,
}

/// The final phase of one worker.
struct LastPolls {
    /// How many more polls may bring nothing new.
    patience: u32,
    /// How many more polls there may be at all.
    left: u64,
}

/// All clients, and what they know together.
pub(super) struct Clients {
    keys: ActiveKeys,
    clients: Vec<Client>,
    /// The highest offset of each key at which somebody knows a message.
    known: Offsets,
    /// The highest offset of each key that somebody polled.
    read: Offsets,
    /// Keys with known messages that nobody polled.
    unread: BTreeSet<String>,
    sends: u64,
}

impl Clients {
    pub(super) fn new(keys: ActiveKeys) -> Self {
        Self {
            keys,
            clients: Vec::new(),
            known: Offsets::new(),
            read: Offsets::new(),
            unread: BTreeSet::new(),
            sends: 0,
        }
    }

    fn client(&mut self, worker: Worker) -> &mut Client {
        if self.clients.len() <= worker.index {
            self.clients.resize_with(worker.index + 1, Client::default);
        }
        &mut self.clients[worker.index]
    }

    pub(super) fn operation(&mut self, worker: Worker, random: &mut Random) -> KafkaOp {
        let all = self.keys.names();
        let client = self.client(worker);
        if client.process != worker.process {
            *client = Client { process: worker.process, ..Client::default() };
        }
        if !client.to_commit.is_empty() {
            return KafkaOp::Commit { offsets: std::mem::take(&mut client.to_commit) };
        }
        // A client without an assignment would poll nothing.
        if client.positions.is_none() {
            return KafkaOp::Assign { crash: false, keys: all, committed: None };
        }
        if random.once_in(CRASH_ONE_IN) {
            *client = Client { process: worker.process, ..Client::default() };
            return KafkaOp::Assign { crash: true, keys: all, committed: None };
        }
        let place = self.keys.draw(random);
        if random.once_in(ASSIGN_ONE_IN) {
            let mut keys = BTreeSet::from([self.keys.name(place)]);
            if random.below(3) == 0 {
                keys.extend(self.unread.iter().cloned());
            }
            return KafkaOp::Assign {
                crash: false,
                keys: keys.into_iter().collect(),
                committed: None,
            };
        }
        if random.chance(0.5) {
            self.sends += 1;
            return self.keys.send(place);
        }
        self.poll(worker)
    }

    fn poll(&mut self, worker: Worker) -> KafkaOp {
        let from = self.client(worker).positions.clone().unwrap_or_default();
        KafkaOp::Poll { from, polled: None }
    }

    /// A crash, all keys from 0, and polls until every known message is passed; at most as many as
    /// there are messages and some more, since a node may make messages up for ever.
    pub(super) fn final_operation(&mut self, worker: Worker) -> Option<KafkaOp> {
        let left = self.sends + u64::from(PATIENCE);
        let from_zero: Offsets = self.known.keys().map(|key| (key.clone(), 0)).collect();
        let client = self.client(worker);
        match &mut client.last {
            None => {
                client.last = Some(LastPolls { patience: PATIENCE, left });
                let keys: Vec<_> = from_zero.keys().cloned().collect();
                client.positions = Some(from_zero);
                (!keys.is_empty()).then_some(KafkaOp::Assign { crash: true, keys, committed: None })
            }
            Some(last) if last.patience == 0 || last.left == 0 => None,
            Some(last) => {
                last.left -= 1;
                (!self.has_caught_up(worker)).then(|| self.poll(worker))
            }
        }
    }

    fn has_caught_up(&self, worker: Worker) -> bool {
        let positions = self.clients[worker.index].positions.as_ref();
        let position = |key| positions.and_then(|positions| positions.get(key)).copied();
        self.known.iter().all(|(key, known)| position(key) > Some(*known))
    }

    /// Learns how an operation of this worker ended.
    pub(super) fn ended(&mut self, worker: Worker, kind: Kind, op: &KafkaOp) {
        if kind != Kind::Ok {
            if let Some(last) = &mut self.client(worker).last {
                last.patience = last.patience.saturating_sub(FAILURE_COSTS);
            }
            return;
        }
        match op {
            KafkaOp::Send { key, offset: Some(offset), .. } => self.learn(key, *offset),
            KafkaOp::Assign { keys, committed: Some(committed), .. } => {
                let client = self.client(worker);
                if client.last.is_none() {
                    client.assign(keys, committed);
                }
            }
            KafkaOp::Poll { polled: Some(polled), .. } => {
                let mut is_new = false;
                for (key, messages) in polled {
                    let Some(highest) = messages.iter().map(|(offset, _)| *offset).max() else {
                        continue;
                    };
                    is_new |= self.client(worker).advance(key, highest);
                    raise(&mut self.read, key, highest);
                    self.learn(key, highest);
                }
                if let Some(last) = &mut self.client(worker).last {
                    last.patience = if is_new { PATIENCE } else { last.patience - 1 };
                }
            }
            _ => {}
        }
    }

    /// There is a message at this offset.
    fn learn(&mut self, key: &str, offset: u64) {
        raise(&mut self.known, key, offset);
        if self.read.get(key) < self.known.get(key) {
            self.unread.insert(key.to_owned());
        } else {
            self.unread.remove(key);
        }
    }
}

impl Client {
    /// Each key goes on where it was, or where somebody committed, or at the beginning.
    fn assign(&mut self, keys: &[String], committed: &Offsets) {
        let old = self.positions.take().unwrap_or_default();
        let position = |key: &String| old.get(key).or_else(|| committed.get(key)).copied();
        let positions: BTreeMap<_, _> =
            keys.iter().map(|key| (key.clone(), position(key).unwrap_or(0))).collect();
        self.positions = Some(positions);
    }

    /// Goes on behind what was polled; says whether that is further than before.
    fn advance(&mut self, key: &str, highest: u64) -> bool {
        let next = highest.saturating_add(1);
        let position = self.positions.as_mut().and_then(|positions| positions.get_mut(key));
        if self.last.is_none() {
            self.to_commit.insert(key.to_owned(), highest);
        }
        position.is_some_and(|position| std::mem::replace(position, next) < next)
    }
}

fn raise(offsets: &mut Offsets, key: &str, offset: u64) {
    match offsets.get_mut(key) {
        Some(highest) => *highest = offset.max(*highest),
        None => drop(offsets.insert(key.to_owned(), offset)),
    }
}
