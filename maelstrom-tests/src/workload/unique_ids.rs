//! Workload unique-ids: `generate {}` is answered by `generate_ok {id}` with an id, any JSON, that
//! comes only once.

use checkers::{Event, Op};
use proto::Json;
use simulator::Random;

use super::{Checked, Worker, Workload};

/// See the module.
pub(super) struct UniqueIds;

impl Workload for UniqueIds {
    fn operation(&mut self, _: Worker, _: &mut Random) -> Op<Json> {
        Op::Generate { id: None }
    }

    fn keeps_clients(&self) -> bool {
        true
    }

    fn check(&self, history: &[Event<Json>], _: &mut dyn FnMut() -> bool) -> Checked {
        match checkers::unique::check(history) {
            Ok(result) => Checked::new(result.verdict, &result, || {
                format!("{} ids were given out more than once", result.duplicated_count)
            }),
            Err(error) => Checked::malformed(&error),
        }
    }
}
