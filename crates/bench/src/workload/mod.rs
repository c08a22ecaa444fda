//! What clients do and what is checked: one file or folder a workload, and one line in
//! [`registry`]. A file has all that is known of its workload: the operations, how they are asked and
//! how strictly answers are read, the generator, what errors mean, the checker and its figures, the
//! steps by which `check-node` examines a node, and where we are stricter than Maelstrom. Nothing
//! else in the bench knows one workload from another.
//!
//! A workload of one's own is a type that implements [`Workload`] and a [`Kind`] that describes it,
//! handed to [`registry::register`].
//!
//! Meanings and figures are Maelstrom's; where it is known to err (null reads in lin-kv, duplicates
//! in set reads, ...) we are stricter, and the results say so under `notes`.

mod any;
mod broadcast;
mod counter;
mod echo;
mod examination;
mod g_set;
mod id_causality;
mod kafka;
mod lin_kv;
mod lock;
pub mod registry;
mod searched;
mod set;
mod settings;
mod topology;
mod txn;
mod unique_ids;
mod watch;

use std::fmt;
use std::time::Duration;

use checkers::history::{Event, Op};
use checkers::{Kind as EventKind, Process, Verdict};
use proto::{Json, NodeId};
use serde::{Serialize, Serializer};
use serde_json::Value;
use simulator::Random;

use crate::compat::Compat;
use crate::exhibit::{Exhibit, Highlight, Lead};
use crate::wire::{Fields, Request};

pub use self::any::{AnyEvent, AnyHistory, AnyWorkload, Misfit, workload};
pub use self::examination::{Exam, Expected, Question, Rule, SUBJECT, Step};
pub use self::settings::{Flag, Settings, is};
pub use self::topology::{TopologyName, neighbours};
pub use self::watch::{SharedWatch, Watch};

/// A workload: what its clients ask, how answers are read, and what may be said of a history.
pub trait Workload: 'static {
    /// What clients ask and get back.
    type Op: Op;

    /// Who follows the messages of a run of these nodes, if the workload has something to say of them.
    fn watch(&self, nodes: &[NodeId]) -> Option<Box<dyn Watch>> {
        let _ = nodes;
        None
    }

    /// What each node is told before the run, if anything. The reply has no fields.
    fn set_up(&self) -> Option<Request> {
        None
    }

    /// The next operation of this worker.
    fn operation(&mut self, worker: Worker, random: &mut Random) -> Self::Op;

    /// Whether workers go on after the recovery, to see what came of it all.
    fn has_final_phase(&self) -> bool {
        false
    }

    /// What this worker does next in the final phase; nothing when it is done.
    fn final_operation(&mut self, worker: Worker) -> Option<Self::Op> {
        let _ = worker;
        None
    }

    /// Learns how an operation of this worker ended.
    fn ended(&mut self, worker: Worker, kind: EventKind, op: &Self::Op) {
        let _ = (worker, kind, op);
    }

    /// What an error means for this operation.
    fn on_error(&self, op: &Self::Op) -> OnError {
        let _ = op;
        OnError::AsTheCodeSays
    }

    /// How long a client waits for a reply.
    fn timeout(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Which of the idle workers begins the next operation, by its place among them; any, if the
    /// workload does not mind.
    fn choose(&self, idle: &[usize], random: &mut Random) -> Option<usize> {
        let _ = (idle, random);
        None
    }

    /// Whether a client goes on under its own name after an operation of unknown outcome.
    fn keeps_clients(&self) -> bool {
        false
    }

    /// The request for an operation.
    fn request(&self, op: &Self::Op) -> Request;

    /// Writes what came back into the operation. What is not taken from `reply` does not belong there.
    ///
    /// # Errors
    /// Says what is wrong with the reply.
    fn accept(&self, op: &mut Self::Op, reply: &mut Fields<'_>) -> Result<(), String>;

    /// The operation of a request that no client has made: a Byzantine node did, in a body that a
    /// client could have sent. Nothing, where what such a node makes up leaves no trace.
    fn invented(&self, body: &str) -> Option<Self::Op> {
        let _ = body;
        None
    }

    /// Reads an operation as an event of a stored history has it; `asked` is what its process invoked,
    /// if the event is a completion.
    ///
    /// # Errors
    /// Says what is wrong with it.
    fn restore(&self, stored: &Stored, asked: Option<&Self::Op>) -> Result<Self::Op, String>;

    /// What may be said of the history. `stop` is asked now and then whether to give up.
    fn check(&self, history: &[Event<Self::Op>], stop: &mut dyn FnMut() -> bool) -> Checked;

    /// What may be said of the history of a run that ended before its time. Where it takes what comes later
    /// to show that something is wrong, nothing is wrong yet.
    fn check_cut_short(
        &self,
        history: &[Event<Self::Op>],
        stop: &mut dyn FnMut() -> bool,
    ) -> Checked {
        self.check(history, stop)
    }

    /// One of each message, for a node that is alone in its cluster: what `check-node` asks.
    fn examination(&self) -> Vec<Step<Self::Op>>;
}

/// What an event of a stored history says of its operation.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The function; nothing where the history does not say.
    pub f: String,
    /// The key, in workloads that have keys.
    pub key: Option<Json>,
    /// The value as JSON text; `null` where there is none. Many are long, and workloads read them as what
    /// they are.
    pub text: String,
    /// Beginning or outcome.
    pub kind: EventKind,
}

