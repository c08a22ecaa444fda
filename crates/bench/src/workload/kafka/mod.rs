//! Workload kafka: a log for each key. `send {key, msg}` is answered by `send_ok {offset}`, `poll
//! {offsets}` by `poll_ok {msgs}` (by key, `[offset, message]` each), `commit_offsets {offsets}` by
//! `commit_offsets_ok {}`, `list_committed_offsets {keys}` by `list_committed_offsets_ok {offsets}`.
//!
//! Clients send and poll, half and half. Each polls the keys that it is assigned to, from behind what
//! it got last. An operation is one request, other than with Maelstrom:
//!
//! | function | request | what the client does |
//! |---|---|---|
//! | `send` | `send` | |
//! | `poll` | `poll` | goes on behind the highest offset that came |
//! | `commit_offsets` | `commit_offsets` | after each poll that brought something |
//! | `assign` | `list_committed_offsets` | goes on where it was, or from what was committed, or from 0 |
//! | `crash` | `list_committed_offsets` | forgets everything, then the same |
//!
//! A client that has no keys assigns itself to those that are written at the moment, since it would
//! poll nothing; Maelstrom's wait for the one operation in 64 that is an assignment (here 16). At the
//! end every worker crashes, takes all keys from 0 and polls until it has passed whatever is known.
//!
//! What is checked is what sends and polls say of the logs (`checkers::log`). Of committed offsets nothing is,
//! as with Maelstrom: clients go on from where they are told, whoever committed that, and a poll after
//! an assignment to a key that the client did not have before may begin anywhere.

mod clients;
mod exhibits;
mod op;
mod results;
#[cfg(test)]
mod tests;

use checkers::Event;
use proto::Json;
use serde::Serialize;
use simulator::Random;

use self::clients::{ActiveKeys, Clients};
use self::op::{KafkaOp, Offsets};
use super::{
    Checked, Conditions, Expected, Flag, Headline, Kind, OnError, Step, Stored, Worker, Workload,
    is,
};
use crate::wire::{Fields, Request, parse};

/// `--key-count`.
const KEY_COUNT: Flag = Flag {
    name: "key-count",
    value_name: "N",
    default: "10",
    help: "Keys that are written at the same time",
    check: |value| is::<u64>(value, "a number of keys from 1 to 32", |n| (1..=32).contains(n)),
};

/// `--max-writes-per-key`.
const MAX_WRITES_PER_KEY: Flag = Flag {
    name: "max-writes-per-key",
    value_name: "N",
    default: "16",
    help: "Messages of a key before the next one takes its place",
    check: |value| is::<u32>(value, "a number above 0", |n| *n > 0),
};

/// See the module.
pub(super) const KIND: Kind = Kind {
    name: "kafka",
    summary: "logs of messages that everybody sees in one order, without holes",
    workers_per_node: 1,
    flags: &[KEY_COUNT, MAX_WRITES_PER_KEY],
    figures: &[
        ("workload.send-count", "messages that were to be sent"),
        ("workload.acknowledged-count", "those that were acknowledged"),
        ("workload.polled-count", "different messages that somebody polled"),
        ("workload.unseen-count", "acknowledged messages that nobody polled"),
        ("workload.worst-realtime-lag.lag", "s for which a poll was behind what was known"),
    ],
    headline: Headline::Operations,
    stricter: "a polled message that nobody sent makes the run invalid, and keys that were not asked \
               for are malformed",
    begin: |conditions| Box::new(Kafka::new(conditions)),
};

/// See the module.
struct Kafka {
    clients: Clients,
}

impl Kafka {
    fn new(conditions: &Conditions<'_>) -> Self {
        let settings = conditions.settings;
        let keys = ActiveKeys::new(
            settings.get(&KEY_COUNT),
            settings.get::<u32>(&MAX_WRITES_PER_KEY).into(),
        );
        Self { clients: Clients::new(keys) }
    }
}

/// What always has a JSON form, such as a list of names.
fn json(value: &impl Serialize) -> Json {
    let text = serde_json::to_string(value).unwrap_or_default();
    Json::parse(&text).unwrap_or_else(|_| Json::null())
}

/// Fails when a reply is about a key that was not asked for.
fn only<'a>(
    field: &str,
    mut keys: impl Iterator<Item = &'a String>,
    asked: impl Fn(&String) -> bool,
) -> Result<(), String> {
    match keys.find(|key| !asked(key)) {
        Some(key) => Err(format!("`{field}`: key {key:?} was not asked for")),
        None => Ok(()),
    }
}

