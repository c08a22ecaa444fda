//! What a run leaves behind.

use proto::{NodeId, Time};
use simulator::Statistics;

use crate::account::Bite;
use crate::options::Options;
use crate::workload::{AnyHistory, Checked, workload};
use crate::world::Problem;

/// What a run leaves behind.
#[derive(Debug)]
pub struct Record {
    /// Everything that clients and nemesis did.
    pub history: Box<dyn AnyHistory>,
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
    /// Whether the run was ended before its time.
    pub interrupted: bool,
    /// What the workload says of the run's messages, if it watched them.
    pub watched: Option<Checked>,
}

/// A record without its history.
#[derive(Debug)]
pub(crate) struct Unjudged {
    pub(super) time_zero: Time,
    pub(super) statistics: Statistics,
    pub(super) problems: Vec<Problem>,
    pub(super) unsettled: Vec<NodeId>,
    pub(super) unexamined: Vec<NodeId>,
    pub(super) notes: Vec<String>,
    pub(super) bites: Vec<Bite>,
    pub(super) interrupted: bool,
}

impl Unjudged {
    pub(crate) fn with_history(self, history: Box<dyn AnyHistory>) -> Record {
        let Self {
            time_zero,
            statistics,
            problems,
            unsettled,
            unexamined,
            notes,
            bites,
            interrupted,
        } = self;
        Record {
            history,
            time_zero,
            statistics,
            problems,
            unsettled,
            unexamined,
            notes,
            bites,
            interrupted,
            watched: None,
        }
    }
}

impl Record {
    /// The record of a run that did not begin, because of these problems or because the user wanted
    /// no run any more.
    pub fn of_no_run(options: &Options, problems: Vec<Problem>) -> Self {
        let record = Unjudged {
            time_zero: Time::ZERO,
            statistics: Statistics::default(),
            interrupted: problems.is_empty(),
            problems,
            unsettled: Vec::new(),
            unexamined: Vec::new(),
            notes: Vec::new(),
            bites: Vec::new(),
        };
        record.with_history(workload(options).nothing())
    }
}