impl Stored {
    /// Whether it is of this function; Elle's histories may leave out which it is.
    pub(crate) fn is_of(&self, f: &str) -> bool {
        self.f.is_empty() || *self.f == *f
    }

    /// The error for a function that the workload does not know.
    pub fn unknown(&self) -> String {
        match &*self.f {
            "" => "`f`: not there".to_owned(),
            f => {
                let having = registry::with_function(f);
                let hint = match &having[..] {
                    [] => String::new(),
                    [only] => format!("; the one that has it is {only}"),
                    _ => format!("; those that have it are {}", having.join(", ")),
                };
                format!("this workload has no function `{f}`{hint}")
            }
        }
    }

    /// The key, if there is one, and the value, in workloads that have keys. Jepsen's histories of
    /// independent keys have both in the value, as a pair; one of a single object has none. `is_value`
    /// says whether the second of a pair can be a value.
    pub fn keyed(&self, is_value: impl FnOnce(&Json) -> bool) -> (Option<Json>, Json) {
        if let Some(key) = &self.key {
            return (Some(key.clone()), self.value());
        }
        match serde_json::from_str(&self.text) {
            Ok((key, value)) if is_value(&value) => (Some(key), value.distinguishing_floats()),
            _ => (None, self.value()),
        }
    }

    /// The value. As in a reply, an integer is no float.
    pub fn value(&self) -> Json {
        // It was read as JSON, so it is.
        Json::parse(&self.text).map_or_else(|_| Json::null(), Json::distinguishing_floats)
    }

    /// The value of an event that succeeded; otherwise nothing came back.
    pub fn came_back(&self) -> Option<Json> {
        (self.kind == EventKind::Ok).then(|| self.value())
    }
}

/// A worker as a workload sees it.
#[derive(Clone, Copy, Debug)]
pub struct Worker {
    /// Its place among all workers.
    pub index: usize,
    /// The process it is at the moment; another one after each operation of unknown outcome.
    pub process: u64,
}

/// What an error reply or a time-out means for an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnError {
    /// A definite error: it did not happen. Anything else: unknown.
    AsTheCodeSays,
    /// It changes nothing, so whatever comes it did not happen.
    Idempotent,
    /// Unknown, even for a definite error, as Maelstrom takes it for sets and counters.
    AlwaysUnknown,
}

/// What a checker found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The verdict.
    pub verdict: Verdict,
    /// The checker's results, as Maelstrom names them.
    pub results: Value,
    /// Why it is not valid, for people: the first offending operation first.
    pub causes: Vec<String>,
    /// What a reader should know before believing the verdict.
    pub notes: Vec<String>,
    /// Figures that people look for first.
    pub highlights: Vec<Highlight>,
    /// Where to look first, if something is wrong.
    pub lead: Option<Lead>,
    /// What a report draws.
    pub exhibits: Vec<Exhibit>,
}

