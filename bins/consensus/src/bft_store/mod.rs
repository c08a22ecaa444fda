//! The linearizable store of `lin-kv` among nodes of which some lie: `consensus pbft` and
//! `consensus tendermint`.
//!
//! | module | answers the question |
//! |---|---|
//! | [`node`], [`server`] | what does each message lead to? |
//! | [`order`], [`pbft`], [`tendermint`] | what does the store need of a protocol, and how do both give it? |
//! | [`value`], [`pending`] | what is agreed on, and what waits to be? |
//! | [`keys`] | who said what, and who could have forged it? |
//! | [`watch`] | what must hold of a cluster after every event? |
//! | [`liar`] | how does a Byzantine node speak? |
//! | [`settings`] | with which arguments? |
//!
//! # Whom a client believes
//!
//! The papers' clients sign their requests, send them to all replicas and wait for `f + 1` equal
//! answers. Maelstrom's clients sign nothing and believe the one node that they asked. So the node
//! signs in its client's place, and what goes through a Byzantine node has no known outcome: it may
//! answer what it likes, and have executed what it likes *in its own name*. What is safe is the history
//! of the clients of honest nodes.
//!
//! # Crashes
//!
//! With `--state-dir` a node that is killed comes back with all that it was bound by. Without, it
//! counts among the Byzantine ones. One that was cut off learns what it missed from the proofs that
//! others keep up to the last stable checkpoint, and takes the state over if that is too far away.

pub mod keys;
pub mod liar;
pub mod node;
pub mod order;
pub mod pbft;
pub mod pending;
pub mod server;
pub mod settings;
pub mod tendermint;
pub mod value;
pub mod watch;
