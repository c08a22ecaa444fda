//! Workloads g-counter and pn-counter: `add {delta}` is answered by `add_ok {}`, `read {}` by
//! `read_ok {value}`; every worker reads at the end.

use checkers::{Event, Op};
use proto::Json;
use simulator::Random;

use super::{Checked, OnError, Worker, Workload};

/// See the module.
pub(super) struct Counter {
    /// Whether only additions of zero and more are made.
    pub(super) grow_only: bool,
}

impl Workload for Counter {
    fn operation(&mut self, _: Worker, random: &mut Random) -> Op<Json> {
        // Maelstrom throws negative additions of a g-counter away and draws again, reads included.
        loop {
            if random.chance(0.5) {
                return Op::ReadCounter { value: None };
            }
            let delta = random.below(10) as i64 - 5;
            if delta >= 0 || !self.grow_only {
                return Op::AddDelta { delta };
            }
        }
    }

    fn final_operation(&self) -> Option<Op<Json>> {
        Some(Op::ReadCounter { value: None })
    }

    fn on_error(&self, _: &Op<Json>) -> OnError {
        OnError::AlwaysUnknown
    }

    fn check(&self, history: &[Event<Json>], _: &mut dyn FnMut() -> bool) -> Checked {
        match checkers::counter::check(history, |value| value.as_i64().map(i128::from)) {
            Ok(result) => Checked::new(result.verdict, &result, || {
                format!("{} final reads show a sum that cannot be", result.errors.len())
            }),
            Err(error) => Checked::malformed(&error),
        }
    }
}
