//! The command line of the test bench.

use std::io::{self, Write as _};
use std::process::ExitCode;

use eddy::cli::{Cli, Command};
use eddy::process::{REAP_ARGUMENT, reap};
use eddy::virtual_time::{LAUNCH_ARGUMENT, doctor};

fn main() -> ExitCode {
    // These two are not for people, and so not part of the command line that help describes.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == REAP_ARGUMENT) {
        return reap(io::stdin().lock());
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == LAUNCH_ARGUMENT) {
        supervisor::launch(std::env::args_os().skip(2));
    }
    let cli = match Cli::read(std::env::args_os()) {
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
        Command::Merge(args) => eddy::sweep::merge::run(&args),
        Command::Check(args) => eddy::check::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Figures(args) => eddy::expect::figures::run(&args),
    }
}

/// Help and version go to stdout; anything wrong goes to stderr as clap renders it, with our name at
/// the beginning of the first line, and exit status 2.
fn refuse(error: &clap::Error) -> ExitCode {
    let text = error.render().ansi().to_string();
    if !error.use_stderr() {
        let _ = write!(anstream::stdout(), "{text}");
        return ExitCode::SUCCESS;
    }
    let text = match text.contains("error:") {
        true => text.replacen("error:", "eddy:", 1),
        // Without a command clap shows help.
        false => format!("eddy: say what to do\n\n{text}"),
    };
    let _ = write!(anstream::stderr(), "{text}");
    ExitCode::from(2)
}
