//! The `identifier` program.

use std::process::ExitCode;

use identifier::{Identifier, args};

fn main() -> ExitCode {
    proto::run_program(&args::PROGRAM, |arguments| Ok(Identifier::new(args::parse(arguments)?)))
}
