//! `eddy check`: what may be said of a history that is stored, by whomever it was made (Maelstrom's
//! `analyze`).

mod edn;
mod events;
mod json_list;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use checkers::history::Action;
use checkers::{Event, Kind, Process};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, json};

use self::events::{Events, ReadError, Told};
use crate::analysis::{Subject, analyse_history};
use crate::command_line::quote;
use crate::history;
use crate::options::{Options, WorkloadName};
use crate::process::{interrupted, note_interrupts};
use crate::report::find_run;
use crate::results::{self, Results};
use crate::terminal::progress::Style;
use crate::terminal::{self, summary};
use crate::test_command::exit_code;
use crate::workload::{AnyHistory, Settings, workload};

/// Arguments of `eddy check`.
#[derive(Clone, Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "\
A history is `history.jsonl` as eddy keeps it (or one JSON list of such events), Jepsen's `history.edn`, or
a file with an operation of Elle on each line, whose `:f`, `:process` and beginning may be left out. Of a
directory its `history.jsonl` is read, or else its `history.edn`. A `results.json` beside `history.jsonl` that
says the run was cut short is heeded: what it did not come to is not lost.

Examples:
  eddy check lin-kv/latest -w lin-kv
  eddy check store/etcd/latest/history.edn -w lin-kv --max-states 10000000 --json

Exit status: 0 valid, 1 invalid, 2 unknown, wrong usage, or a history that cannot be read."
)]
pub struct Args {
    /// A history, or the directory of a run, in the store or anywhere
    pub history: PathBuf,

    /// What clients did and what is checked
    #[arg(short, long, value_name = "NAME")]
    pub workload: WorkloadName,

    /// Flags of the workload, filled in from what was parsed.
    #[arg(skip)]
    pub settings: Settings,

    /// Where runs are looked for that are not found as they are named
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,

    /// Print the verdict only
    #[arg(long, short)]
    pub quiet: bool,

    /// Print the results as JSON on stdout, and nothing else
    #[arg(long)]
    pub json: bool,
}

/// Reads the history, checks it and tells.
pub fn run(args: &Args) -> ExitCode {
    match check(args) {
        Ok(results) => {
            // Whoever reads our output may have read enough; the verdict stands.
            let _ = tell(args, &results);
            exit_code(results.verdict())
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            ExitCode::from(2)
        }
    }
}

fn check(args: &Args) -> Result<Results, String> {
    let mut options = Options::new(args.workload);
    options.settings = args.settings.clone();
    if workload(&options).watch(&options.nodes).is_some() {
        let flags = args.settings.words().collect::<Vec<_>>().join(" ");
        return Err(format!(
            "{flags} follows the messages between nodes while a run goes on, and a history has none: \
             leave it out"
        ));
    }
    let path = find_history(&args.history, &args.store)?;
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(&path).map_err(|error| named(&error))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let bar = bar(Style::detect(args.quiet || args.json), length);
    let input = BufReader::with_capacity(1 << 16, bar.wrap_read(file));
    let history = read(input, &options).map_err(|error| named(&error))?;
    bar.finish_and_clear();
    note_interrupts().map_err(|error| error.to_string())?;
    let mut subject = Subject { options: Map::new(), command: command(args) };
    subject.options.insert("history".to_owned(), json!(path));
    Ok(analyse_history(&options, &subject, &*history, was_cut_short(&path), &mut interrupted))
}

/// Whether the history is that of a run of ours which was ended before its time: its results say so, which
/// lie beside it.
fn was_cut_short(history: &Path) -> bool {
    history.file_name().is_some_and(|name| name == history::FILE)
        && history.parent().is_some_and(|run_dir| results::read_head(run_dir).cut_short)
}

/// Reads a history of the options' workload.
fn read(input: impl BufRead, options: &Options) -> Result<Box<dyn AnyHistory>, ReadError> {
    let mut events = Events::new(input)?;
    let mut told: Vec<Told> = Vec::new();
    while let Some(next) = events.next()? {
        // Some checkers go by it, some by the order in the file.
        if let Some(Told { event: before, .. }) = told.last()
            && next.event.index <= before.index
        {
            let (index, before) = (next.event.index, before.index);
            let flaw =
                format!("its `index`, {index}, is not above that of the event before, {before}");
            return Err(ReadError::Line { line: next.line, flaw });
        }
        told.push(next);
    }
    pair_nameless(&mut told)?;
    begin_when_free(&mut told);
    give_beginnings(&mut told);
    let (lines, history): (Vec<_>, Vec<_>) =
        told.into_iter().map(|told| (told.line, told.event)).unzip();
    let restored = workload(options).restore(history);
    restored.map_err(|misfit| ReadError::Line { line: lines[misfit.position], flaw: misfit.flaw })
}

