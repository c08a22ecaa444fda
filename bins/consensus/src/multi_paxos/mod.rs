//! `consensus multi-paxos`: the linearizable store of `lin-kv`, with its log kept by Multi-Paxos.
//!
//! | module | answers the question |
//! |---|---|
//! | [`body`] | what goes over the wire? |
//! | [`replica`] | what does the protocol decide, and when is it asked? |
//! | `durable` | what is stored, and what if it cannot be read? |
//! | [`watch`] | what must hold of a cluster after every event? |
//!
//! The store, and all that clients see, are those of the Raft node ([`crate::node::ServiceNode`]): a
//! ballot takes the place of a term.

use proto::Manual;

use crate::lin_kv::KeyValues;
use crate::multi_paxos::replica::Replica;
use crate::node::ServiceNode;

pub mod body;
mod durable;
pub mod replica;
pub mod watch;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "multi-paxos",
    summary: "a linearizable key-value store, replicated by Multi-Paxos",
    usage: "[--election-timeout MS] [--heartbeat MS] [--gather MS] [--compact-after N]",
    help: "\
It serves Maelstrom's workload `lin-kv`.

  --election-timeout MS  shortest wait for a leader before a node wants to lead; default 300
  --heartbeat MS         longest silence of a leader towards another node; default 100
  --gather MS            how long a leader gathers requests for one round; default 3
  --compact-after N      applied commands after which the log is compacted; default 1000
  --state-dir DIR        keep promises, accepted commands and snapshot in DIR/<node id>/, stored
                         before anybody hears of them. Nothing acknowledged is lost then, whoever is
                         killed. Without it a node that was killed must not come back: it would have
                         forgotten its promises, and what was acknowledged may be lost. If what is
                         in DIR cannot be read, or is of a cluster of other nodes, the node takes no
                         part in anything
",
};

/// The node.
pub type MultiPaxosNode = ServiceNode<KeyValues, Replica<KeyValues>>;
