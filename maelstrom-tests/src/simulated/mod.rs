//! Runs in virtual time: our own nodes, as libraries, in one process.

mod world;

pub use self::world::{Simulated, SimulatedWorld};
