//! What clients do and what is checked, one file a workload: messages, operations, checker.
//!
//! Meanings and figures are Maelstrom's; where it is known to err (null reads in lin-kv, duplicates
//! in set reads, ...) we are stricter, and the results say so under `notes`.

mod broadcast;
mod counter;
mod echo;
mod g_set;
mod lin_kv;
mod set;
mod topology;
mod unique_ids;

use std::time::Duration;

use checkers::{Event, Op, Verdict};
use proto::Json;
use serde_json::Value;
use simulator::Random;

use crate::options::{Options, WorkloadName};
use crate::world::Topology;

pub use self::topology::neighbours;

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
}

impl Checked {
    /// A checker's results with a cause that is told unless all is well.
    fn new(
        verdict: Verdict,
        results: &impl serde::Serialize,
        cause: impl FnOnce() -> String,
    ) -> Self {
        let results = serde_json::to_value(results).unwrap_or(Value::Null);
        let causes = if verdict == Verdict::Valid { Vec::new() } else { vec![cause()] };
        Self { verdict, results, causes }
    }

    /// The checker could not make sense of the history, which is a defect of the bench.
    fn malformed(error: &checkers::Malformed) -> Self {
        let text = format!("the history cannot be checked: {error}");
        Self { verdict: Verdict::Unknown, results: Value::Null, causes: vec![text] }
    }
}

/// A workload.
pub trait Workload {
    /// The links that each node is told before the run, if any.
    fn topology(&self) -> Option<Topology> {
        None
    }

    /// The next operation of this worker.
    fn operation(&mut self, worker: Worker, random: &mut Random) -> Op<Json>;

    /// What every worker does once after the recovery, if there is such a phase.
    fn final_operation(&self) -> Option<Op<Json>> {
        None
    }

    /// What an error means for this operation.
    fn on_error(&self, op: &Op<Json>) -> OnError {
        let _ = op;
        OnError::AsTheCodeSays
    }

    /// How long a client waits for a reply.
    fn timeout(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Whether a client goes on under its own name after an operation of unknown outcome.
    fn keeps_clients(&self) -> bool {
        false
    }

    /// What may be said of the history. `stop` is asked now and then whether to give up.
    fn check(&self, history: &[Event<Json>], stop: &mut dyn FnMut() -> bool) -> Checked;
}

/// The workload of a run.
pub fn workload(options: &Options) -> Box<dyn Workload> {
    match options.workload {
        WorkloadName::Echo => Box::new(echo::Echo),
        WorkloadName::UniqueIds => Box::new(unique_ids::UniqueIds),
        WorkloadName::Broadcast => Box::new(broadcast::Broadcast::new(options)),
        WorkloadName::GSet => Box::new(g_set::GSet::default()),
        WorkloadName::GCounter => Box::new(counter::Counter { grow_only: true }),
        WorkloadName::PnCounter => Box::new(counter::Counter { grow_only: false }),
        WorkloadName::LinKv => Box::new(lin_kv::LinKv::new(options)),
    }
}
