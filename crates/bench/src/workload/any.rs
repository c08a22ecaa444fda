//! Workloads whose operations are forgotten: what lets the rest of the bench deal with all of them
//! alike.

use std::collections::BTreeMap;
use std::io;

use checkers::history::{Action, Event, Op as _};
use checkers::stats::{Availability, FaultPhase, Latencies, Requirement, Stats};
use checkers::{Kind, Malformed, Process};
use proto::{MessageId, NodeId};

use super::examination::{Exam, Expected, Question, judge};
use super::{Checked, Stored, Watch, Workload};
use crate::harness::{self, Record};
use crate::options::Options;
use crate::progress::Progress;
use crate::wire::{self, Answer};
use crate::world::World;

/// An event of any workload.
pub trait AnyEvent {
    /// Nanoseconds since the run started.
    fn time(&self) -> u64;
    /// Who did it.
    fn process(&self) -> Process;
    /// Beginning or outcome.
    fn kind(&self) -> Kind;
    /// Whether it belongs to the final phase.
    fn is_final(&self) -> bool;
    /// The name of the function or of the fault.
    fn f(&self) -> &str;
    /// Adds it to `out` as a line of `history.jsonl`, without the end of the line.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    fn write(&self, out: &mut Vec<u8>) -> io::Result<()>;
}

impl<O: checkers::Op> AnyEvent for Event<O> {
    fn time(&self) -> u64 {
        self.time
    }

    fn process(&self) -> Process {
        self.process
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn is_final(&self) -> bool {
        self.is_final
    }

    fn f(&self) -> &str {
        self.f()
    }

    fn write(&self, out: &mut Vec<u8>) -> io::Result<()> {
        Ok(proto::write_json(self, out)?)
    }
}

/// A history of any workload, together with the workload that can judge it.
pub trait AnyHistory: std::fmt::Debug {
    /// Every event.
    fn events(&self) -> Box<dyn Iterator<Item = &dyn AnyEvent> + '_>;
    /// See [`checkers::stats::stats`].
    fn stats(&self) -> Stats;
    /// See [`checkers::stats::availability`].
    fn availability(&self, requirement: Option<Requirement>) -> Availability;
    /// See [`checkers::stats::latencies`].
    ///
    /// # Errors
    /// When no clients can have produced the history.
    fn latencies(&self) -> Result<(Option<Latencies>, BTreeMap<String, Latencies>), Malformed>;
    /// See [`checkers::stats::fault_phases`].
    ///
    /// # Errors
    /// When no clients can have produced the history.
    fn fault_phases(&self) -> Result<Vec<FaultPhase>, Malformed>;
    /// What the workload says of it, if it is all that was to be.
    fn check(&self, stop: &mut dyn FnMut() -> bool) -> Checked;
    /// What the workload says of it, if the run ended before its time.
    fn check_cut_short(&self, stop: &mut dyn FnMut() -> bool) -> Checked;
}

/// A history with its workload.
struct Judged<W: Workload> {
    workload: W,
    events: Vec<Event<W::Op>>,
}

impl<W: Workload> std::fmt::Debug for Judged<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judged").field("events", &self.events).finish_non_exhaustive()
    }
}

impl<W: Workload> AnyHistory for Judged<W> {
    fn events(&self) -> Box<dyn Iterator<Item = &dyn AnyEvent> + '_> {
        Box::new(self.events.iter().map(|event| -> &dyn AnyEvent { event }))
    }

    fn stats(&self) -> Stats {
        checkers::stats::stats(&self.events)
    }

    fn availability(&self, requirement: Option<Requirement>) -> Availability {
        checkers::stats::availability(&self.events, requirement)
    }

    fn latencies(&self) -> Result<(Option<Latencies>, BTreeMap<String, Latencies>), Malformed> {
        checkers::stats::latencies(&self.events)
    }

    fn fault_phases(&self) -> Result<Vec<FaultPhase>, Malformed> {
        checkers::stats::fault_phases(&self.events)
    }

    fn check(&self, stop: &mut dyn FnMut() -> bool) -> Checked {
        self.workload.check(&self.events, stop)
    }

    fn check_cut_short(&self, stop: &mut dyn FnMut() -> bool) -> Checked {
        self.workload.check_cut_short(&self.events, stop)
    }
}

/// An event of a stored history that is none of the workload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misfit {
    /// Its place in the history, from 0.
    pub position: usize,
    /// What is wrong with it.
    pub flaw: String,
}

