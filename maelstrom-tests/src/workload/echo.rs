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
                "a node answered an echo with something else than it was sent".to_owned()
            }),
            Err(error) => Checked::malformed(&error),
        }
    }
}
