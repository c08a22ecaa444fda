//! Clients of registers, each named by a key: what they ask, how they read what comes back, and their
//! history, ready to be checked.

use checkers::linearizable::{self, RegisterOp, STATES_MAX, WorkLimit};
use checkers::{Event, Kind, Verdict};
use proto::{ErrorCode, Json, Time};
use simulator::Random;

use super::Completion;
use crate::wire::{self, Answer, Request};

/// The request whose reply has a value.
const READ: &str = "read";
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
pub fn draw_operation(key: u64, random: &mut Random) -> RegisterOp<Json> {
    let key = json(key);
    let (a, b) = (json(random.below(VALUES)), json(random.below(VALUES)));
    match random.below(3) {
        0 => RegisterOp::Read { key, value: None },
        1 => RegisterOp::Write { key, value: a },
        _ => RegisterOp::Cas { key, from: a, to: b },
    }
}

/// The request for an operation: `read`, `write` or `cas`.
pub fn request(op: &RegisterOp<Json>) -> Request {
    let request = Request::new(op.name()).with("key", op.key().clone());
    match op {
        RegisterOp::Read { .. } => request,
        RegisterOp::Write { value, .. } => request.with("value", value.clone()),
        RegisterOp::Cas { from, to, .. } => {
            request.with("from", from.clone()).with("to", to.clone())
        }
    }
}

/// How an operation ended, as its client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect; what a read found.
    Done(Option<Json>),
    /// It found that there is no such key.
    NoSuchKey,
    /// It found that the key has another value.
    Mismatch,
    /// It did not and will not take effect.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    /// What a reply to an operation, asked by this type of request, says of it.
    pub fn read(asked: &str, reply: &str) -> Self {
        let mut found = None;
        let answer = wire::read(asked, reply, |fields| {
            if asked == READ {
                found = Some(fields.json("value")?);
            }
            Ok(())
        });
        match answer {
            Answer::Ok => Self::Done(found),
            Answer::Error(error) => match error.code {
                ErrorCode::KeyDoesNotExist => Self::NoSuchKey,
                ErrorCode::PreconditionFailed => Self::Mismatch,
                code if code.is_definite() => Self::Refused,
                _ => Self::Unknown,
            },
            Answer::Malformed(_) => Self::Unknown,
        }
    }

    /// Whether the node answered the question.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Done(_) | Self::NoSuchKey | Self::Mismatch)
    }
}

impl Completion {
    /// How the operation ended that this completes.
    pub fn outcome(&self) -> Outcome {
        self.reply.as_deref().map_or(Outcome::Unknown, |body| Outcome::read(self.asked, body))
    }
}

impl Recorder {
    /// For so many clients.
    pub fn new(clients: usize) -> Self {
        let next_process = clients as u64;
        let clients = (0..next_process).map(|process| Client { process, open: None }).collect();
        Self { clients, next_process, events: 0, histories: Vec::new() }
    }

    /// A client begins an operation.
    pub fn invoke(&mut self, client: usize, now: Time, operation: &RegisterOp<Json>) {
        let op = match operation {
            RegisterOp::Read { key, .. } => RegisterOp::Read { key: number(key), value: None },
            RegisterOp::Write { key, value } => {
                RegisterOp::Write { key: number(key), value: number(value) }
            }
            RegisterOp::Cas { key, from, to } => {
                RegisterOp::Cas { key: number(key), from: number(from), to: number(to) }
            }
        };
        self.clients[client].open = Some(op.clone());
        self.push(client, now, Kind::Invoke, op);
    }

    /// The operation that a client began has ended.
    pub fn complete(&mut self, client: usize, now: Time, outcome: &Outcome) {
        let Some(mut op) = self.clients[client].open.take() else { return };
        let kind = match (outcome, &mut op) {
            (Outcome::Done(Some(found)), RegisterOp::Read { value, .. }) => {
                *value = Some(Some(number(found)));
                Kind::Ok
            }
            (Outcome::NoSuchKey, RegisterOp::Read { value, .. }) => {
                *value = Some(None);
                Kind::Ok
            }
            (Outcome::Done(_), _) => Kind::Ok,
            // Nothing was changed: for the checker it did not happen.
            (Outcome::NoSuchKey | Outcome::Mismatch | Outcome::Refused, _) => Kind::Fail,
            (Outcome::Unknown, _) => Kind::Info,
        };
        self.push(client, now, kind, op);
        if kind == Kind::Info {
            // The operation may still happen, so the client goes on as another process.
            self.clients[client].process = self.next_process;
            self.next_process += 1;
        }
    }

    /// Whether the history of a key is linearizable; `None` after the last key.
    pub fn check_key(&self, key: usize) -> Option<Verdict> {
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        let found = linearizable::check(self.histories.get(key)?, &mut limit);
        Some(found.map_or(Verdict::Invalid, |found| found.verdict))
    }

    /// Whether the whole history is linearizable.
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

fn json(number: Number) -> Json {
    Json::from(number as i64)
}

/// Something that no client ever wrote stays visible as a value of its own.
fn number(json: &Json) -> Number {
    json.as_i64().map_or(Number::MAX, |number| number as Number)
}
