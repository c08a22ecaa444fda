//! The history of simulated clients, a register a key, ready to be checked.

use checkers::linearizable::{self, RegisterOp, STATES_MAX, WorkLimit};
use checkers::{Event, Kind, Verdict};
use proto::{Json, Time};
use simulator::Random;

use crate::lin_kv::{Answer, Operation};
use crate::simulated::Outcome;

/// Values are few, so that compare-and-sets succeed now and then.
const VALUES: u64 = 5;

/// Keys and values are small numbers.
type Number = u64;

/// Who did what, and when.
#[derive(Debug)]
pub struct Recorder {
    clients: Vec<Client>,
    next_process: u64,
    events: u64,
    histories: Vec<Vec<Event<RegisterOp<Number>>>>,
}

#[derive(Debug)]
struct Client {
    process: u64,
    open: Option<RegisterOp<Number>>,
}

/// A read, a write or a compare-and-set of a key, each as likely.
pub fn draw_operation(key: Number, random: &mut Random) -> Operation {
    let key = json(key);
    let (a, b) = (json(random.below(VALUES)), json(random.below(VALUES)));
    match random.below(3) {
        0 => Operation::Read { key },
        1 => Operation::Write { key, value: a },
        _ => Operation::Cas { key, from: a, to: b },
    }
}

impl Recorder {
    /// For so many clients.
    #[must_use]
    pub fn new(clients: usize) -> Self {
        let next_process = clients as u64;
        let clients = (0..next_process).map(|process| Client { process, open: None }).collect();
        Self { clients, next_process, events: 0, histories: Vec::new() }
    }

    /// A client begins an operation.
    pub fn invoke(&mut self, client: usize, now: Time, operation: &Operation) {
        let op = match operation {
            Operation::Read { key } => RegisterOp::Read { key: number(key), value: None },
            Operation::Write { key, value } => {
                RegisterOp::Write { key: number(key), value: number(value) }
            }
            Operation::Cas { key, from, to } => {
                RegisterOp::Cas { key: number(key), from: number(from), to: number(to) }
            }
        };
        self.clients[client].open = Some(op.clone());
        self.push(client, now, Kind::Invoke, op);
    }

    /// The operation that a client began has ended.
    pub fn complete(&mut self, client: usize, now: Time, outcome: &Outcome) {
        let Some(mut op) = self.clients[client].open.take() else { return };
        let kind = match outcome {
            Outcome::Answer(answer) => take_answer(&mut op, answer),
            Outcome::Refused => Kind::Fail,
            Outcome::Unknown => Kind::Info,
        };
        self.push(client, now, kind, op);
        if kind == Kind::Info {
            // The operation may still happen, so the client goes on as another process.
            self.clients[client].process = self.next_process;
            self.next_process += 1;
        }
    }

    /// Whether the history of a key is linearizable; `None` after the last key.
    #[must_use]
    pub fn check_key(&self, key: usize) -> Option<Verdict> {
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        let found = linearizable::check(self.histories.get(key)?, &mut limit);
        Some(found.map_or(Verdict::Invalid, |found| found.verdict))
    }

    /// Whether the whole history is linearizable.
    #[must_use]
    pub fn check(&self) -> Verdict {
        Verdict::all((0..self.histories.len()).filter_map(|key| self.check_key(key)))
    }

    fn push(&mut self, client: usize, now: Time, kind: Kind, op: RegisterOp<Number>) {
        let key = *op.key() as usize;
        if self.histories.len() <= key {
            self.histories.resize_with(key + 1, Vec::new);
        }
        let (index, time) = (self.events, now.as_nanos());
        let process = self.clients[client].process;
        self.histories[key].push(Event::of_client(index, time, process, kind, op));
        self.events += 1;
    }
}

/// What an answer makes of an operation's event.
fn take_answer(op: &mut RegisterOp<Number>, answer: &Answer) -> Kind {
    match (op, answer) {
        (RegisterOp::Read { value, .. }, Answer::Value(json)) => {
            *value = Some(Some(number(json)));
            Kind::Ok
        }
        (RegisterOp::Read { value, .. }, Answer::NoSuchKey) => {
            *value = Some(None);
            Kind::Ok
        }
        // Nothing was changed: for the checker it did not happen.
        (_, Answer::NoSuchKey | Answer::Mismatch) => Kind::Fail,
        _ => Kind::Ok,
    }
}

fn json(number: Number) -> Json {
    Json::from(number as i64)
}

/// Something that no client ever wrote stays visible as a value of its own.
fn number(json: &Json) -> Number {
    json.as_i64().map_or(Number::MAX, |number| number as Number)
}
