//! `gossiper broadcast`: a set of values that every node gets and none loses.
//!
//! Clients add to the set and read it, and the nodes bring their sets together. Three layers do
//! that, and only the first one depends on the [strategy]:
//!
//! 1. **Spreading.** A new value is told to some peers, as the strategy says.
//! 2. **Links.** What a peer does not acknowledge in time is a failure: the value goes round that
//!    peer, and the two nodes compare what they have until that succeeds ([`link`]).
//! 3. **Comparing.** Digests find what two nodes lack of each other, and move only that
//!    ([`digest`](crate::digest)). Besides after failures, a node compares once with its *anchor*
//!    when nothing new has come for a while; the anchors connect all nodes, so that even what no
//!    link knows to be missing (an acknowledged value whose holder died) is found. Then there is
//!    silence.
//!
//! | file | what it does |
//! |---|---|
//! | [`node`] | the node: requests of clients, and which handler gets what |
//! | `peers` | messages of peers: values, acknowledgements, digests |
//! | `outbox` | what leaves for peers, and what happens when nothing comes back |
//! | [`message`] | all messages |
//! | [`link`] | what is known of one peer |
//! | [`links`] | the links to all peers, and which of them is due next |
//! | [`partition`] | the partition that a client asks for |
//! | [`strategy`] | the strategies, a file each |
//! | [`config`] | the command line |

pub mod config;
pub mod link;
pub mod links;
pub mod message;
pub mod node;
mod outbox;
pub mod partition;
mod peers;
pub mod strategy;

pub use config::{Config, LateValues, StrategyKind};
pub use message::Body;
pub use node::Gossiper;
