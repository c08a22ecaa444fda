//! A test bench for Maelstrom nodes as a library. One harness (clients, generator, nemesis, history)
//! drives a [`world::World`]; [`simulated`] is the one in virtual time, for nodes written against
//! [`proto::Node`]. What came of a run is judged by its [`workload`] and gathered in
//! [`results::Results`].
//!
//! There is no command line, no terminal and no drawing here: `eddy` has them.

pub mod account;
pub mod analysis;
pub mod command_line;
mod compat;
pub mod exhibit;
pub mod expect;
pub mod fault;
pub mod harness;
pub mod history;
pub mod journal;
pub mod json_text;
pub mod lab;
pub mod lines;
mod nemesis;
mod operator;
pub mod options;
pub mod outcome;
pub mod progress;
mod reseeds;
pub mod results;
pub mod run;
pub mod shrink;
pub mod simulated;
pub mod store;
pub mod sweep;
pub mod wire;
pub mod workload;
pub mod world;
