//! The Gossiper: broadcast that loses nothing.
//!
//! A node keeps a set of values. Clients add to it and read it, and the nodes bring their sets
//! together. Three layers do that, and only the first one depends on the [strategy]:
//!
//! 1. **Spreading.** A new value is told to some peers, as the strategy says.
//! 2. **Links.** What a peer does not acknowledge in time is a failure: the value goes round that
//!    peer, and the two nodes compare what they have until that succeeds ([`link`]).
//! 3. **Comparing.** Digests find what two nodes lack of each other, and move only that
//!    ([`digest`]). Besides after failures, a node compares once with its *anchor* when nothing new
//!    has come for a while; the anchors connect all nodes, so that even what no link knows to be
//!    missing (an acknowledged value whose holder died) is found. Then there is silence.
//!
//! | file | what it does |
//! |---|---|
//! | [`node`] | the node: requests of clients, and which handler gets what |
//! | `peers` | messages of peers: values, acknowledgements, digests |
//! | `outbox` | what leaves for peers, and what happens when nothing comes back |
//! | [`message`] | all messages |
//! | [`value_set`], [`log`] | the values, their index, snapshots for readers |
//! | [`digest`] | comparing two sets |
//! | [`link`] | what is known of one peer |
//! | [`round_trip`] | how long a peer may take to answer |
//! | [`topology`] | who is there, neighbours, spanning trees |
//! | [`partition`] | the partition that a client asks for |
//! | [`strategy`] | the strategies, a file each |
//! | [`config`] | the command line |

pub mod config;
pub mod digest;
pub mod link;
pub mod log;
pub mod message;
pub mod node;
mod outbox;
pub mod partition;
mod peers;
pub mod round_trip;
pub mod strategy;
pub mod topology;
pub mod value_set;

pub use config::{Config, StrategyKind};
pub use message::Body;
pub use node::Gossiper;

use proto::{Arguments, Program};

/// The nodes that the program can be.
pub fn program() -> Program {
    let broadcast = |arguments: &mut Arguments| Ok(Gossiper::new(Config::parse(arguments)?));
    Program::new("gossiper", env!("CARGO_PKG_VERSION")).node(config::MANUAL, broadcast)
}
