//! `gossiper txn-read-uncommitted`: transactions whose writes can be seen as they happen, on a store
//! in which the last writer of each key wins.
//!
//! A transaction runs at once, on what the node has. Each of its writes goes to the store by itself,
//! and in a message of its own to the other nodes without delay; that it arrives is the business of
//! the replica, which repeats it. So others may see some writes of a transaction and not yet the
//! rest, and versions that the transaction itself replaces (G1b), which read uncommitted allows.

use crdt::LwwRegister;
use proto::{Arguments, Caller, Context, Manual, Node, Records, UsageError};

use super::{Body, Clock, Function, Micro, Stamp, Store, value};
use crate::crdt::help;
use crate::crdt::replica::{Replica, Replicated, Settings, Step};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "txn-read-uncommitted",
    summary: "transactions on registers, read uncommitted and always available",
    usage: "[--gossip-interval TIME]",
    help: help!(
        "\
It serves Maelstrom's workload txn-rw-register at read uncommitted, and challenge 6b of Gossip
Glomers: every transaction is answered at once by the node that is asked, whatever becomes of the
others, and each of its writes is told to them at once.

"
    ),
};

/// The node.
#[derive(Debug)]
pub struct ReadUncommittedNode {
    replica: Replica<Store>,
    clock: Clock,
}

impl ReadUncommittedNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let replica = Replica::new(Settings::parse(arguments)?);
        Ok(Self { replica, clock: Clock::default() })
    }

    /// The replica.
    pub fn replica(&self) -> &Replica<Store> {
        &self.replica
    }

    /// Runs a transaction: fills in what it reads, and keeps what it writes.
    fn run(&mut self, txn: &mut [Micro], ctx: &mut Context<'_, Self>) {
        let time = self.clock.tick();
        for (place, Micro(function, key, content)) in (0..).zip(txn) {
            match function {
                Function::Write => {
                    let stamp = Stamp(time, self.replica.name().clone(), place);
                    let write = LwwRegister::written(stamp, content.clone());
                    let news = self.replica.update(Store::of(key.clone(), write), ctx);
                    self.replica.tell(&news, ctx);
                }
                Function::Read => *content = value(self.replica.state(), key),
            }
        }
    }
}

impl Replicated for ReadUncommittedNode {
    type State = Store;

    fn message(step: Step<Self::State>) -> Body {
        Body::Replicate { step }
    }
}

impl Node for ReadUncommittedNode {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.replica.init(&restored, ctx);
        self.clock.see(self.replica.state());
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Some(error) = self.replica.refusal() {
            ctx.reply_error(&from, error.clone());
            return;
        }
        match body {
            Body::Txn { mut txn } => {
                self.run(&mut txn, ctx);
                ctx.reply(&from, Body::TxnOk { txn });
            }
            Body::Replicate { step } => {
                self.clock.see_step(&step);
                self.replica.receive(&from, step, ctx);
            }
            // A reply: it never comes as a request.
            Body::TxnOk { .. } => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.replica.timer(ctx);
    }
}
