//! The crate `adya`, the youngest independent port of Elle.

use std::time::{Duration, Instant};

use adya::history::{History, Id, Mop, Op, OpType, ReadValue, Scalar};
use adya::{Opts, Valid, Workload};
use checkers::transactions::list_append;

use super::generator::{Generator, Lists};

pub(super) fn check(
    generator: &mut Generator,
    transactions: usize,
    is_register: bool,
) -> (bool, Vec<String>, Duration) {
    let transactions: Vec<Lists> = (0..transactions).map(|_| generator.next()).collect();
    let history = history(&transactions, is_register);
    drop(transactions);
    let workload = if is_register { Workload::RwRegister } else { Workload::ListAppend };
    let options = Opts {
        models: vec!["strict-serializable".to_owned()],
        timeout: super::LIMIT,
        wfr_keys: true,
        ..Opts::default()
    };
    let start = Instant::now();
    let report = adya::check(&history, workload, &options);
    let kinds = report.anomalies.iter().map(|(kind, found)| format!("{kind}({})", found.len()));
    (report.valid == Valid::True, kinds.collect(), start.elapsed())
}

/// Invocations and completions in the order of their moments.
fn history(transactions: &[Lists], is_register: bool) -> History {
    let mut events: Vec<(u64, usize, bool)> = transactions
        .iter()
        .enumerate()
        .flat_map(|(place, transaction)| {
            [(transaction.call.invoked, place, false), (transaction.call.completed, place, true)]
        })
        .collect();
    events.sort_unstable();
    let mut history = History::default();
    let mut invoked = vec![0; transactions.len()];
    for (place, &(_, transaction, is_completion)) in events.iter().enumerate() {
        let Lists { call, ops } = &transactions[transaction];
        let mut value = Vec::new();
        for op in ops {
            value.push(mop(&mut history, op, is_completion, is_register));
        }
        history.ops.push(Op {
            index: place as u64,
            kind: if is_completion { OpType::Ok } else { OpType::Invoke },
            process: Some(call.process as i64),
            value,
            time: Some(place as i64),
        });
        history.pair.push(None);
        if is_completion {
            history.pair[place] = Some(invoked[transaction]);
            history.pair[invoked[transaction]] = Some(place);
        } else {
            invoked[transaction] = place;
        }
    }
    history
}

fn mop(
    history: &mut History,
    op: &list_append::Op<i64, i64>,
    is_known: bool,
    is_register: bool,
) -> Mop {
    let mut id = |number: i64| -> Id { history.interner.intern(Scalar::Int(number)) };
    match op {
        list_append::Op::Append { key, element } if is_register => {
            Mop::Write { key: id(*key), value: id(*element) }
        }
        list_append::Op::Append { key, element } => {
            Mop::Append { key: id(*key), value: id(*element) }
        }
        list_append::Op::Read { key, elements } => {
            let value = match elements {
                Some(list) if is_known && is_register => {
                    ReadValue::Scalar(id(list.last().copied().unwrap_or_default()))
                }
                Some(list) if is_known => {
                    ReadValue::List(list.iter().map(|&element| id(element)).collect())
                }
                _ => ReadValue::Nil,
            };
            Mop::Read { key: id(*key), value }
        }
    }
}
