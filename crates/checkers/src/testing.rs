//! Histories by hand, for the tests of all checkers.

use crate::history::{Event, Kind, Op};

/// Nanoseconds between two events.
pub(crate) const STEP: u64 = 1_000_000;

/// A history that numbers its events and lets one millisecond pass between them.
pub(crate) struct History<O> {
    pub(crate) events: Vec<Event<O>>,
}

impl<O> Default for History<O> {
    fn default() -> Self {
        Self { events: Vec::new() }
    }
}

impl<O: Op> History<O> {
    fn push(&mut self, process: u64, kind: Kind, op: O) {
        let index = self.events.len() as u64;
        self.events.push(Event::of_client(index, index * STEP, process, kind, op));
    }

    pub(crate) fn invoke(&mut self, process: u64, op: O) {
        self.push(process, Kind::Invoke, op);
    }

    pub(crate) fn ok(&mut self, process: u64, op: O) {
        self.push(process, Kind::Ok, op);
    }

    pub(crate) fn fail(&mut self, process: u64, op: O) {
        self.push(process, Kind::Fail, op);
    }

    pub(crate) fn info(&mut self, process: u64, op: O) {
        self.push(process, Kind::Info, op);
    }

    pub(crate) fn nemesis(&mut self, f: &str) {
        let index = self.events.len() as u64;
        self.events.push(Event::of_nemesis(index, index * STEP, f, serde_json::Value::Null));
    }

    /// A whole operation of process 0.
    pub(crate) fn done(&mut self, invoked: O, completed: O) {
        self.invoke(0, invoked);
        self.ok(0, completed);
    }
}
