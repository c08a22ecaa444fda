//! `main`, for `eddy` and for programs that bring nodes of their own.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use proto::Program;

use crate::cli::{Cli, Command};
use crate::process::{REAP_ARGUMENT, reap};
use crate::virtual_time::{LAUNCH_ARGUMENT, doctor};
use crate::{
    check, check_node, compare, explain, figures_command, manual, new, programs, report, serve,
    sweep, tasks, test_command,
};

/// The whole command line, for a program's `main`: that of `eddy`, where `--simulate` finds these
/// programs as well as ours.
///
/// A program of one's own is then `fn main() -> ExitCode { eddy::main(&[my_nodes::program]) }`.
pub fn main(programs: &[fn() -> Program]) -> ExitCode {
    // These two are not for people, and so not part of the command line that help describes.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == REAP_ARGUMENT) {
        return reap(std::env::args().nth(2).as_deref(), io::stdin());
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == LAUNCH_ARGUMENT) {
        supervisor::launch(std::env::args_os().skip(2));
    }
    for program in programs {
        programs::register(*program);
    }
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return refuse(&with_plain_tip(error)),
    };
    match cli.command {
        Command::Test(args) => test_command::run(&args),
        Command::Tasks(args) => tasks::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Report(args) => report::command::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::CheckNode(args) => check_node::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Merge(args) => sweep::merge::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Figures(args) => figures_command::run(&args),
        Command::New(args) => new::run(&args),
        Command::Completions(args) => manual::completions(&args, Cli::command_line()),
        Command::Man(args) => manual::man(&args, Cli::command_line()),
    }
}

/// Says plainly how an argument that we do not know is given to a node, where clap calls it a value, and
/// says nothing of it for commands that start no node.
fn with_plain_tip(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let plain = match unknown.as_str() {
        "--bin" if usage.contains("<BIN>") => {
            Some("the program is named without `--bin`".to_owned())
        }
        _ if usage.contains("<ARGS>") => {
            Some(format!("a flag of the node goes behind `--`, as in `-- {unknown}`"))
        }
        _ => None,
    };
    if let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) {
        let is_of_clap = |tip: &StyledStr| tip.to_string().starts_with("to pass ");
        let tips = tips.iter().filter_map(|tip| match is_of_clap(tip) {
            true => plain.clone().map(StyledStr::from),
            false => Some(tip.clone()),
        });
        let tips = tips.collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
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
