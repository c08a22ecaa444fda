//! Which workloads there are: one line each. A program that brings its own registers them before it
//! reads its command line.

use std::sync::{Mutex, PoisonError};

use super::{
    Kind, WorkloadName, broadcast, counter, echo, g_set, kafka, lin_kv, lock, txn, unique_ids,
    workload,
};
use crate::options::Options;

/// The workloads of this crate.
const OURS: &[&Kind] = &[
    &echo::KIND,
    &unique_ids::KIND,
    &broadcast::KIND,
    &g_set::KIND,
    &counter::G_COUNTER,
    &counter::PN_COUNTER,
    &lin_kv::KIND,
    &kafka::KIND,
    &txn::LIST_APPEND,
    &txn::RW_REGISTER,
    &lock::KIND,
];

/// The one that a run has if nothing else is said.
pub const DEFAULT: &str = lin_kv::KIND.name;

/// The one that asks least of a node, with which to begin.
pub const SIMPLEST: &str = echo::KIND.name;

/// The workloads that others have brought.
static OTHERS: Mutex<Vec<&'static Kind>> = Mutex::new(Vec::new());

/// Adds a workload, which can be named on the command line from now on. One of a name that is there
/// already takes its place.
pub fn register(kind: &'static Kind) {
    OTHERS.lock().unwrap_or_else(PoisonError::into_inner).push(kind);
}

/// All workloads.
pub fn all() -> Vec<&'static Kind> {
    let others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    OURS.iter().copied().chain(others.iter().copied()).collect()
}

/// The workload of this name.
pub fn find(name: &str) -> Option<WorkloadName> {
    all().into_iter().rev().find(|kind| kind.name == name).map(WorkloadName::from)
}

/// The names of the workloads whose clients call something so, as far as `check-node` asks it.
pub fn with_function(f: &str) -> Vec<&'static str> {
    let has_it = |kind: &&'static Kind| {
        let options = Options::new(WorkloadName::from(*kind)).with_nodes(1);
        workload(&options).functions().iter().any(|name| name == f)
    };
    all().into_iter().filter(has_it).map(|kind| kind.name).collect()
}

/// The workload of this name, for those who know that there is one.
///
/// # Panics
/// If there is none.
pub fn named(name: &str) -> WorkloadName {
    let Some(found) = find(name) else { panic!("there is no workload `{name}`") };
    found
}
