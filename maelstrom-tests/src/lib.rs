//! `eddy`, a test bench for Maelstrom nodes: it runs real processes or our own nodes in virtual
//! time, brings faults over them, and says whether what their clients saw is right.

mod carrier;
pub mod check;
pub mod check_node;
pub mod cli;
pub mod compare;
pub mod conversation;
pub mod explain;
pub mod figures_command;
mod main_function;
pub mod manual;
pub mod new;
pub mod process;
pub mod programs;
pub mod report;
pub mod run_args;
pub mod serve;
pub mod sweep;
pub mod tasks;
pub mod terminal;
pub mod test_command;
pub mod virtual_time;

pub use bench::{
    analysis, command_line, exhibit, expect, fault, harness, history, journal, json_text, lines,
    options, outcome, progress, results, shrink, simulated, store, wire, workload, world,
};
pub use main_function::main;
pub use report::draw;
