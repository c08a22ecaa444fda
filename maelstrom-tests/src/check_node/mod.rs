//! `eddy check-node`: asks a node one of each message of a workload, and explains every mistake in
//! its answers in plain words. The first thing to run on a node that does not work.

mod exchange;
mod finding;
mod odd;

use std::cell::Cell;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use proto::{ErrorCode, NodeId};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::exchange::{Exchange, Silence, Subject};
use self::finding::{Finding, Findings, Grade};
use crate::carrier::message;
use crate::conversation::{Conversation, Deadline, Heard};
use crate::options::{Options, WorkloadName};
use crate::process::{check_program, node_arguments, spawn_hint};
use crate::terminal;
use crate::wire::quote;
use crate::workload::{Exam, SUBJECT, registry, workload};

/// How many times as long `init` may take, because the program has to start first: 10 s where
/// nothing else is asked for, as with Maelstrom.
const INIT_FACTOR: u32 = 5;
/// How many times as long a node may say that it cannot answer yet.
const PATIENCE_FACTOR: u32 = 5;
/// How long it is left alone before it is asked again.
const PUT_OFF_PAUSE: Duration = Duration::from_millis(50);
/// The longest time that an answer may be given.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// How long to look for lines that a node wrote but did not flush, after the end of its input.
const LAST_LINES_TIME: Duration = Duration::from_secs(1);

/// Arguments of `eddy check-node`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit status: 0 no mistakes, 1 mistakes, 2 the program cannot be run.")]
pub struct CheckNodeArgs {
    /// The program
    #[arg(value_name = "BIN")]
    bin: PathBuf,

    /// Whose messages to send
    #[arg(short, long, value_name = "NAME", default_value = registry::SIMPLEST)]
    workload: WorkloadName,

    /// Seconds that an answer may take; `init` may take five times as long
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    timeout: f64,

    /// Count warnings as mistakes
    #[arg(long)]
    strict: bool,

    /// Arguments for the node; `{run}` becomes a fresh, empty directory
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// Checks a node and prints what was found.
pub fn run(args: &CheckNodeArgs) -> ExitCode {
    let told = examine(args).and_then(|findings| {
        findings.tell(&mut terminal::stdout()).map_err(|error| error.to_string())?;
        Ok(findings)
    });
    match told {
        Ok(findings) => {
            let warnings = if args.strict { findings.count(Grade::Warning) } else { 0 };
            ExitCode::from(u8::from(findings.count(Grade::Mistake) + warnings > 0))
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            ExitCode::from(2)
        }
    }
}

/// A node to be started, more than once.
struct Examiner<'a> {
    args: &'a CheckNodeArgs,
    program: PathBuf,
    timeout: Duration,
    /// Where nodes have what their arguments call `{run}`.
    directory: TempDir,
    /// How many were started.
    starts: Cell<u64>,
}

fn examine(args: &CheckNodeArgs) -> Result<Findings, String> {
    let timeout = Duration::try_from_secs_f64(args.timeout)
        .ok()
        .filter(|timeout| *timeout < TIMEOUT_MAX)
        .ok_or("--timeout has to be a number of seconds, less than an hour")?;
    let program = check_program(&args.bin).map_err(|error| error.to_string())?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let examiner = Examiner { args, program, timeout, directory, starts: Cell::new(0) };
    let mut findings = Findings::default();
    examiner.check_workload(&mut findings)?;
    // What is wrong with plain requests comes first; odd ones would only repeat it.
    if findings.count(Grade::Mistake) == 0 {
        examiner.check_odd_input(&mut findings)?;
    }
    Ok(findings)
}

impl Examiner<'_> {
    fn start(&self) -> Result<Subject, String> {
        let start = self.starts.replace(self.starts.get() + 1);
        let state = self.directory.path().join(start.to_string());
        let arguments =
            node_arguments(&self.args.args, &state).map_err(|error| error.to_string())?;
        let node = Conversation::start(&self.program, &arguments).map_err(|error| {
            let (program, hint) = (self.program.display(), spawn_hint(&error));
            format!("cannot start {program}: {error}{hint}")
        })?;
        Ok(Subject::new(node, NodeId::new(SUBJECT), self.timeout))
    }

    /// One of each message of the workload.
    fn exams(&self) -> Vec<Exam> {
        workload(&Options::new(self.args.workload).with_nodes(1)).examination()
    }

    /// `init` and then each message of the workload, until one is not answered.
    fn check_workload(&self, findings: &mut Findings) -> Result<(), String> {
        let mut subject = self.start()?;
        let exchange = init(&mut subject);
        let silent = exchange.silence;
        findings.0.push(judge("init", exchange, judge_init));
        if silent.is_some() {
            explain_silence(&mut subject, findings);
            return Ok(());
        }
        for Exam { body, judge: judge_body } in self.exams() {
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            let name = name(&body);
            let exchange = ask_patiently(&mut subject, &body);
            if exchange.is_put_off() {
                findings.0.push(put_off(&name, exchange, subject.timeout));
                return Ok(());
            }
            let silent = exchange.silence;
            findings.0.push(judge(&name, exchange, |body| {
                let said = judge_body(body)?;
                Ok(if said.is_empty() { quote(body.as_bytes()) } else { said })
            }));
            if silent.is_some() {
                explain_silence(&mut subject, findings);
                return Ok(());
            }
        }
        Ok(())
    }
}

