//! Histories by hand, for the tests of all checkers.

use crate::history::{Event, Kind, Op, Process};

/// Nanoseconds between two events.
pub(crate) const STEP: u64 = 1_000_000;

/// A history that numbers its events and lets one millisecond pass between them.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) events: Vec<Event<u64>>,
}

impl History {
    fn push(&mut self, process: Process, kind: Kind, op: Op<u64>) {
        let index = self.events.len() as u64;
        let time = index * STEP;
        self.events.push(Event { index, time, process, kind, op, error: None, is_final: false });
    }

    pub(crate) fn invoke(&mut self, process: u64, op: Op<u64>) {
        self.push(Process::Client(process), Kind::Invoke, op);
    }

    pub(crate) fn ok(&mut self, process: u64, op: Op<u64>) {
        self.push(Process::Client(process), Kind::Ok, op);
    }

    pub(crate) fn fail(&mut self, process: u64, op: Op<u64>) {
        self.push(Process::Client(process), Kind::Fail, op);
    }

    pub(crate) fn info(&mut self, process: u64, op: Op<u64>) {
        self.push(Process::Client(process), Kind::Info, op);
    }

    pub(crate) fn nemesis(&mut self, f: &str) {
        let op = Op::Nemesis { f: f.into(), value: Box::default() };
        self.push(Process::Nemesis, Kind::Info, op);
    }

    /// A whole operation of process 0.
    pub(crate) fn done(&mut self, invoked: Op<u64>, completed: Op<u64>) {
        self.invoke(0, invoked);
        self.ok(0, completed);
    }
}
