//! `eddy tasks`: the sample cases of the tasks, run against the built binaries. A case gives a fresh
//! node some lines and then the end of its input; certain messages have to be among what comes.

mod case;
mod compare;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use self::case::{Case, Task, TasksError};
use self::compare::Comparison;
use crate::conversation::{Conversation, Deadline, Heard};

/// Arguments of `eddy tasks`.
#[derive(Clone, Debug, Args)]
pub struct TasksArgs {
    /// The tasks, such as 2-3 (default: all)
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    /// Where the binaries are (default: beside eddy)
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,

    /// Where the cases are (default: `maelstrom-tests/tasks` here, or above here or eddy)
    #[arg(long, value_name = "DIR")]
    tasks: Option<PathBuf>,
}

/// Runs the cases and prints a line for each. The exit status is 0 if all passed, 1 if one did
/// not, 2 if they could not be run.
pub fn run(args: &TasksArgs) -> ExitCode {
    let mut out = io::stdout().lock();
    match run_tasks(args, &mut out) {
        Ok(Summary { failed: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            ExitCode::from(2)
        }
    }
}

#[derive(Debug, Default)]
struct Summary {
    passed: usize,
    failed: usize,
}

/// Why cases could not be run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Tasks(#[from] TasksError),
    #[error("there is no {} for task {task}: build it with `cargo build --release`, or name its directory with --bin-dir", bin.display())]
    NoBinary { bin: PathBuf, task: String },
    #[error("cannot start {}: {error}", bin.display())]
    NotStarted { bin: PathBuf, error: io::Error },
    #[error("cannot write to stdout: {0}")]
    Output(#[from] io::Error),
}

fn run_tasks(args: &TasksArgs, out: &mut impl io::Write) -> Result<Summary, RunError> {
    let eddy_directory = std::env::current_exe()
        .ok()
        .and_then(|eddy| eddy.parent().map(Path::to_owned))
        .unwrap_or_default();
    let directory = match &args.tasks {
        Some(directory) => directory.clone(),
        None => {
            let here = std::env::current_dir().unwrap_or_default();
            case::find_directory(&[here, eddy_directory.clone()]).ok_or(TasksError::NoDirectory)?
        }
    };
    let bin_directory = args.bin_dir.as_ref().unwrap_or(&eddy_directory);
    let tasks = case::read(&directory)?;
    let selected = case::select(&tasks, &args.ids)?;
    for task in &selected {
        let bin = bin_directory.join(&task.bin);
        if !bin.is_file() {
            return Err(RunError::NoBinary { bin, task: task.id.clone() });
        }
    }
    let mut summary = Summary::default();
    for task in &selected {
        writeln!(out, "{} {}", task.id, task.title)?;
        for case in &task.cases {
            let complaints = run_case(&bin_directory.join(&task.bin), task, case)?;
            let verdict = if complaints.is_empty() { "ok    " } else { "FAILED" };
            writeln!(out, "  {verdict} {}", case.name)?;
            for line in &complaints {
                writeln!(out, "         {line}")?;
            }
            match complaints.is_empty() {
                true => summary.passed += 1,
                false => summary.failed += 1,
            }
        }
    }
    writeln!(out, "{} passed, {} failed", summary.passed, summary.failed)?;
    Ok(summary)
}

/// Runs one case and says what was wrong; nothing if all was right.
fn run_case(bin: &Path, task: &Task, case: &Case) -> Result<Vec<String>, RunError> {
    let deadline = Deadline::after(task.time_limit());
    let mut node = Conversation::start(bin, &task.args)
        .map_err(|error| RunError::NotStarted { bin: bin.to_owned(), error })?;
    for line in case.input_lines() {
        node.say(&line);
    }
    node.end_input();

    let mut output = Vec::new();
    let ended = loop {
        match node.hear(deadline) {
            Heard::Line(line) => output.push(line.text),
            Heard::End => break true,
            Heard::Nothing => break false,
        }
    };
    let mut complaints = Vec::new();
    let comparison = Comparison::new(&case.expected, &output);
    if !comparison.is_match() {
        complaints.extend(comparison.difference());
    }
    if ended {
        match node.exit_status() {
            Some(status) if status.success() => {}
            Some(status) => complaints.push(format!("the node ended with {status}")),
            None => complaints.push("the node closed its stdout and goes on".to_owned()),
        }
    } else {
        let seconds = task.time_limit().as_secs_f64();
        complaints.push(format!("the node did not end within {seconds} s of the end of its input"));
    }
    if !complaints.is_empty() {
        let said = node.last_stderr_lines();
        complaints.extend(said.iter().map(|line| format!("stderr         {line}")));
    }
    Ok(complaints)
}
