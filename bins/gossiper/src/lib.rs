//! The Gossiper: nodes that bring what each of them knows to all of them.
//!
//! The first argument of the program chooses the node:
//!
//! | node | what it is |
//! |---|---|
//! | [`broadcast`] | values for everybody, none lost, by a strategy of one's choice |
//!
//! | what they share | |
//! |---|---|
//! | [`value_set`], [`log`] | values, their index, snapshots for readers |
//! | [`digest`] | comparing two sets of values |
//! | [`topology`] | who is there, neighbours, spanning trees |
//! | [`round_trip`] | how long a peer may take to answer |

pub mod broadcast;
pub mod digest;
pub mod log;
pub mod round_trip;
pub mod topology;
pub mod value_set;

pub use broadcast::{Body, Config, Gossiper, StrategyKind};

use proto::{Arguments, Program};

/// The nodes that the program can be.
pub fn program() -> Program {
    let broadcast = |arguments: &mut Arguments| Ok(Gossiper::new(Config::parse(arguments)?));
    Program::new("gossiper", env!("CARGO_PKG_VERSION")).node(broadcast::config::MANUAL, broadcast)
}