impl Checked {
    /// A checker's results with a cause that is told unless all is well. Its counts are digits, also where
    /// there is one of something: failures are alike that differ in digits only.
    pub fn new(verdict: Verdict, results: &impl Serialize, cause: impl FnOnce() -> String) -> Self {
        let results = serde_json::to_value(results).unwrap_or(Value::Null);
        let causes = if verdict == Verdict::Valid { Vec::new() } else { vec![cause()] };
        let (notes, highlights, exhibits) = (Vec::new(), Vec::new(), Vec::new());
        Self { verdict, results, causes, notes, highlights, lead: None, exhibits }
    }

    /// Nothing can be said, for this reason.
    pub fn unknown(results: Value, cause: String) -> Self {
        Self::new(Verdict::Unknown, &results, || cause)
    }

    /// The checker could not make sense of the history, which is a defect of the bench.
    pub fn malformed(error: &checkers::Malformed) -> Self {
        Self::unknown(Value::Null, format!("the history cannot be checked: {error}"))
    }
}

/// A figure: its path in `results.json`, where `*` stands for any name, and what it is.
pub type Figure = (&'static str, &'static str);

/// What is known of a workload before it begins: its line in the registry leads here.
#[derive(Debug)]
pub struct Kind {
    /// The name on the command line and in `store/`.
    pub name: &'static str,
    /// What nodes do in it, in one line.
    pub summary: &'static str,
    /// Client workers a node, by default and at least.
    pub workers_per_node: usize,
    /// Flags of its own.
    pub flags: &'static [Flag],
    /// The figures that its checker gives.
    pub figures: &'static [Figure],
    /// Where the figures `p50`, `p95`, `p99` and `max` come from.
    pub headline: Headline,
    /// In what it is stricter than Maelstrom.
    pub stricter: &'static str,
    /// A workload under these conditions.
    pub begin: fn(&Conditions<'_>) -> Box<dyn AnyWorkload>,
}

/// What a workload knows of the run that it is begun for.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// The names of the nodes.
    pub nodes: &'a [NodeId],
    /// How many client workers there are.
    pub concurrency: usize,
    /// Mean latency of a message between servers.
    pub latency: Duration,
    /// Whom to follow in what is done better here.
    pub compat: Option<Compat>,
    /// Flags of the workload that are not left to their defaults.
    pub settings: &'a Settings,
}

/// Which latencies of a workload people mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Headline {
    /// Those of operations that succeeded.
    Operations,
    /// The times until additions were seen by every read.
    StableLatencies,
}

/// The name of a workload that there is.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadName(&'static Kind);

impl WorkloadName {
    /// The name on the command line and in `store/`.
    pub const fn as_str(self) -> &'static str {
        self.0.name
    }

    /// What is known of it.
    pub const fn kind(self) -> &'static Kind {
        self.0
    }

    /// How many workers there are by default.
    pub const fn default_concurrency(self, nodes: usize) -> usize {
        self.0.workers_per_node * nodes
    }
}

impl From<&'static Kind> for WorkloadName {
    fn from(kind: &'static Kind) -> Self {
        Self(kind)
    }
}

impl PartialEq for WorkloadName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for WorkloadName {}

impl fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for WorkloadName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        registry::find(name).ok_or_else(|| {
            let names: Vec<_> = registry::all().iter().map(|kind| kind.name).collect();
            format!("has to be one of {}", names.join(", "))
        })
    }
}

impl Serialize for WorkloadName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A process at the beginning of a sentence.
fn capital(process: Process) -> String {
    match process {
        Process::Client(number) => format!("Process {number}"),
        Process::Nemesis => "The nemesis".to_owned(),
    }
}

/// Whether this is the first time that the worker asks; for workloads whose workers do one thing at
/// the end.
fn once(have_asked: &mut Vec<bool>, worker: Worker) -> bool {
    if have_asked.len() <= worker.index {
        have_asked.resize(worker.index + 1, false);
    }
    !std::mem::replace(&mut have_asked[worker.index], true)
}
