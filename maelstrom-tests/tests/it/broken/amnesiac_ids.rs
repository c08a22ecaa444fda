//! Ids counted in memory only: a node that was killed counts from 0 again.

use corpus::bodies::IdBody;
use eddy::options::FaultKind;
use eddy::workload::registry::named;
use proto::{Caller, Context, Node};

use super::{Bug, runs};

#[derive(Default)]
struct AmnesiacIds {
    next: u64,
}

impl Node for AmnesiacIds {
    type Body = IdBody;
    type Token = ();

    fn request(&mut self, from: Caller, _: IdBody, ctx: &mut Context<'_, Self>) {
        let id = format!("{}-{}", ctx.id(), self.next);
        self.next += 1;
        ctx.reply(&from, IdBody::GenerateOk { id });
    }
}

#[test]
fn kill_finds_ids_that_repeat_after_a_restart() {
    let bug = Bug {
        options: runs(named("unique-ids"), &[FaultKind::Kill]),
        durable: true,
        within: 5,
        make: AmnesiacIds::default,
        invariant: None,
    };
    bug.is_found();
    use FaultKind::{Clock, Duplicate, Loss, OneWay, Partition, Pause};
    bug.is_right_under(&[Partition, OneWay, Loss, Duplicate, Pause, Clock]);
}
