//! Workload g-set: `add {element}` is answered by `add_ok {}`, `read {}` by `read_ok {value}`; every
//! worker reads at the end.

use checkers::Event;
use checkers::set::SetOp;
use proto::Json;
use simulator::Random;

use super::{Checked, Expected, Headline, Kind, OnError, Step, Stored, Worker, Workload, set};
use crate::wire::{Fields, Request};

/// See the module.
pub(super) const KIND: Kind = Kind {
    name: "g-set",
    summary: "a set that only grows",
    workers_per_node: 1,
    flags: &[],
    figures: set::FIGURES,
    headline: Headline::StableLatencies,
    stricter: set::STRICTER,
    begin: |_| Box::new(GSet::default()),
};

/// See the module.
#[derive(Default)]
struct GSet {
    next: i64,
    has_read: Vec<bool>,
    reads: set::Reads,
}

impl Workload for GSet {
    type Op = SetOp<Json>;

    fn operation(&mut self, _: Worker, random: &mut Random) -> SetOp<Json> {
        set::operation(&mut self.next, random)
    }

    fn has_final_phase(&self) -> bool {
        true
    }

    fn final_operation(&mut self, worker: Worker) -> Option<SetOp<Json>> {
        super::once(&mut self.has_read, worker).then_some(set::READ)
    }

    fn on_error(&self, _: &SetOp<Json>) -> OnError {
        OnError::AlwaysUnknown
    }

    fn request(&self, op: &SetOp<Json>) -> Request {
        match op {
            SetOp::Add { element } => Request::new("add").with("element", element.clone()),
            SetOp::Read { .. } => Request::new("read"),
        }
    }

    fn accept(&self, op: &mut SetOp<Json>, reply: &mut Fields<'_>) -> Result<(), String> {
        if let SetOp::Read { elements } = op {
            *elements = Some(reply.read("value", |text| self.reads.read(text))?);
        }
        Ok(())
    }

    fn restore(&self, stored: &Stored, asked: Option<&SetOp<Json>>) -> Result<SetOp<Json>, String> {
        set::restore("add", stored, asked, &self.reads)
    }

    fn check(&self, history: &[Event<SetOp<Json>>], _: &mut dyn FnMut() -> bool) -> Checked {
        set::check(history)
    }

    fn check_cut_short(
        &self,
        history: &[Event<SetOp<Json>>],
        _: &mut dyn FnMut() -> bool,
    ) -> Checked {
        set::check_cut_short(history)
    }

    fn examination(&self) -> Vec<Step<SetOp<Json>>> {
        let add = SetOp::Add { element: Json::from(1000) };
        vec![Step::new(add, Expected::Reply), Step::new(set::READ, set::has_1000())]
    }
}
