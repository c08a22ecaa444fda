//! What a run leaves behind.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{NodeId, Time};
use simulator::Statistics;

use crate::account::Bite;
use crate::options::Options;
use crate::workload::{AnyHistory, Checked, workload};
use crate::world::Problem;

/// What a run leaves behind. While only its workload knows what clients did, `H` is the events of that.
#[derive(Debug)]
pub struct Record<H = Box<dyn AnyHistory>> {
    /// Everything that clients and nemesis did.
    pub history: H,
    /// When the history began, in the time of the world; nodes had been started before.
    pub time_zero: Time,
    /// What the network counted.
    pub statistics: Statistics,
    /// What was wrong with nodes.
    pub problems: Vec<Problem>,
    /// Nodes that completed no operation while the run settled, if it did.
    pub unsettled: Vec<NodeId>,
    /// Nodes that were killed and completed no operation after their last start.
    pub unexamined: Vec<NodeId>,
    /// What a reader should know of how the run was kept.
    pub notes: Vec<String>,
    /// What the faults came to, by kind.
    pub bites: Vec<Bite>,
    /// How often each condition has held that nodes told.
    pub conditions: BTreeMap<String, u64>,
    /// The states that nodes went through in the main phase, where the options have them noted, each
    /// with the time after which it was first reached.
    pub reached: Vec<(Duration, u64)>,
    /// Whether the run was ended before its time.
    pub interrupted: bool,
    /// What the workload says of the run's messages, if it watched them.
    pub watched: Option<Checked>,
}

impl<H> Record<H> {
    /// The same, with its history as this makes it.
    pub(crate) fn map_history<T>(self, make: impl FnOnce(H) -> T) -> Record<T> {
        Record {
            history: make(self.history),
            time_zero: self.time_zero,
            statistics: self.statistics,
            problems: self.problems,
            unsettled: self.unsettled,
            unexamined: self.unexamined,
            notes: self.notes,
            bites: self.bites,
            conditions: self.conditions,
            reached: self.reached,
            interrupted: self.interrupted,
            watched: self.watched,
        }
    }
}

impl Record {
    /// The record of a run that did not begin, because of these problems or because the user wanted
    /// no run any more.
    pub fn of_no_run(options: &Options, problems: Vec<Problem>) -> Self {
        Self {
            history: workload(options).nothing(),
            time_zero: Time::ZERO,
            statistics: Statistics::default(),
            interrupted: problems.is_empty(),
            problems,
            unsettled: Vec::new(),
            unexamined: Vec::new(),
            notes: Vec::new(),
            bites: Vec::new(),
            conditions: BTreeMap::new(),
            reached: Vec::new(),
            watched: None,
        }
    }
}
