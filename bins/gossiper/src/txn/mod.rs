//! Transactions over registers: Maelstrom's workload txn-rw-register, and challenge 6 of Gossip
//! Glomers.
//!
//! | node | promises |
//! |---|---|
//! | [`single`] | strict serializability, on one node (6a) |
//! | [`read_uncommitted`] | read uncommitted, and always available (6b) |
//! | [`read_committed`] | read committed, and always available (6c) |
//!
//! The last two run a transaction at once where it is asked, on a [replica](crate::crdt::replica) of
//! a store in which the last writer of each key wins. All writes of a transaction have one stamp,
//! later than all that the node had seen before: so two transactions that write the same keys do so
//! in the same order everywhere, which is all that read uncommitted asks (no G0), and whatever a
//! transaction has read is earlier than what it writes, so that information never flows in a circle
//! (no G1c). What differs is when others see the writes.

use crdt::{LwwMap, LwwRegister};
use proto::Json;
use proto::txn::Message;
use serde::{Deserialize, Serialize};

use crate::crdt::replica::{ReplicaName, Step};

pub mod read_committed;
pub mod read_uncommitted;
mod replicated;
pub mod single;

pub use replicated::{Isolation, TxnNode};

/// What a micro-operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Function {
    /// Reads a register.
    #[serde(rename = "r")]
    Read,
    /// Writes a register.
    #[serde(rename = "w")]
    Write,
}

/// The messages of the nodes.
pub type Body = Message<Function>;

/// When and by which transaction something was written, and at which place of it.
///
/// The numbers are Lamport's clock: a node counts on from the highest that it has seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp(u64, ReplicaName, u32);

/// What is replicated.
pub type Store = LwwMap<Json, Stamp, Json>;

/// The value of a register; null if it was never written.
fn value(store: &Store, key: &Json) -> Json {
    store.get(key).and_then(LwwRegister::value).cloned().unwrap_or_else(Json::null)
}

/// Lamport's clock of a node.
#[derive(Clone, Copy, Debug, Default)]
struct Clock(u64);

impl Clock {
    /// Goes past all stamps of these writes.
    fn see(&mut self, writes: &Store) {
        let times = writes.iter().filter_map(|(_, register)| Some(register.stamp()?.0));
        self.0 = times.fold(self.0, u64::max);
    }

    /// The same for whatever a peer says.
    fn see_step(&mut self, step: &Step<Store>) {
        match step {
            Step::Delta { state, .. } | Step::Early { state } | Step::Differ { state } => {
                self.see(state);
            }
            Step::Ack { .. } | Step::Compare { .. } | Step::Agree { .. } => {}
        }
    }

    /// The time of a new transaction.
    fn tick(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
