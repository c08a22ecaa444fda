//! Workload echo: `echo {echo}` is answered by `echo_ok {echo}` with the same content.

use checkers::{Event, Op};
use proto::Json;
use simulator::Random;

use super::{Checked, Worker, Workload};

/// See the module.
pub(super) struct Echo;

impl Workload for Echo {
    fn operation(&mut self, _: Worker, random: &mut Random) -> Op<Json> {
        let text = format!("Please echo {}", random.below(128));
        Op::Echo { sent: Json::from(text.as_str()), got: None }
    }

    fn check(&self, history: &[Event<Json>], _: &mut dyn FnMut() -> bool) -> Checked {
        match checkers::echo::check(history) {
            Ok(result) => Checked::new(result.verdict, &result, || {
                let wrong = result.errors.len() - result.fail_count;
                let count = |number: usize, what| (number > 0).then(|| format!("{number} {what}"));
                let parts = [
                    count(wrong, "echoes are not what was sent"),
                    count(result.fail_count, "echoes were refused with an error"),
                ];
                parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
            }),
            Err(error) => Checked::malformed(&error),
        }
    }
}
