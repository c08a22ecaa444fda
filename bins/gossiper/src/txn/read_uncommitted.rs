//! `gossiper txn-read-uncommitted`: transactions whose writes can be seen as they happen, on a store
//! in which the last writer of each key wins.
//!
//! A transaction runs at once, on what the node has. Each of its writes goes to the store by itself,
//! and in a message of its own to the other nodes without delay; that it arrives is the business of
//! the replica, which repeats it. So others may see some writes of a transaction and not yet the
//! rest, and versions that the transaction itself replaces (G1b), which read uncommitted allows.

use crdt::LwwRegister;
use proto::txn::Micro;
use proto::{Context, Manual};

use super::{Function, Isolation, Stamp, Store, TxnNode, value};
use crate::crdt::help;
use crate::crdt::replica::Replica;

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
pub type ReadUncommittedNode = TxnNode<ReadUncommitted>;

/// Each write is told as it happens.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadUncommitted;

impl Isolation for ReadUncommitted {
    fn run(
        replica: &mut Replica<Store>,
        time: u64,
        txn: &mut [Micro<Function>],
        ctx: &mut Context<'_, TxnNode<Self>>,
    ) {
        for (place, Micro(function, key, content)) in (0..).zip(txn) {
            match function {
                Function::Write => {
                    let stamp = Stamp(time, replica.name().clone(), place);
                    let write = LwwRegister::written(stamp, content.clone());
                    let news = replica.update(Store::of(key.clone(), write), ctx);
                    replica.tell(&news, ctx);
                }
                Function::Read => *content = value(replica.state(), key),
            }
        }
    }
}
