//! Nodes whose state merges: every one answers at once from what it has, tells the others, and ends
//! up equal to them. The types are those of the crate [`crdt`]; what all nodes share is a
//! [`Replica`](replica::Replica), and that they are [one](node::ReplicaNode).
//!
//! | node | serves |
//! |---|---|
//! | [`g_set`] | Maelstrom's `g-set`; task 3-4-1 |
//! | [`g_counter`], [`pn_counter`] | Maelstrom's workloads of these names |
//! | [`two_phase_set`] | task 3-4-2 |
//! | [`lww`] | tasks 3-4-3 and 3-4-5 |
//! | [`version_vectors`] | task 3-4-4 |

/// What `--help` says about the flags that all these nodes have, before and after it.
macro_rules! help {
    ($about:literal) => {
        concat!(
            $about,
            "\
  --gossip-interval TIME  how long updates are collected before the other nodes are told
                          (default: 100ms)
  --state-dir DIR         keep the state in DIR/<node id>/, stored before a client hears of it, so
                          that a node that is killed and started again still has it; without it a
                          node that starts again gets what the others have
"
        )
    };
}
pub(crate) use help;

mod ascending;
pub mod counter;
pub mod g_counter;
pub mod g_set;
mod journal;
pub mod key_value;
pub mod lww;
pub mod node;
pub mod pn_counter;
pub mod replica;
pub mod two_phase_set;
pub mod version_vectors;
