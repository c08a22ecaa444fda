//! `gossiper txn-read-committed`: transactions that never see what is not final, on a store in which
//! the last writer of each key wins.
//!
//! A transaction runs at once, on what the node has and its own writes. Of what it writes only the
//! last of each key goes to the store and to the other nodes, all in one delta: nobody ever sees an
//! intermediate version (no G1b), and nothing is taken back (no G1a).
//!
//! It is no more than read committed: two transactions on two nodes read the same and both overwrite
//! it (lost update), and reads may be old.

use crdt::LwwRegister;
use proto::{Arguments, Caller, Context, Manual, Node, Records, UsageError};

use super::{Body, Clock, Function, Micro, Stamp, Store, value};
use crate::crdt::help;
use crate::crdt::replica::{Replica, Replicated, Settings, Step};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "txn-read-committed",
    summary: "transactions on registers, read committed and always available",
    usage: "[--gossip-interval TIME]",
    help: help!(
        "\
It serves Maelstrom's workload txn-rw-register at read committed, and challenge 6c of Gossip Glomers:
every transaction is answered at once by the node that is asked, whatever becomes of the others.
Of two transactions that write a key at the same time one loses its write.

"
    ),
};

/// The node.
#[derive(Debug)]
pub struct ReadCommittedNode {
    replica: Replica<Store>,
    clock: Clock,
}

impl ReadCommittedNode {
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
        let mut writes = Store::default();
        let time = self.clock.tick();
        for (place, Micro(function, key, content)) in (0..).zip(txn) {
            match function {
                Function::Write => {
                    let stamp = Stamp(time, self.replica.name().clone(), place);
                    writes.write(key.clone(), stamp, content.clone());
                }
                Function::Read => {
                    let own = writes.get(key).and_then(LwwRegister::value).cloned();
                    *content = own.unwrap_or_else(|| value(self.replica.state(), key));
                }
            }
        }
        if !writes.is_empty() {
            self.replica.update(writes, ctx);
        }
    }
}

impl Replicated for ReadCommittedNode {
    type State = Store;

    fn message(step: Step<Self::State>) -> Body {
        Body::Replicate { step }
    }
}

impl Node for ReadCommittedNode {
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
