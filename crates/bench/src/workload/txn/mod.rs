//! Workloads txn-list-append and txn-rw-register: `txn {txn: [[f, key, value], ...]}` is answered by
//! `txn_ok {txn}`, the same micro-operations with what was read filled in. In the former `append`
//! puts a value at the end of a list and `r` reads the list, in the latter `w` sets a register and
//! `r` reads it; what was never written reads as null.
//!
//! What must hold of what clients read is up to `--consistency-models`: see
//! [`checkers::transactions`]. A reply whose micro-operations are not those of the request is
//! malformed, where Maelstrom does not notice (jepsen-io/maelstrom#14).

mod check;
mod cycles;
mod generator;
mod micro;
mod models;
mod unseen;

use checkers::Event;
use proto::Json;
use simulator::Random;

use self::generator::Generator;
use self::micro::{Micro, Txn};
use self::models::Models;
use super::{
    Checked, Conditions, Expected, Figure, Flag, Headline, Kind, Step, Stored, Worker, Workload, is,
};
use crate::wire::{Fields, Request};

/// `--key-count`.
const KEY_COUNT: Flag = Flag {
    name: "key-count",
    value_name: "N",
    default: "10",
    help: "Keys in use at once, each half as often as the next",
    check: |value| is::<usize>(value, "a number of keys above 0", |count| *count > 0),
};

/// `--max-txn-length`.
const MAX_TXN_LENGTH: Flag = Flag {
    name: "max-txn-length",
    value_name: "N",
    default: "4",
    help: "Most micro-operations of a transaction",
    check: |value| is::<u64>(value, "a number of micro-operations above 0", |most| *most > 0),
};

/// `--max-writes-per-key`.
const MAX_WRITES_PER_KEY: Flag = Flag {
    name: "max-writes-per-key",
    value_name: "N",
    default: "16",
    help: "Writes of one key before a new one takes its place",
    check: |value| is::<i64>(value, "a number of writes above 0", |most| *most > 0),
};

/// `--consistency-models`.
const CONSISTENCY_MODELS: Flag = Flag {
    name: "consistency-models",
    value_name: "LIST",
    default: "strict-serializable",
    help: "What must hold, separated by commas: strict-serializable, snapshot-isolation, \
           read-committed, ...",
    check: |value| value.parse::<Models>().map(drop),
};

/// Those of both workloads.
const FLAGS: &[Flag] = &[KEY_COUNT, MAX_TXN_LENGTH, MAX_WRITES_PER_KEY, CONSISTENCY_MODELS];

/// Those of both workloads.
const FIGURES: &[Figure] = &[
    ("workload.transaction-count", "transactions that were begun"),
    ("workload.committed-count", "those that are known to have happened"),
    ("workload.anomaly-counts.*", "anomalies of a kind; * is Elle's name of it"),
];

/// See the module.
pub(super) const LIST_APPEND: Kind = Kind {
    name: "txn-list-append",
    summary: "transactions that append to lists and read them",
    workers_per_node: 1,
    flags: FLAGS,
    figures: FIGURES,
    headline: Headline::Operations,
    stricter: "a reply whose micro-operations are not those of the request is malformed, and so is \
               a read that is no list",
    begin: |conditions| Box::new(Transactions::new(Objects::Lists, conditions)),
};

/// See the module.
pub(super) const RW_REGISTER: Kind = Kind {
    name: "txn-rw-register",
    summary: "transactions that write registers and read them",
    workers_per_node: 1,
    flags: FLAGS,
    figures: FIGURES,
    headline: Headline::Operations,
    stricter: "a reply whose micro-operations are not those of the request is malformed; for \
               models that speak of real time or of sessions, each register by itself has to be \
               linearizable or sequentially consistent, by which stale reads and write cycles are \
               found",
    begin: |conditions| Box::new(Transactions::new(Objects::Registers, conditions)),
};

/// What transactions are about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Objects {
    Lists,
    Registers,
}

impl Objects {
    /// The function that writes.
    const fn write(self) -> &'static str {
        match self {
            Self::Lists => "append",
            Self::Registers => "w",
        }
    }
}

/// See the module.
struct Transactions {
    objects: Objects,
    models: Models,
    generator: Generator,
}

impl Transactions {
    fn new(objects: Objects, conditions: &Conditions<'_>) -> Self {
        let settings = conditions.settings;
        let generator = Generator::new(
            objects.write(),
            settings.get(&KEY_COUNT),
            settings.get(&MAX_TXN_LENGTH),
            settings.get(&MAX_WRITES_PER_KEY),
        );
        Self { objects, models: settings.get(&CONSISTENCY_MODELS), generator }
    }
}

impl Workload for Transactions {
    type Op = Txn;

    fn operation(&mut self, _: Worker, random: &mut Random) -> Txn {
        self.generator.transaction(random)
    }

    fn keeps_clients(&self) -> bool {
        true
    }

    fn request(&self, op: &Txn) -> Request {
        Request::new("txn").with("txn", op.json())
    }

    fn accept(&self, op: &mut Txn, reply: &mut Fields<'_>) -> Result<(), String> {
        let done =
            Txn::read(self.objects, reply.take("txn")?).map_err(|flaw| format!("`txn`: {flaw}"))?;
        op.is_answered_by(&done).map_err(|flaw| format!("`txn`: {flaw}"))?;
        *op = done;
        Ok(())
    }

    fn restore(&self, stored: &Stored, _: Option<&Txn>) -> Result<Txn, String> {
        // Elle's own histories have nothing but transactions, and need not say so.
        if !matches!(&*stored.f, "txn" | "") {
            return Err(stored.unknown());
        }
        Txn::read(self.objects, &stored.text).map_err(|flaw| format!("`value`: {flaw}"))
    }

    fn check(&self, history: &[Event<Txn>], _: &mut dyn FnMut() -> bool) -> Checked {
        check::check(self.objects, &self.models, history)
    }

    fn examination(&self) -> Vec<Step<Txn>> {
        let read = |key| Micro::read(Json::from(key));
        let write = |key, value| Micro::write(self.objects.write(), Json::from(key), value);
        // What a key is read as after these values were written to it.
        let objects = self.objects;
        let state = move |written: &[i64]| match (objects, written) {
            (Objects::Lists, written) => Json::from(&serde_json::json!(written)),
            (Objects::Registers, [.., last]) => Json::from(*last),
            (Objects::Registers, []) => Json::null(),
        };
        let nothing = move |value: &Json| value.is_null() || *value == state(&[]);
        let value_at = |op: &Txn, place: usize| op.micros()[place].value.clone();
        let step = |micros: Vec<Micro>, expected| Step::new(Txn::new(micros), expected);
        vec![
            step(
                vec![read(0), read(1)],
                Expected::that(
                    "nothing was ever written, so both reads should be null",
                    move |op| (0..2).all(|place| nothing(&value_at(op, place))),
                ),
            ),
            step(vec![write(0, 1)], Expected::Reply),
            step(
                vec![read(0), write(0, 2), read(0)],
                Expected::that(
                    "a transaction reads what earlier ones wrote, then its own writes",
                    move |op| (value_at(op, 0), value_at(op, 2)) == (state(&[1]), state(&[1, 2])),
                ),
            ),
            step(
                vec![write(1, 1), read(1), read(0)],
                Expected::that("keys have nothing to do with each other", move |op| {
                    (value_at(op, 1), value_at(op, 2)) == (state(&[1]), state(&[1, 2]))
                }),
            ),
        ]
    }
}