impl Workload for Kafka {
    type Op = KafkaOp;

    fn operation(&mut self, worker: Worker, random: &mut Random) -> KafkaOp {
        self.clients.operation(worker, random)
    }

    fn has_final_phase(&self) -> bool {
        true
    }

    fn final_operation(&mut self, worker: Worker) -> Option<KafkaOp> {
        self.clients.final_operation(worker)
    }

    fn ended(&mut self, worker: Worker, kind: checkers::Kind, op: &KafkaOp) {
        self.clients.ended(worker, kind, op);
    }

    fn on_error(&self, op: &KafkaOp) -> OnError {
        match op {
            KafkaOp::Poll { .. } | KafkaOp::Assign { .. } => OnError::Idempotent,
            KafkaOp::Send { .. } | KafkaOp::Commit { .. } => OnError::AsTheCodeSays,
            KafkaOp::Several { .. } | KafkaOp::Subscribe { .. } | KafkaOp::Debug => {
                OnError::AlwaysUnknown
            }
        }
    }

    fn request(&self, op: &KafkaOp) -> Request {
        match op {
            KafkaOp::Send { key, message, .. } => Request::new("send")
                .with("key", Json::from(key.as_str()))
                .with("msg", message.clone()),
            KafkaOp::Poll { from, .. } => Request::new("poll").with("offsets", json(from)),
            KafkaOp::Commit { offsets } => {
                Request::new("commit_offsets").with("offsets", json(offsets))
            }
            KafkaOp::Assign { keys, .. } => {
                Request::new("list_committed_offsets").with("keys", json(keys))
            }
            // No client of ours asks for these.
            KafkaOp::Several { .. } => Request::new("txn"),
            KafkaOp::Subscribe { .. } => Request::new("subscribe"),
            KafkaOp::Debug => Request::new("debug"),
        }
    }

    fn accept(&self, op: &mut KafkaOp, reply: &mut Fields<'_>) -> Result<(), String> {
        match op {
            KafkaOp::Send { offset, .. } => {
                *offset = Some(parse("offset", reply.take("offset")?)?);
            }
            KafkaOp::Poll { from, polled } => {
                let came = op::read_polled(reply.take("msgs")?)?;
                only("msgs", came.keys(), |key| from.contains_key(key))?;
                *polled = Some(came.into_iter().map(op::as_it_came).collect());
            }
            KafkaOp::Commit { .. }
            | KafkaOp::Several { .. }
            | KafkaOp::Subscribe { .. }
            | KafkaOp::Debug => {}
            KafkaOp::Assign { keys, committed, .. } => {
                let came = op::read_offsets(reply.take("offsets")?)?;
                only("offsets", came.keys(), |key| keys.contains(key))?;
                *committed = Some(came);
            }
        }
        Ok(())
    }

    fn restore(&self, stored: &Stored, asked: Option<&KafkaOp>) -> Result<KafkaOp, String> {
        op::restore(stored, asked)
    }

    fn check(&self, history: &[Event<KafkaOp>], _: &mut dyn FnMut() -> bool) -> Checked {
        results::check(history)
    }

    fn examination(&self) -> Vec<Step<KafkaOp>> {
        // A number, as the keys of a run are: there are programs that read them as such.
        let key = || "1".to_owned();
        let send = KafkaOp::Send { key: key(), message: Json::from(1000), offset: None };
        let poll = KafkaOp::Poll { from: Offsets::from([(key(), 0)]), polled: None };
        let has_message = |op: &KafkaOp| {
            let KafkaOp::Poll { polled: Some(polled), .. } = op else { return false };
            polled.iter().flat_map(|(_, messages)| messages).any(|(_, it)| *it == Json::from(1000))
        };
        let commit = KafkaOp::Commit { offsets: Offsets::from([(key(), 0)]) };
        let list = KafkaOp::Assign { crash: false, keys: vec![key()], committed: None };
        let is_committed = |op: &KafkaOp| {
            let KafkaOp::Assign { committed: Some(committed), .. } = op else { return false };
            committed.get("1") == Some(&0)
        };
        vec![
            Step::new(list.clone(), Expected::Reply),
            Step::new(send, Expected::Reply),
            Step::new(
                poll,
                Expected::that("the message 1000 was sent to key `1` before", has_message),
            ),
            Step::new(commit, Expected::Reply),
            Step::new(
                list,
                Expected::that("offset 0 of key `1` was committed before", is_committed),
            ),
        ]
    }
}