fn init(subject: &mut Subject) -> Exchange {
    let timeout = subject.timeout;
    subject.timeout = timeout * INIT_FACTOR;
    let id = subject.id.clone();
    let exchange = subject.ask(json!({ "type": "init", "node_id": id, "node_ids": [id] }));
    subject.timeout = timeout;
    exchange
}

/// Asks again as long as the node says that it cannot answer yet: it may have to elect a leader.
#[expect(clippy::disallowed_methods, reason = "a real process is waited for in real time")]
fn ask_patiently(subject: &mut Subject, body: &Value) -> Exchange {
    let end = Deadline::after(subject.timeout * PATIENCE_FACTOR);
    loop {
        let exchange = subject.ask(body.clone());
        if !exchange.is_put_off() || end.has_passed() {
            return exchange;
        }
        thread::sleep(PUT_OFF_PAUSE);
    }
}

/// What is to be said of a node that never could answer. Programs that elect a leader by the answers
/// of others never have one alone, and are right all the same.
fn put_off(what: &str, exchange: Exchange, timeout: Duration) -> Finding {
    let Exchange { sent, came, .. } = exchange;
    let error = ErrorCode::TemporarilyUnavailable;
    let text = format!(
        "it is error {} ({}) for {} s, so nothing more can be said; does it wait for other nodes? Here it \
         is alone in its cluster, and `eddy test` has more",
        error.number(),
        error.name(),
        (timeout * PATIENCE_FACTOR).as_secs_f64(),
    );
    Finding { grade: Grade::Warning, what: what.to_owned(), text, sent, came }
}

/// A request's name for people.
fn name(body: &Value) -> String {
    let fields = body.as_object().into_iter().flatten();
    let shown: Vec<String> = fields
        .filter(|(name, _)| *name != "type" && *name != "msg_id")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let kind = body["type"].as_str().unwrap_or_default();
    match shown.is_empty() {
        true => kind.to_owned(),
        false => format!("{kind} {{{}}}", shown.join(", ")),
    }
}

/// What is to be said of an exchange; `judge` says what is wrong with the answer's body.
fn judge(
    what: &str,
    exchange: Exchange,
    judge: impl FnOnce(&str) -> Result<String, String>,
) -> Finding {
    let Exchange { sent, came, answers, mut mistakes, silence } = exchange;
    let mut good = String::new();
    match (answers.as_slice(), silence) {
        ([], Some(Silence::Gone)) => {
            mistakes.push("no answer: the node closed its stdout".to_owned())
        }
        ([], _) => mistakes.push("no answer in time".to_owned()),
        ([first, more @ ..], _) => {
            match judge(first) {
                Ok(text) => good = text,
                Err(flaw) => mistakes.push(flaw),
            }
            if !more.is_empty() {
                mistakes.push(format!("{} answers to one request", answers.len()));
            }
        }
    }
    let (grade, text) = match mistakes.is_empty() {
        true => (Grade::Good, good),
        false => (Grade::Mistake, mistakes.join("; ")),
    };
    Finding { grade, what: what.to_owned(), text, sent, came }
}

fn judge_init(body: &str) -> Result<String, String> {
    message::judge_init(body).map(|()| "init_ok".to_owned())
}

/// Looks for the reason why an answer did not come: ends the node's input, and sees what it says
/// then and how it ends.
fn explain_silence(subject: &mut Subject, findings: &mut Findings) {
    let Some(finding) = findings.0.last_mut() else { return };
    subject.node.end_input();
    let deadline = Deadline::after(LAST_LINES_TIME);
    let mut late = Vec::new();
    let ended = loop {
        match subject.node.hear(deadline) {
            Heard::Line(line) => late.push(line),
            Heard::End => break true,
            Heard::Nothing => break false,
        }
    };
    if !late.is_empty() {
        finding.text.push_str(match late.iter().all(|line| line.ended) {
            true => {
                "; it came only when the input ended: the node does not flush stdout after a line \
                 (in Python: print(..., flush=True))"
            }
            false => {
                "; a line without a newline came when the input ended: write a newline after every \
                 message, and flush"
            }
        });
        finding.came.extend(late.iter().map(|line| quote(line.text.as_bytes())));
    }
    if ended
        && let Some(status) = subject.node.exit_status()
        && !status.success()
    {
        finding.text.push_str(&format!("; the node ended with {status}"));
    }
    for line in subject.node.last_stderr_lines() {
        finding.came.push(format!("(stderr) {}", quote(line.as_bytes())));
    }
}
