//! Workload unique-ids: `generate {}` is answered by `generate_ok {id}` with an id, any JSON, that
//! comes only once.

use std::cell::RefCell;
use std::rc::Rc;

use checkers::unique::GenerateOp;
use checkers::{Event, Kind as EventKind, Operation, operations};
use proto::{Json, NodeId};
use simulator::Random;

use super::id_causality::IdCausality;
use super::settings::{Flag, is};
use super::{Checked, Conditions, Expected, Headline, Kind, Step, Stored, Watch, Worker, Workload};
use crate::exhibit::{Clue, Highlight, Lead, Shown, describe, shorten};
use crate::wire::{Fields, Request};

/// `--causal-ids`.
const CAUSAL_IDS: Flag = Flag {
    name: "causal-ids",
    value_name: "",
    default: "false",
    help: "Follow the messages between nodes too: every id has to be higher than all that its node could \
           have heard of before. Numbers in ids are compared by value, what stands between them as text",
    check: |value| is::<bool>(value, "true or false", |_| true),
};

/// See the module.
pub(super) const KIND: Kind = Kind {
    name: "unique-ids",
    summary: "nodes give out ids that no other node ever gives out",
    workers_per_node: 1,
    flags: &[CAUSAL_IDS],
    figures: &[
        ("workload.attempted-count", "ids that were asked for"),
        ("workload.acknowledged-count", "ids that came"),
        ("workload.duplicated-count", "different ids that came more than once"),
        ("messages.pairs-across-nodes", "pairs of ids of two nodes that messages order"),
    ],
    headline: Headline::Operations,
    stricter: "a malformed line of a node makes the run invalid",
    begin: |conditions| Box::new(UniqueIds::new(conditions)),
};

/// See the module.
struct UniqueIds {
    /// Whether ids are to respect causality.
    is_causal: bool,
}

impl UniqueIds {
    fn new(conditions: &Conditions<'_>) -> Self {
        Self { is_causal: conditions.settings.get(&CAUSAL_IDS) }
    }
}

/// How many operations that got the same id are shown.
const SHOWN_MAX: usize = 3;

/// An id that came so many times.
fn lead(id: &Json, times: usize, operations: &[Operation<'_, GenerateOp<Json>>]) -> Lead {
    let got_it = |operation: &&Operation<'_, _>| {
        let GenerateOp { id: got } = operation.op();
        operation.outcome() == EventKind::Ok && got.as_ref() == Some(id)
    };
    let shown: Vec<_> = operations.iter().filter(got_it).take(SHOWN_MAX).collect();
    let tell = |operation: &&Operation<'_, _>| {
        Shown::new(operation, describe(operation.asked, operation.op(), EventKind::Ok))
    };
    Lead {
        text: format!("{} was given out {times} times.", shorten(&id.to_string(), 80)),
        time: shown.last().map_or(0, |operation| operation.invocation.time),
        operations: shown.iter().map(tell).collect(),
        clue: Clue::Repeated { value: id.clone(), times: times as u64, at_once: false },
    }
}

impl Workload for UniqueIds {
    type Op = GenerateOp<Json>;

    fn watch(&self, nodes: &[NodeId]) -> Option<Box<dyn Watch>> {
        self.is_causal.then(|| Box::new(IdCausality::new(nodes)) as Box<dyn Watch>)
    }

    fn operation(&mut self, _: Worker, _: &mut Random) -> GenerateOp<Json> {
        GenerateOp { id: None }
    }

    fn keeps_clients(&self) -> bool {
        true
    }

    fn request(&self, _: &GenerateOp<Json>) -> Request {
        Request::new("generate")
    }

    fn accept(&self, op: &mut GenerateOp<Json>, reply: &mut Fields<'_>) -> Result<(), String> {
        op.id = Some(reply.json("id")?);
        Ok(())
    }

    fn restore(
        &self,
        stored: &Stored,
        _: Option<&GenerateOp<Json>>,
    ) -> Result<GenerateOp<Json>, String> {
        match &*stored.f {
            "generate" => Ok(GenerateOp { id: stored.came_back() }),
            _ => Err(stored.unknown()),
        }
    }

    fn check(&self, history: &[Event<GenerateOp<Json>>], _: &mut dyn FnMut() -> bool) -> Checked {
        let found = checkers::unique::check_by(history, Json::cmp_by_value);
        let (result, operations) = match (found, operations(history)) {
            (Ok(result), Ok(operations)) => (result, operations),
            (Err(error), _) | (_, Err(error)) => return Checked::malformed(&error),
        };
        let mut checked = Checked::new(result.verdict, &result, || {
            format!("{} ids were given out more than once", result.duplicated_count)
        });
        checked.highlights.push(Highlight::Count {
            name: "ids".to_owned(),
            count: result.acknowledged_count as u64,
            of_these: vec![(result.duplicated_count as u64, "came more than once".to_owned())],
        });
        checked.lead = result.duplicated.first().map(|(id, times)| lead(id, *times, &operations));
        checked
    }

    fn examination(&self) -> Vec<Step<GenerateOp<Json>>> {
        let given = Rc::new(RefCell::new(Vec::new()));
        let generate = || {
            let given = Rc::clone(&given);
            let is_new = move |op: &GenerateOp<Json>| {
                let id = op.id.clone()?;
                if given.borrow().contains(&id) {
                    return Some(format!("the id {id} was given out before"));
                }
                given.borrow_mut().push(id);
                None
            };
            Step::new(GenerateOp { id: None }, Expected::Result(Box::new(is_new)))
        };
        vec![generate(), generate()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_and_the_highest_id_are_so_by_their_value() {
        let range = |ids: &[&str]| {
            let events = ids.iter().enumerate().flat_map(|(place, id)| {
                let id = Json::parse(id).unwrap().distinguishing_floats();
                [(EventKind::Invoke, None), (EventKind::Ok, Some(id))].map(|(kind, id)| {
                    let index = 2 * place as u64 + u64::from(kind == EventKind::Ok);
                    Event::of_client(index, index, 0, kind, GenerateOp { id })
                })
            });
            let checked =
                UniqueIds { is_causal: false }.check(&events.collect::<Vec<_>>(), &mut || false);
            checked.results["range"].to_string()
        };
        let large = ["9223372036854775817", "10000000000000000000", "3", "2.5", "11"];
        assert_eq!(range(&large), "[2.5,10000000000000000000]");
        assert_eq!(range(&["-0.5", "7", "-3"]), "[-3,7]");
        assert_eq!(range(&["\"b\"", "1e3", "\"a c\"", "999"]), r#"[999,"b"]"#);
    }
}
