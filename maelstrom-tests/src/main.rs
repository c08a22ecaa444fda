//! The command line of the test bench.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use eddy::cli::{Cli, Command};
use eddy::process::{REAP_ARGUMENT, reap};

fn main() -> ExitCode {
    // Not for people, and so not part of the command line that help describes.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == REAP_ARGUMENT) {
        return reap(io::stdin().lock());
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match cli.command {
        Command::Test(args) => eddy::test_command::run(&args),
        Command::Tasks(args) => eddy::tasks::run(&args),
        Command::Serve(args) => eddy::serve::run(&args),
        Command::Report(args) => eddy::report::command::run(&args),
        Command::Compare(args) => eddy::compare::run(&args),
        Command::CheckNode(args) => eddy::check_node::run(&args),
        Command::Sweep(args) => eddy::sweep::run(&args),
    }
}

/// Help and version go to stdout; anything wrong is one line on stderr and exit status 2.
fn refuse(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        let _ = write!(io::stdout(), "{text}");
        return ExitCode::SUCCESS;
    }
    let lines = text
        .lines()
        .map(|line| line.trim().trim_start_matches("error: ").trim_start_matches("tip: "))
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let _ = writeln!(io::stderr(), "eddy: {}", lines.collect::<Vec<_>>().join("; "));
    ExitCode::from(2)
}
