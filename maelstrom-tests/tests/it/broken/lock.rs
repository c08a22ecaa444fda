//! A lock with a master: the first of the nodes, in their order, that was heard of lately. It tells the
//! others who holds what, so that the next one knows when it has to take over. Nothing tells an old
//! master that it was replaced: one that was stalled goes on where it was.

use std::collections::BTreeMap;
use std::time::Duration;

use eddy::options::FaultKind;
use eddy::workload::registry::named;
use proto::{Caller, Context, Error, ErrorCode, Json, Node, Records, Time};
use serde::{Deserialize, Serialize};

use super::{Bug, runs};

/// How often the master is heard of, and for how long it may be silent.
const BEAT: Duration = Duration::from_millis(100);
const SILENCE_MAX: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Acquire { key: Json, holder: Json },
    AcquireOk,
    Release { key: Json, holder: Json },
    ReleaseOk,
    Held { held: Vec<(Json, Json)> },
}

#[derive(Default)]
struct NextInLine {
    held: BTreeMap<Json, Json>,
    /// When each node before this one was last heard of.
    heard: Vec<Time>,
    is_master: bool,
}

impl NextInLine {
    fn rank(ctx: &Context<'_, Self>) -> usize {
        ctx.node_ids().iter().position(|node| node == ctx.id()).unwrap_or(0)
    }

    fn is_master(&mut self, ctx: &Context<'_, Self>) -> bool {
        self.is_master = self.heard.iter().all(|heard| ctx.now().since(*heard) > SILENCE_MAX);
        self.is_master
    }

    fn tell(&self, ctx: &mut Context<'_, Self>) {
        ctx.broadcast(Body::Held { held: self.held.clone().into_iter().collect() });
    }
}

impl Node for NextInLine {
    type Body = Body;
    type Token = ();

    fn init(&mut self, _: Records, ctx: &mut Context<'_, Self>) {
        self.heard = vec![ctx.now(); Self::rank(ctx)];
        ctx.set_timer(BEAT, ());
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Body::Held { held } = body {
            let rank = ctx.node_ids().iter().position(|node| *node == from.id);
            if let Some(heard) = rank.and_then(|rank| self.heard.get_mut(rank)) {
                *heard = ctx.now();
                self.held = held.into_iter().collect();
            }
            return;
        }
        if !self.is_master(ctx) {
            let error = Error::new(ErrorCode::TemporarilyUnavailable, "not the master");
            return ctx.reply_error(&from, error);
        }
        let done = match body {
            Body::Acquire { key, holder } if !self.held.contains_key(&key) => {
                self.held.insert(key, holder);
                Body::AcquireOk
            }
            Body::Release { key, holder } if self.held.get(&key) == Some(&holder) => {
                self.held.remove(&key);
                Body::ReleaseOk
            }
            _ => {
                let error = Error::new(ErrorCode::PreconditionFailed, "somebody else has it");
                return ctx.reply_error(&from, error);
            }
        };
        self.tell(ctx);
        ctx.reply(&from, done);
    }

    fn is_leader(&self) -> bool {
        self.is_master
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        if self.is_master(ctx) {
            self.tell(ctx);
        }
        ctx.set_timer(BEAT, ());
    }
}

fn bug(nemesis: &[FaultKind]) -> Bug<NextInLine> {
    let options = runs(named("lock"), nemesis);
    Bug { options, durable: false, within: 10, make: NextInLine::default, invariant: None }
}

#[test]
fn kill_finds_a_lock_that_is_forgotten() {
    bug(&[FaultKind::Kill]).is_found();
}

#[test]
fn stall_finds_a_master_that_does_not_know_that_it_was_replaced() {
    bug(&[FaultKind::Stall]).is_found();
}
