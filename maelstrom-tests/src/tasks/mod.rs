//! `eddy tasks`: the sample cases of the tasks, run against the built binaries. A case gives a fresh
//! node some lines and then the end of its input; certain messages have to be among what comes.

mod case;
mod compare;
mod show;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use self::case::{Case, Task, TasksError};
use self::compare::Comparison;
use crate::conversation::{Conversation, Deadline, Heard};
use crate::process::on_search_path;

/// Arguments of `eddy tasks`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  eddy tasks                 the cases of all tasks
  eddy tasks 2-3 7-2-5       those of two tasks
  eddy tasks --list          which tasks there are
  eddy tasks --show 2-3      one task: its node, what was decided, its messages")]
pub struct TasksArgs {
    /// The tasks, such as 2-3 (default: all)
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    /// Only list the tasks: id, title, number of cases, and the node that serves it
    #[arg(long)]
    list: bool,

    /// Only show the tasks: the node that serves it, what was decided where its text is open, and
    /// the messages of its cases
    #[arg(long, conflicts_with = "list")]
    show: bool,

    /// Where the binaries are (default: beside eddy, then on the search path)
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,

    /// A directory of other cases than the built-in ones
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
    #[error(
        "there is no {bin} for task {task} {places}: build it with `cargo build --release`, or name its directory with --bin-dir"
    )]
    NoBinary { bin: String, task: String, places: String },
    #[error("cannot start {}: {error}", bin.display())]
    NotStarted { bin: PathBuf, error: io::Error },
    #[error("cannot write to stdout: {0}")]
    Output(#[from] io::Error),
}

fn run_tasks(args: &TasksArgs, out: &mut impl io::Write) -> Result<Summary, RunError> {
    let tasks = match &args.tasks {
        Some(directory) => case::read(directory)?,
        None => case::embedded()?,
    };
    let selected = case::select(&tasks, &args.ids)?;
    let mut summary = Summary::default();
    if args.list || args.show {
        match args.list {
            true => show::list(&selected, out)?,
            false => show::show(&selected, out)?,
        }
        return Ok(summary);
    }
    // All of them are looked for first: a run of everything does not end in its middle.
    let bins = selected
        .iter()
        .map(|task| find_binary(args.bin_dir.as_deref(), task))
        .collect::<Result<Vec<_>, _>>()?;
    for (task, bin) in selected.iter().zip(&bins) {
        writeln!(out, "{} {}", task.id, task.title)?;
        for case in &task.cases {
            let complaints = run_case(bin, task, case)?;
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

/// The binary of a task: in the directory that was named, or else beside this program or on the
/// search path.
fn find_binary(named: Option<&Path>, task: &Task) -> Result<PathBuf, RunError> {
    let within = |directory: &Path| Some(directory.join(&task.bin)).filter(|bin| bin.is_file());
    let (found, places) = match named {
        Some(directory) => (within(directory), format!("in {}", directory.display())),
        None => {
            let eddy = std::env::current_exe().ok();
            let beside = eddy.as_deref().and_then(Path::parent).and_then(within);
            let found = beside.or_else(|| on_search_path(&task.bin));
            (found, "beside eddy or on the search path".to_owned())
        }
    };
    found.ok_or_else(|| RunError::NoBinary { bin: task.bin.clone(), task: task.id.clone(), places })
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
