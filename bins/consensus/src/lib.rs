//! The Consensus track: a linearizable key-value store by Raft.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

pub mod arguments;
pub mod body;
pub mod clients;
pub mod command;
mod durable;
pub mod members;
pub mod node;
pub mod replica;
pub mod settings;
pub mod simulated;
pub mod store;
pub mod wire;

pub use node::ConsensusNode;
pub use settings::Settings;

/// Runs a node on stdin and stdout as the command line asks.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let print = |text: &str| match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    };
    match arguments::parse(arguments) {
        Ok(arguments::Request::Run(settings)) => {
            let options = proto::Options { state_dir: settings.state_dir.clone() };
            proto::run_with(ConsensusNode::new(settings), &options)
        }
        Ok(arguments::Request::Help) => print(arguments::HELP),
        Ok(arguments::Request::Version) => {
            print(concat!("consensus ", env!("CARGO_PKG_VERSION"), "\n"))
        }
        Err(error) => {
            eprintln!("consensus: {error}; see --help");
            ExitCode::from(2)
        }
    }
}
