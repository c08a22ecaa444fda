//! `eddy` from outside: its commands, run as a user runs them; worlds of real processes and runs in
//! virtual time through the library.

mod bad_nodes;
mod bad_table;
mod broken;
mod byzantine;
mod causes;
mod check_node;
mod circles;
mod demos;
mod explain;
mod names;
mod new;
mod other_languages;
mod own_workload;
mod planted;
mod process_bench;
mod process_faults;
mod real_processes;
mod report;
mod report_by_hand;
mod serve;
mod simulated;
mod support;
mod sweep;
mod sweep_shards;
mod tasks;
mod transactions;
mod usage;
mod virtual_time;
