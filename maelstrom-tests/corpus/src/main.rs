//! `just corpus`: see [`corpus::table`].

use std::io;
use std::process::ExitCode;

use proto::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::new(std::env::args_os().skip(1));
    match corpus::table::run(arguments, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("corpus: {error}");
            ExitCode::from(2)
        }
    }
}
