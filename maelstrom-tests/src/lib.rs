//! `eddy`, a test bench for Maelstrom nodes: it runs real processes or our own nodes in virtual
//! time, brings faults over them, and says whether what their clients saw is right.

pub mod analysis;
pub mod check;
pub mod check_node;
pub mod cli;
pub mod command_line;
pub mod compare;
pub mod conversation;
pub mod expect;
pub mod harness;
mod main_function;
pub mod manual;
mod nemesis;
pub mod new;
pub mod options;
pub mod outcome;
pub mod process;
pub mod progress;
pub mod report;
pub mod serve;
pub mod shrink;
pub mod simulated;
pub mod store;
pub mod sweep;
pub mod tasks;
pub mod terminal;
pub mod test_command;
pub mod virtual_time;
pub mod wire;
pub mod workload;
pub mod world;

pub use main_function::main;