/// The workload of a run.
pub fn workload(options: &Options) -> Box<dyn AnyWorkload> {
    (options.workload.kind().begin)(&options.conditions())
}

/// A workload whose operations are forgotten.
pub trait AnyWorkload {
    /// Runs it in a world, from the set-up to the last operation.
    fn run(
        self: Box<Self>,
        world: &mut dyn World,
        options: &Options,
        progress: &mut dyn Progress,
    ) -> Record;

    /// Who follows the messages of a run of these nodes, if anybody.
    fn watch(&self, nodes: &[NodeId]) -> Option<Box<dyn Watch>>;

    /// A history without events: that of a run that did not begin.
    fn nothing(self: Box<Self>) -> Box<dyn AnyHistory>;

    /// A stored history as this workload understands it.
    ///
    /// # Errors
    /// The first event that it does not understand.
    fn restore(self: Box<Self>, events: Vec<Event<Stored>>) -> Result<Box<dyn AnyHistory>, Misfit>;

    /// What `check-node` asks, in order.
    fn examination(self: Box<Self>) -> Vec<Exam>;

    /// The names of the functions that `check-node` asks for.
    fn functions(&self) -> Vec<String>;
}

impl<W: Workload> AnyWorkload for W {
    fn run(
        mut self: Box<Self>,
        world: &mut dyn World,
        options: &Options,
        progress: &mut dyn Progress,
    ) -> Record {
        let record = harness::run(world, options, &mut *self, progress);
        record.map_history(|events| -> Box<dyn AnyHistory> {
            Box::new(Judged { workload: *self, events })
        })
    }

    fn watch(&self, nodes: &[NodeId]) -> Option<Box<dyn Watch>> {
        Workload::watch(self, nodes)
    }

    fn nothing(self: Box<Self>) -> Box<dyn AnyHistory> {
        Box::new(Judged { workload: *self, events: Vec::new() })
    }

    fn restore(self: Box<Self>, events: Vec<Event<Stored>>) -> Result<Box<dyn AnyHistory>, Misfit> {
        let mut open: BTreeMap<Process, W::Op> = BTreeMap::new();
        let mut restored = Vec::with_capacity(events.len());
        for (position, event) in events.into_iter().enumerate() {
            let Event { index, time, process, kind, action, error, is_final } = event;
            let action = match action {
                Action::Client(stored) => {
                    let asked = open.remove(&process);
                    let asked = asked.filter(|_| kind != Kind::Invoke);
                    let told = (*self).restore(&stored, asked.as_ref());
                    let op = match (told, asked) {
                        (Ok(told), Some(asked)) if asked.is_completed_by(&told) => told,
                        // What did not come to be, or of which nobody knows, need not be told again:
                        // Jepsen may have the reason there.
                        (_, Some(asked)) if kind != Kind::Ok && stored.is_of(asked.f()) => asked,
                        (told, _) => told.map_err(|flaw| Misfit { position, flaw })?,
                    };
                    if kind == Kind::Invoke {
                        open.insert(process, op.clone());
                    }
                    Action::Client(op)
                }
                Action::Nemesis { f, value } => Action::Nemesis { f, value },
            };
            restored.push(Event { index, time, process, kind, action, error, is_final });
        }
        let events = restored;
        Ok(Box::new(Judged { workload: *self, events }))
    }

    fn functions(&self) -> Vec<String> {
        let name = |step: super::Step<W::Op>| match step.question {
            Question::Op(op) => Some(op.f().to_owned()),
            Question::SetUp(_) => None,
        };
        Workload::examination(self).into_iter().filter_map(name).collect()
    }

    fn examination(self: Box<Self>) -> Vec<Exam> {
        let workload = std::rc::Rc::new(*self);
        let steps = workload.examination();
        let exam = |step: super::Step<W::Op>| {
            let workload = std::rc::Rc::clone(&workload);
            let request = match &step.question {
                Question::SetUp(request) => request.clone(),
                Question::Op(op) => workload.request(op),
            };
            let kind = request.kind;
            let judge_body = move |body: &str| match step.question {
                Question::SetUp(_) => {
                    judge(&wire::read(kind, body, |_| Ok(())), &Expected::<()>::Reply, None)
                }
                Question::Op(mut op) => {
                    let answer = wire::read(kind, body, |reply| workload.accept(&mut op, reply));
                    let done = (answer == Answer::Ok).then_some(&op);
                    judge(&answer, &step.expected, done)
                }
            };
            Exam { body: request.body(MessageId(0)), judge: Box::new(judge_body) }
        };
        steps.into_iter().map(exam).collect()
    }
}
