//! Workload g-set: `add {element}` is answered by `add_ok {}`, `read {}` by `read_ok {value}`; every
//! worker reads at the end.

use checkers::{Event, Op};
use proto::Json;
use simulator::Random;

use super::{Checked, OnError, Worker, Workload, set};

/// See the module.
#[derive(Default)]
pub(super) struct GSet {
    next: i64,
}

impl Workload for GSet {
    fn operation(&mut self, _: Worker, random: &mut Random) -> Op<Json> {
        if random.chance(0.5) {
            return Op::ReadSet { elements: None };
        }
        self.next += 1;
        Op::Add { element: Json::from(self.next - 1) }
    }

    fn final_operation(&self) -> Option<Op<Json>> {
        Some(Op::ReadSet { elements: None })
    }

    fn on_error(&self, _: &Op<Json>) -> OnError {
        OnError::AlwaysUnknown
    }

    fn check(&self, history: &[Event<Json>], _: &mut dyn FnMut() -> bool) -> Checked {
        set::check(history)
    }
}
