//! The `gossiper` node on stdin and stdout.

use gossiper::{Config, Gossiper, PROGRAM};

fn main() -> std::process::ExitCode {
    proto::run_program(&PROGRAM, |arguments| Ok(Gossiper::new(Config::parse(arguments)?)))
}
