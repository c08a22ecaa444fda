//! The `consensus` program.

use std::process::ExitCode;

use consensus::{ConsensusNode, args};

fn main() -> ExitCode {
    proto::run_program(&args::PROGRAM, |arguments| Ok(ConsensusNode::new(args::parse(arguments)?)))
}
