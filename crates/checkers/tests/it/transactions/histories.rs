//! Random histories of transactions, from a seed: what a store of many faults answers.

use std::collections::BTreeMap;

use checkers::transactions::{Call, Outcome, Transaction, list_append, rw_register};

use crate::generator::Random;

pub(crate) type Lists = Vec<Transaction<list_append::Op<u32, u32>>>;
pub(crate) type Registers = Vec<Transaction<rw_register::Op<u32, u32>>>;

/// What a random history looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) transactions: usize,
    pub(crate) clients: usize,
    pub(crate) keys: u64,
    pub(crate) ops_max: u64,
    /// Of 100 transactions, how many fail, and how many have an unknown outcome.
    pub(crate) failed_percent: u64,
    pub(crate) unknown_percent: u64,
    /// How well the store isolates transactions.
    pub(crate) store: Store,
    /// A read comes before every write of a key, as a register's version order needs it.
    pub(crate) reads_first: bool,
}

/// How a store isolates transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// A transaction takes effect at one moment between its beginning and its end.
    Serial,
    /// Each transaction as it pleases: writes at once or in the end; reads of what is there, of a
    /// snapshot, or of an older one.
    Careless,
}

type State = BTreeMap<u32, Vec<u32>>;

/// A transaction under way.
struct Running {
    call: Call,
    plan: Vec<(u32, bool)>,
    ops: Vec<list_append::Op<u32, u32>>,
    own: Vec<(u32, u32)>,
    view: Option<State>,
    writes_at_once: bool,
    takes_effect: bool,
}

/// A history of appends.
pub(crate) fn lists(random: &mut Random, shape: Shape) -> Lists {
    let mut state = State::new();
    let mut past = vec![state.clone()];
    let mut running: Vec<Option<Running>> = (0..shape.clients).map(|_| None).collect();
    let mut processes: Vec<u64> = (0..shape.clients as u64).collect();
    let mut next_element = 0;
    let mut begun = 0;
    let mut history = Vec::new();
    let mut now = 0;
    while begun < shape.transactions || running.iter().any(Option::is_some) {
        now += 1;
        let client = random.below(shape.clients as u64) as usize;
        let Some(transaction) = &mut running[client] else {
            if begun < shape.transactions {
                begun += 1;
                running[client] = Some(begin(random, shape, processes[client], now, &past));
            }
            continue;
        };
        let is_serial = shape.store == Store::Serial;
        if transaction.plan.is_empty() || is_serial && random.percent(50) {
            let mut transaction = running[client].take().unwrap();
            let plan = std::mem::take(&mut transaction.plan);
            for (key, is_write) in plan {
                step(&mut transaction, key, is_write, &mut state, &mut next_element);
            }
            if transaction.takes_effect && !transaction.writes_at_once {
                for &(key, element) in &transaction.own {
                    state.entry(key).or_default().push(element);
                }
            }
            if !is_serial {
                past.push(state.clone());
            }
            transaction.call.completed = now;
            if transaction.call.outcome == Outcome::Info {
                processes[client] += shape.clients as u64;
            }
            history.push(Transaction { call: transaction.call, ops: transaction.ops });
        } else if !is_serial {
            let (key, is_write) = transaction.plan.remove(0);
            step(transaction, key, is_write, &mut state, &mut next_element);
            past.push(state.clone());
        }
    }
    history
}

fn begin(random: &mut Random, shape: Shape, process: u64, now: u64, past: &[State]) -> Running {
    let mut plan = Vec::new();
    for _ in 0..=random.below(shape.ops_max) {
        let key = random.below(shape.keys) as u32;
        let is_write = random.percent(50);
        if is_write && shape.reads_first && !plan.contains(&(key, false)) {
            plan.push((key, false));
        }
        plan.push((key, is_write));
    }
    let outcome = match random.below(100) {
        draw if draw < shape.failed_percent => Outcome::Fail,
        draw if draw < shape.failed_percent + shape.unknown_percent => Outcome::Info,
        _ => Outcome::Ok,
    };
    let is_careless = shape.store == Store::Careless;
    let view = match random.below(3) {
        0 if is_careless => past.last().cloned(),
        1 if is_careless => Some(past[random.below(past.len() as u64) as usize].clone()),
        _ => None,
    };
    Running {
        call: Call { process, invoked: now, completed: now, outcome },
        plan,
        ops: Vec::new(),
        own: Vec::new(),
        view,
        writes_at_once: is_careless && random.percent(50),
        takes_effect: match outcome {
            Outcome::Ok => true,
            Outcome::Info => random.percent(50),
            Outcome::Fail => is_careless && random.percent(20),
        },
    }
}

fn step(transaction: &mut Running, key: u32, is_write: bool, state: &mut State, next: &mut u32) {
    if is_write {
        *next += 1;
        transaction.own.push((key, *next));
        transaction.ops.push(list_append::Op::Append { key, element: *next });
        if transaction.writes_at_once && transaction.takes_effect {
            state.entry(key).or_default().push(*next);
        }
        return;
    }
    let view = transaction.view.as_ref().unwrap_or(state);
    let mut elements = view.get(&key).cloned().unwrap_or_default();
    for &(own_key, element) in &transaction.own {
        if own_key == key && !elements.contains(&element) {
            elements.push(element);
        }
    }
    let is_known = transaction.call.outcome == Outcome::Ok;
    let elements = (is_known && !elements.is_empty()).then_some(elements);
    transaction.ops.push(list_append::Op::Read { key, elements });
}

/// The same history as of registers: the last element of a list is the value of a register.
pub(crate) fn registers(lists: &Lists) -> Registers {
    let convert = |op: &list_append::Op<u32, u32>| match op {
        list_append::Op::Append { key, element } => {
            rw_register::Op::Write { key: *key, value: *element }
        }
        list_append::Op::Read { key, elements } => {
            let value = elements.as_ref().and_then(|list| list.last().copied());
            rw_register::Op::Read { key: *key, value }
        }
    };
    lists
        .iter()
        .map(|transaction| Transaction {
            call: transaction.call,
            ops: transaction.ops.iter().map(convert).collect(),
        })
        .collect()
}

/// Changes one read of a committed transaction. False if there is none.
pub(crate) fn tamper(random: &mut Random, history: &mut Lists) -> bool {
    let places: Vec<(usize, usize)> = history
        .iter()
        .enumerate()
        .filter(|(_, transaction)| transaction.call.outcome == Outcome::Ok)
        .flat_map(|(place, transaction)| (0..transaction.ops.len()).map(move |op| (place, op)))
        .filter(|&(place, op)| matches!(history[place].ops[op], list_append::Op::Read { .. }))
        .collect();
    if places.is_empty() {
        return false;
    }
    let (place, op) = places[random.below(places.len() as u64) as usize];
    let list_append::Op::Read { elements, .. } = &mut history[place].ops[op] else { return false };
    let mut list = elements.take().unwrap_or_default();
    let before = list.clone();
    let length = list.len() as u64;
    match random.below(5) {
        0 => list.truncate(random.below(length + 1) as usize),
        1 if length > 0 => drop(list.remove(random.below(length) as usize)),
        2 if length > 1 => list.swap(0, random.below(length) as usize),
        3 if length > 0 => list.push(list[random.below(length) as usize]),
        _ => list.push(random.below(8) as u32 + 1),
    }
    let is_changed = list != before;
    *elements = (!list.is_empty()).then_some(list);
    is_changed
}
