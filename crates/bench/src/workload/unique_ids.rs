//! Workload unique-ids: `generate {}` is answered by `generate_ok {id}` with an id, any JSON, that
//! comes only once.

use std::cell::RefCell;
use std::rc::Rc;

use checkers::Event;
use checkers::unique::GenerateOp;
use proto::Json;
use simulator::Random;

use super::{Checked, Expected, Headline, Kind, Step, Stored, Worker, Workload};
use crate::wire::{Fields, Request};

/// See the module.
pub(super) const KIND: Kind = Kind {
    name: "unique-ids",
    summary: "nodes give out ids that no other node ever gives out",
    workers_per_node: 1,
    flags: &[],
    figures: &[
        ("workload.attempted-count", "ids that were asked for"),
        ("workload.acknowledged-count", "ids that came"),
        ("workload.duplicated-count", "different ids that came more than once"),
    ],
    headline: Headline::Operations,
    stricter: "a malformed line of a node makes the run invalid",
    begin: |_| Box::new(UniqueIds),
};

/// See the module.
struct UniqueIds;

impl Workload for UniqueIds {
    type Op = GenerateOp<Json>;

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
        match checkers::unique::check(history) {
            Ok(result) => Checked::new(result.verdict, &result, || {
                format!("{} ids were given out more than once", result.duplicated_count)
            }),
            Err(error) => Checked::malformed(&error),
        }
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
