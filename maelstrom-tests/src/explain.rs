//! `eddy explain`: a run as a story, from the files of its directory. Who asked whom for what, which
//! messages were lost, what nodes said, which faults came and went, and where it went wrong.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use checkers::Kind;
use clap::Args;
use serde_json::Value;

use crate::command_line::{STORE, STORE_DEFAULT};
use crate::exhibit;
use crate::history::{Operation, ValueReader};
use crate::report::messages::Message;
use crate::report::offence::{Evidence, Gathered, Offence};
use crate::report::words::Words;
use crate::report::{known_run, logs, text};
use crate::results;

/// Causes of the verdict that are told.
const CAUSES_MAX: usize = 5;
/// Operations that are told before the one that shows what is wrong.
const OPERATIONS_BEFORE: usize = 12;
/// Lines of the journal that are looked through for what was lost.
const JOURNAL_LINES_MAX: usize = 20_000;
/// Events that are told.
const EVENTS_MAX: usize = 60;
/// What is told besides begins so many nanoseconds before the first operation that is told.
const LEAD: u64 = 500_000_000;

/// Arguments of `eddy explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  eddy explain lin-kv/latest
  eddy explain store/broadcast/20261125T203010.467Z

Best told is a run that a sweep has made smaller. Exit status: 0, or 2 if there is no such run.")]
pub struct ExplainArgs {
    /// The directory of a run, in the store or anywhere
    run: PathBuf,

    /// Where the run is looked for if it is not found as it is named
    #[arg(long = STORE, value_name = "DIR", default_value = STORE_DEFAULT)]
    store: PathBuf,
}

/// Tells the story of a run.
pub fn run(args: &ExplainArgs) -> ExitCode {
    let run_dir = match known_run(&args.run, &args.store) {
        Ok(run_dir) => run_dir,
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            return ExitCode::from(2);
        }
    };
    match tell(&run_dir, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads may have read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {}: {error}", run_dir.display());
            ExitCode::from(2)
        }
    }
}

/// Writes the story of the run in this directory.
///
/// # Errors
/// If its results cannot be read, or the story cannot be written.
pub fn tell(run_dir: &Path, out: &mut impl Write) -> io::Result<()> {
    let Some(results) = results::read(run_dir)? else {
        let why = "this run has no results: it was broken off, or goes on";
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    };
    let gathered = Gathered::read(run_dir, &results)?;
    let evidence = gathered.evidence(run_dir, &results);
    let words = Words(&results);
    let offence = Offence::find(evidence)?;
    writeln!(out, "{}: {}", words.title(), words.verdict_word())?;
    writeln!(out, "{}", Offence::first_sentence(offence.as_ref(), words))?;
    for cause in results.judgement.causes.iter().take(CAUSES_MAX) {
        writeln!(out, "- {}", text::line(cause, 400))?;
    }
    let mut story = Story { evidence, values: ValueReader::open(run_dir)?, events: Vec::new() };
    story.gather(offence.as_ref())?;
    writeln!(out)?;
    story.write(out)?;
    match results.options.get("chance").and_then(Value::as_str) {
        None => {}
        Some("none") => {
            writeln!(out, "\nNothing was left to chance: other seeds make the same run.")?
        }
        Some(draws) => {
            writeln!(out, "\nLeft to chance was nothing but {}.", text::line(draws, 200))?
        }
    }
    if let Some(command) = words.command() {
        writeln!(out, "\nAgain: {command}")?;
    }
    Ok(())
}

/// An outcome as the history has it.
fn name(outcome: Kind) -> &'static str {
    match outcome {
        Kind::Ok => "ok",
        Kind::Fail => "fail",
        Kind::Invoke | Kind::Info => "info",
    }
}

/// What happened, with its time.
struct Story<'a> {
    evidence: Evidence<'a>,
    values: ValueReader,
    events: Vec<Told>,
}

/// Something that happened.
struct Told {
    time: u64,
    what: String,
    /// Whether it shows what is wrong: then it is told however much there is.
    is_shown: bool,
}

