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
use proto::txn::Micro;
use proto::{Context, Manual};

use super::{Function, Isolation, Stamp, Store, TxnNode, value};
use crate::crdt::help;
use crate::crdt::replica::Replica;

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
pub type ReadCommittedNode = TxnNode<ReadCommitted>;

/// What is written is told when it is final.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadCommitted;

impl Isolation for ReadCommitted {
    fn run(
        replica: &mut Replica<Store>,
        time: u64,
        txn: &mut [Micro<Function>],
        ctx: &mut Context<'_, TxnNode<Self>>,
    ) {
        let mut writes = Store::default();
        for (place, Micro(function, key, content)) in (0..).zip(txn) {
            match function {
                Function::Write => {
                    let stamp = Stamp(time, replica.name().clone(), place);
                    writes.write(key.clone(), stamp, content.clone());
                }
                Function::Read => {
                    let own = writes.get(key).and_then(LwwRegister::value).cloned();
                    *content = own.unwrap_or_else(|| value(replica.state(), key));
                }
            }
        }
        if !writes.is_empty() {
            replica.update(writes, ctx);
        }
    }
}
