//! Histories of operations, and what may be said of them.
//!
//! A run of a test bench leaves a history: [`Event`]s in the order in which they happened. Each
//! module here that is named after a property takes such a slice and says whether the property
//! holds, with an explanation. Everything is a pure function of the history: no clock, no
//! randomness, no I/O, and no answer that depends on the order of a hash map.
//!
//! | module | workloads | question |
//! |---|---|---|
//! | [`linearizable`] | lin-kv | is there one order that explains every result? |
//! | [`log`] | kafka | does everybody see one log for each key, without holes? |
//! | [`set`] | broadcast, g-set | is everything that was added still there, and since when for all? |
//! | [`unique`] | unique-ids | did any id come twice? |
//! | [`counter`] | g-counter, pn-counter | does every final read show a sum that can be? |
//! | [`causal`] | | do ids respect causality; was a write lost to one that had not seen it? |
//! | [`echo`] | echo | did every reply carry what was sent? |
//! | [`transactions`] | txn-list-append, txn-rw-register | which consistency models do the reads exclude? |
//! | [`stats`] | all | outcomes, availability, latencies, what went on during faults |

pub mod causal;
pub mod counter;
pub mod echo;
pub mod history;
mod json;
pub mod linearizable;
pub mod log;
pub mod operation;
pub mod quantiles;
pub mod set;
pub mod stats;
pub mod transactions;
pub mod unique;
pub mod verdict;

#[cfg(test)]
mod testing;

pub use history::{Action, Event, Kind, Op, OpError, Process};
pub use operation::{Malformed, MalformedReason, Operation, Record, operations};
pub use verdict::Verdict;