impl Story<'_> {
    fn gather(&mut self, offence: Option<&Offence>) -> io::Result<()> {
        let history = self.evidence.history;
        let steps = || offence.iter().flat_map(|it| &it.operations);
        // Of two operations that show it together one may begin after the time that is named.
        let end = offence.map_or(history.end, |offence| offence.time);
        let end = steps().map(|step| step.time).fold(end, u64::max);
        let is_shown = |operation: &Operation| {
            let who = format!("process {}", operation.process);
            steps().any(|step| step.time == operation.invoked.time && step.who == who)
        };
        let before = history.operations.iter().filter(|operation| operation.invoked.time <= end);
        let before: Vec<&Operation> = before.collect();
        let last = before.len().saturating_sub(OPERATIONS_BEFORE);
        let told = before.into_iter().enumerate();
        let told = told.filter(|(place, operation)| *place >= last || is_shown(operation));
        let told: Vec<_> =
            told.map(|(_, operation)| (operation.clone(), is_shown(operation))).collect();
        let start = told.first().map_or(0, |(first, _)| first.invoked.time).saturating_sub(LEAD);
        for (operation, is_shown) in &told {
            self.operation(operation, *is_shown)?;
        }
        self.faults(start, end);
        self.losses(start, end)?;
        self.sayings(start, end)?;
        self.events.sort_by_key(|told| told.time);
        Ok(())
    }

    fn tell(&mut self, time: u64, what: String) {
        self.events.push(Told { time, what, is_shown: false });
    }

    fn operation(&mut self, operation: &Operation, is_shown: bool) -> io::Result<()> {
        let values = self.values.values(operation)?;
        let function = self.evidence.history.function(operation);
        let answered = values.answered.as_deref().filter(|_| operation.outcome == Kind::Ok);
        let (key, asked) = (values.key.as_deref(), &*values.asked);
        let what = exhibit::Words { f: function, key, asked, answered }.to_string();
        let what = text::line(&what, 200);
        let node = Words(self.evidence.results).node_of(operation.process);
        let whom = node.map_or_else(String::new, |it| format!(" asks {}", text::line(it, 40)));
        let error = values.error.as_deref().map(|error| format!(" ({})", text::line(error, 120)));
        let end = match operation.completed {
            Some(end) => format!("{} at {}", name(operation.outcome), text::seconds(end.time)),
            None => "no answer".to_owned(),
        };
        let error = error.unwrap_or_default();
        let what = format!("process {}{whom}: {what}: {end}{error}", operation.process);
        self.events.push(Told { time: operation.invoked.time, what, is_shown });
        Ok(())
    }

    /// The faults that were on.
    fn faults(&mut self, start: u64, end: u64) {
        for fault in self.evidence.faults {
            if fault.end < start || fault.start > end {
                continue;
            }
            let whom = match fault.whom.is_empty() {
                true => String::new(),
                false => format!(": {}", text::line(&fault.whom, 120)),
            };
            self.tell(fault.start, format!("--- `{}` begins{whom}", fault.name));
            if fault.end <= end {
                self.tell(fault.end, format!("--- `{}` ends", fault.name));
            }
        }
    }

    /// Messages that were lost, those of one kind and link together.
    fn losses(&mut self, start: u64, end: u64) -> io::Result<()> {
        let journal = self.evidence.journal;
        let first = journal.line_at(start);
        let messages = journal.messages(first..first + JOURNAL_LINES_MAX, 200)?;
        let is_told = |message: &&Message| (start..=end).contains(&message.sent);
        let mut groups: Vec<(&Message, &str, usize)> = Vec::new();
        for message in messages.iter().filter(is_told) {
            let Some(reason) = &message.lost else { continue };
            let same = |(other, why, _): &&mut (&Message, &str, usize)| {
                (other.src, other.dest, &other.kind, *why)
                    == (message.src, message.dest, &message.kind, reason)
            };
            match groups.iter_mut().find(same) {
                Some((_, _, count)) => *count += 1,
                None => groups.push((message, reason, 1)),
            }
        }
        for (message, reason, count) in groups {
            let name = |place: usize| text::line(&journal.endpoints[place], 40);
            let (src, dest) = (name(message.src), name(message.dest));
            let kind = text::line(&message.kind, 40);
            let more = match count {
                1 => String::new(),
                count => format!(", and {} more like it later", text::grouped(count - 1)),
            };
            let told = format!("{src} → {dest}: `{kind}` is lost ({reason}){more}");
            self.tell(message.sent, told);
        }
        Ok(())
    }

    /// What nodes said to people, where they said when.
    fn sayings(&mut self, start: u64, end: u64) -> io::Result<()> {
        let zero = self.evidence.results.time_zero.unwrap_or(0);
        for log in logs::read(self.evidence.run_dir)? {
            for line in &log.lines {
                let Some((time, said)) = line.split_once(' ') else { continue };
                let Ok(seconds) = time.parse::<f64>() else { continue };
                let time = ((seconds * 1e9) as u64).saturating_sub(zero);
                if (start..=end).contains(&time) {
                    self.tell(time, format!("{} says: {}", log.node, text::line(said, 160)));
                }
            }
        }
        Ok(())
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        // What shows what is wrong is always told, and of the others the last.
        let others = self.events.iter().filter(|told| !told.is_shown).count();
        let room = EVENTS_MAX.saturating_sub(self.events.len() - others);
        let mut left_out = others.saturating_sub(room);
        if left_out > 0 {
            writeln!(out, "({} earlier events are left out)", text::grouped(left_out))?;
        }
        for Told { time, what, is_shown } in &self.events {
            if !is_shown && left_out > 0 {
                left_out -= 1;
                continue;
            }
            writeln!(out, "{:>10}  {what}", text::seconds(*time))?;
        }
        Ok(())
    }
}
