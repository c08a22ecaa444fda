//! Runs a node of the Consensus track on stdin and stdout.

use std::process::ExitCode;

fn main() -> ExitCode {
    consensus::run(std::env::args_os().skip(1))
}
