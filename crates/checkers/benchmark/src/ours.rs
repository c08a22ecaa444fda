//! The checker of this project.

use checkers::linearizable::RegisterOp;
use checkers::linearizable::{STATES_MAX, WorkLimit, check};
use checkers::{Event, Verdict};

use crate::{Check, timed};

pub(crate) fn prepare(history: Vec<Event<RegisterOp<u64>>>) -> Check {
    Box::new(move || {
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        timed(|| check(&history, &mut limit).is_ok_and(|result| result.verdict == Verdict::Valid))
    })
}