/// Beginnings of which is not said whose they are may be those of one process, as long as each ends before
/// the next one comes: so Elle takes it. What then ends is of that process as well.
///
/// # Errors
/// If two are open at once: there is no telling which of them an outcome ends.
fn pair_nameless(history: &mut [Told]) -> Result<(), ReadError> {
    if history.iter().all(|told| told.has_process) {
        return Ok(());
    }
    let nobody = Process::Client(free_processes(history).next().unwrap_or(u64::MAX));
    let mut is_open = false;
    for told in history.iter_mut().filter(|told| !told.has_process) {
        let begins = told.event.kind == Kind::Invoke;
        if begins && is_open {
            let flaw = "`process`: not there, so its outcome cannot be told".to_owned();
            return Err(ReadError::Line { line: told.line, flaw });
        }
        if begins || is_open {
            (told.event.process, told.has_process) = (nobody, true);
        }
        is_open = begins;
    }
    Ok(())
}

/// Numbers that are of no process in a history.
fn free_processes(history: &[Told]) -> impl Iterator<Item = u64> + use<> {
    let named = history.iter().filter(|told| told.has_process);
    let mut taken: Vec<u64> = named
        .filter_map(|told| match told.event.process {
            Process::Client(process) => Some(process),
            Process::Nemesis => None,
        })
        .collect();
    taken.sort_unstable();
    (0..).filter(move |process| taken.binary_search(process).is_err())
}

/// Of a history that is outcomes and nothing else, each operation of a process may have begun as soon as the
/// one before had ended, and the first one before everything: a process does one thing at a time.
fn begin_when_free(history: &mut Vec<Told>) {
    if history.iter().any(|told| told.event.kind == Kind::Invoke) {
        return;
    }
    let is_of_client = |told: &Told| told.has_process && told.event.process != Process::Nemesis;
    let mut last: BTreeMap<Process, usize> = BTreeMap::new();
    let mut placed = Vec::with_capacity(2 * history.len());
    for (place, told) in std::mem::take(history).into_iter().enumerate() {
        if is_of_client(&told) {
            let before = last.insert(told.event.process, place);
            placed.push((before.map_or(0, |before| 2 * before + 2), beginning_of(&told)));
        }
        placed.push((2 * place + 1, told));
    }
    placed.sort_by_key(|(place, _)| *place);
    history.extend(placed.into_iter().map(|(_, told)| told));
}

/// The beginning of an operation of which the outcome alone is known. It has the index of the outcome, by
/// which it can be told that nobody knows when it was.
fn beginning_of(outcome: &Told) -> Told {
    let mut event = Event { kind: Kind::Invoke, error: None, ..outcome.event.clone() };
    if let Action::Client(stored) = &mut event.action {
        stored.kind = Kind::Invoke;
    }
    Told { line: outcome.line, event, has_process: outcome.has_process }
}

/// Outcomes of which is not said who asked for them, as in Elle's own histories, may have been asked for
/// at any time and by anybody: each gets a process of its own, which begins before everything else and
/// ends after it, so that no order is taken for granted that the history does not tell.
fn give_beginnings(history: &mut Vec<Told>) {
    if history.iter().all(|told| told.has_process) {
        return;
    }
    let (others, mut ends): (Vec<_>, Vec<_>) =
        std::mem::take(history).into_iter().partition(|told| told.has_process);
    for (told, process) in ends.iter_mut().zip(free_processes(&others)) {
        told.event.process = Process::Client(process);
    }
    let beginnings = ends.iter().map(beginning_of);
    history.extend(beginnings);
    history.extend(others);
    history.append(&mut ends);
}

/// The file that an argument means.
fn find_history(named: &Path, store: &Path) -> Result<PathBuf, String> {
    if named.is_file() {
        return Ok(named.to_owned());
    }
    let found = find_run(named, store);
    if found.is_dir() {
        let in_it = [history::FILE, "history.edn"].map(|file| found.join(file));
        let history = in_it.into_iter().find(|path| path.is_file());
        return history.ok_or_else(|| {
            let found = found.display();
            format!("{found}: there is no {} in it, and no history.edn", history::FILE)
        });
    }
    if found.exists() {
        return Ok(found);
    }
    let (named, store) = (named.display(), store.display());
    Err(format!(
        "there is no file or directory {named}, and no run of that name in {store}: name a history, or a \
         run such as lin-kv/latest (--store says where runs are)"
    ))
}

fn bar(style: Style, bytes: u64) -> ProgressBar {
    let target = match style {
        Style::Bar => ProgressDrawTarget::stderr(),
        Style::Lines | Style::Nothing => ProgressDrawTarget::hidden(),
    };
    let look = "reading [{bar:20.cyan/dim}] {bytes} of {total_bytes}, {eta} to go";
    let look = ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(bytes), target).with_style(look.progress_chars("━╸─"))
}

/// The command that checks this again.
fn command(args: &Args) -> String {
    let mut words = ["eddy", "check", "-w", args.workload.as_str()].map(str::to_owned).to_vec();
    words.extend(args.settings.words());
    words.push(args.history.display().to_string());
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn tell(args: &Args, results: &Results) -> io::Result<()> {
    let mut out = terminal::stdout();
    if args.json {
        summary::json(&mut out, results)
    } else if args.quiet {
        summary::verdict_line(&mut out, results, None)
    } else {
        summary::checked(&mut out, results)
    }
}

#[cfg(test)]
mod tests;
