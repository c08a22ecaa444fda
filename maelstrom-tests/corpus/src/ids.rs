//! Ids in the manner of Snowflake (Twitter, 2010): milliseconds, a number of the machine, a number within
//! the millisecond. The time is never before the last one used, and what a restart may have used is noted
//! beforehand. Each decision that somebody once got wrong is a method of [`Rules`].

use std::marker::PhantomData;

use proto::{AnyNode, Caller, Context, Node, Records};
use rand::RngExt as _;

use crate::bodies::IdBody;
use crate::{Bug, runs};

/// How far beyond the time in use the note is that a restart begins from.
const NOTED_AHEAD_MS: u64 = 1_000;
const NOTE: &str = "until";

/// What a node decides.
pub trait Rules: Default + 'static {
    /// The time of the next id, in milliseconds, of a node that used `last` before.
    fn time(wall_clock_ms: u64, last: u64) -> u64 {
        wall_clock_ms.max(last)
    }

    /// Whether it is noted which times may have been used before a restart.
    fn notes() -> bool {
        true
    }

    /// The number of a machine.
    fn machine(place: usize, name: &str) -> u64 {
        let _ = name;
        place as u64
    }

    /// The number of the next id within a millisecond after `last`; nothing if there is none.
    fn sequence(last: u64) -> Option<u64> {
        last.checked_add(1).filter(|next| *next < 1 << 12)
    }

    /// Makes ids of chance alone, of so many bits.
    fn random_bits() -> Option<u32> {
        None
    }
}

/// A node.
#[derive(Default, Debug)]
pub struct Ids<R> {
    time: u64,
    sequence: u64,
    noted: u64,
    rules: PhantomData<R>,
}

impl<R: Rules> Ids<R> {
    fn next(&mut self, ctx: &mut Context<'_, Self>) -> String {
        if let Some(bits) = R::random_bits() {
            return (ctx.random().random::<u64>() >> (64 - bits)).to_string();
        }
        let time = R::time(ctx.wall_clock_ms(), self.time);
        (self.time, self.sequence) = match (time == self.time, R::sequence(self.sequence)) {
            (false, _) => (time, 0),
            (true, Some(next)) => (time, next),
            (true, None) => (time + 1, 0),
        };
        if R::notes() && self.time >= self.noted {
            self.noted = self.time + NOTED_AHEAD_MS;
            ctx.put(NOTE, self.noted.to_string());
        }
        let place = ctx.node_ids().iter().position(|id| id == ctx.id()).unwrap_or(0);
        let machine = R::machine(place, ctx.id().as_str());
        format!("{}-{machine}-{}", self.time, self.sequence)
    }
}

impl<R: Rules> Node for Ids<R> {
    type Body = IdBody;
    type Token = ();

    fn init(&mut self, restored: Records, _: &mut Context<'_, Self>) {
        let noted = restored.get(NOTE.as_bytes()).map(|note| String::from_utf8_lossy(note).parse());
        if let Some(Ok(noted)) = noted {
            (self.time, self.noted) = (noted, noted);
        }
    }

    fn request(&mut self, from: Caller, _: IdBody, ctx: &mut Context<'_, Self>) {
        let id = self.next(ctx);
        ctx.reply(&from, IdBody::GenerateOk { id });
    }
}

/// A bug of such a node, but for what is said of it.
pub(crate) const fn bug<R: Rules>() -> Bug {
    Bug {
        workload: "unique-ids",
        run: runs::IDS,
        durable: true,
        seen_by: "unique-ids",
        make: || AnyNode::new(Ids::<R>::default()),
        ..Bug::NONE
    }
}

/// Ids as they should be.
#[derive(Default, Debug)]
pub struct Right;

impl Rules for Right {}
