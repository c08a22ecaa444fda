//! `eddy report`: makes the reports of earlier runs again, from what is kept of them.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::words::Words;
use super::{FILE, known_run, write};
use crate::command_line::quote;
use crate::results::{self, Results};
use crate::run_args::program;
use crate::terminal::{self, summary};

/// Arguments of `eddy report`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  eddy report lin-kv/latest      prints the summary of that run and writes its report.html again
  eddy report store/*/2026*      the same for many runs

Exit status: 0, or 2 if a run cannot be read; whether the runs were valid plays no part.")]
pub struct Args {
    /// Directories of runs, in the store or anywhere
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,

    /// Where runs are looked for that are not found as they are named
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
}

/// Makes the reports and prints the summaries.
pub fn run(args: &Args) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for run in &args.runs {
        let run_dir = match known_run(run, &args.store) {
            Ok(run_dir) => run_dir,
            Err(error) => {
                let _ = writeln!(io::stderr(), "eddy: {error}");
                status = ExitCode::from(2);
                continue;
            }
        };
        // Broken results are shown as such.
        let results = results::read(&run_dir).ok().flatten().unwrap_or_default();
        match write(&run_dir) {
            Ok(offence) => {
                let mut out = terminal::stdout();
                // Whoever reads our output may have read enough; the report is written.
                let again = again(&results);
                let told = summary::Told {
                    run_dir: &run_dir,
                    has_report: true,
                    is_announced: false,
                    again: &again,
                };
                let _ = summary::summary(&mut out, &results, offence.as_ref(), told);
            }
            Err(error) => {
                let path = run_dir.join(FILE);
                let _ = writeln!(io::stderr(), "eddy: cannot write {}: {error}", path.display());
                status = ExitCode::from(2);
            }
        }
    }
    status
}

/// The command that repeats the run, with this program as it was started.
fn again(results: &Results) -> String {
    let command = Words(results).command().unwrap_or_default();
    match command.strip_prefix("eddy ") {
        Some(rest) => format!("{} {rest}", quote(&program())),
        None => command,
    }
}
