//! What a node is asked, workload by workload, and what a right answer is.

use std::collections::BTreeMap;
use std::sync::Arc;

use checkers::Op;
use proto::{ErrorCode, Json, NodeId};

use crate::options::WorkloadName;
use crate::world::Question;

/// One request and what may come back.
pub(super) struct Step {
    pub(super) question: Question,
    pub(super) expected: Expected,
}

/// What a right answer is.
pub(super) enum Expected {
    /// The reply of this request's type, with any result.
    Reply,
    /// The same with a result of which this holds; else it says what is wrong.
    Result(Rule),
    /// An error with this code.
    Error(ErrorCode),
}

/// Says what is wrong with a result.
type Rule = Box<dyn Fn(&Op<Json>) -> Option<String>>;

fn step(op: Op<Json>, expected: Expected) -> Step {
    Step { question: Question::Op(op), expected }
}

/// A reply of which `holds` is true; `should` says what it should be.
fn holds(should: &'static str, holds: impl Fn(&Op<Json>) -> bool + 'static) -> Expected {
    Expected::Result(Box::new(move |op| (!holds(op)).then(|| should.to_owned())))
}

/// One of each message of a workload, for a node that is alone in its cluster.
pub(super) fn steps(workload: WorkloadName, node: &NodeId) -> Vec<Step> {
    match workload {
        WorkloadName::Echo => {
            let sent = Json::from("Please echo 64 \u{2013} naïvely");
            let same =
                |op: &Op<Json>| matches!(op, Op::Echo { sent, got } if Some(sent) == got.as_ref());
            let expected = holds("`echo` is not what was sent", same);
            vec![step(Op::Echo { sent, got: None }, expected)]
        }
        WorkloadName::UniqueIds => {
            let generate = || step(Op::Generate { id: None }, Expected::Reply);
            vec![generate(), generate()]
        }
        WorkloadName::Broadcast => {
            let topology = Arc::new(BTreeMap::from([(node.clone(), Vec::new())]));
            vec![
                Step { question: Question::Topology(topology), expected: Expected::Reply },
                step(Op::Broadcast { message: Json::from(1000) }, Expected::Reply),
                read_set(),
            ]
        }
        WorkloadName::GSet => {
            vec![step(Op::Add { element: Json::from(1000) }, Expected::Reply), read_set()]
        }
        WorkloadName::GCounter | WorkloadName::PnCounter => {
            let is_integer = |op: &Op<Json>| matches!(op, Op::ReadCounter { value: Some(value) } if value.as_i64().is_some());
            let expected = holds("`value` is no integer", is_integer);
            let mut steps = vec![step(Op::AddDelta { delta: 3 }, Expected::Reply)];
            if workload == WorkloadName::PnCounter {
                steps.push(step(Op::AddDelta { delta: -1 }, Expected::Reply));
            }
            steps.push(step(Op::ReadCounter { value: None }, expected));
            steps
        }
        WorkloadName::LinKv => lin_kv(),
    }
}

fn read_set() -> Step {
    let expected = holds("the value 1000, which was added before, is not in it", |op| {
        let Op::ReadSet { elements: Some(elements) } = op else { return false };
        elements.contains(&Json::from(1000))
    });
    step(Op::ReadSet { elements: None }, expected)
}

fn lin_kv() -> Vec<Step> {
    let key = || Json::from(0);
    let cas = |from: i64, to: i64| Op::Cas { key: key(), from: from.into(), to: to.into() };
    let reads = |wanted: i64, should| {
        let right = move |op: &Op<Json>| matches!(op, Op::Read { value: Some(Some(value)), .. } if *value == Json::from(wanted));
        step(Op::Read { key: key(), value: None }, holds(should, right))
    };
    vec![
        step(Op::Read { key: key(), value: None }, Expected::Error(ErrorCode::KeyDoesNotExist)),
        step(cas(1, 2), Expected::Error(ErrorCode::KeyDoesNotExist)),
        step(Op::Write { key: key(), value: Json::from(1) }, Expected::Reply),
        reads(1, "1 was written before, and nothing else"),
        step(cas(7, 8), Expected::Error(ErrorCode::PreconditionFailed)),
        step(cas(1, 2), Expected::Reply),
        reads(2, "a compare-and-set from 1 to 2 succeeded before"),
    ]
}
