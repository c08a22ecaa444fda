//! Ids by wall clock and a sequence number that begins anew with every millisecond: a clock that
//! jumps back shows milliseconds that were there before.

use corpus::bodies::IdBody;
use eddy::options::FaultKind;
use eddy::workload::registry::named;
use proto::{Caller, Context, Node};

use super::{Bug, runs};

#[derive(Default)]
struct ClockIds {
    millisecond: u64,
    sequence: u64,
}

impl Node for ClockIds {
    type Body = IdBody;
    type Token = ();

    fn request(&mut self, from: Caller, _: IdBody, ctx: &mut Context<'_, Self>) {
        let now = ctx.wall_clock_ms();
        self.sequence = if now == self.millisecond { self.sequence + 1 } else { 0 };
        self.millisecond = now;
        let id = format!("{}-{now}-{}", ctx.id(), self.sequence);
        ctx.reply(&from, IdBody::GenerateOk { id });
    }
}

#[test]
fn clock_finds_ids_that_trust_the_wall_clock() {
    let mut options = runs(named("unique-ids"), &[FaultKind::Clock]);
    // Many ids, so that a millisecond seen again is likely to be one with an id.
    options.rate = 500.0;
    let bug = Bug { options, durable: false, within: 10, make: ClockIds::default, invariant: None };
    bug.is_found();
    use FaultKind::{Duplicate, Kill, Loss, OneWay, Partition, Pause};
    bug.is_right_under(&[Partition, OneWay, Loss, Duplicate, Pause, Kill]);
}
