//! `<node id>-<counter>`: the counter starts at 0 and rises by 1.
//!
//! Unique because
//! * the node id tells nodes apart (the counter has no dash, so the last dash of an id ends the
//!   node's name, whatever that contains), and
//! * a counter never shows the same number twice within one life of a node.
//!
//! Assumed: node ids differ; and a node that is restarted under the same id has a state directory,
//! where it finds from which number on it may count (see `reservation`).
//! Without one it would begin at 0 again and repeat itself. No clock is looked at.

use proto::{Context, Error, Node, Records};

use crate::reservation::Reservation;

/// Ids that are reserved with one synced record. At 10,000 ids a second (task 2-5) that is one a
/// second; a restart skips at most this many.
const BLOCK: u64 = 10_000;

/// The counter of one node.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    next: u64,
    reservation: Reservation,
}

impl Default for Counter {
    fn default() -> Self {
        Self { next: 0, reservation: Reservation::new("counter", BLOCK) }
    }
}

impl Counter {
    pub(crate) fn restore(&mut self, records: &Records) -> Result<(), Error> {
        self.next = self.reservation.restore(records)?;
        Ok(())
    }

    pub(crate) fn generate<N: Node>(&mut self, ctx: &mut Context<'_, N>) -> String {
        let number = self.next;
        self.next += 1;
        self.reservation.cover(number, ctx);
        format!("{}-{number}", ctx.id())
    }
}
