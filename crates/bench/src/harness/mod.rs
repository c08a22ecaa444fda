//! A run from beginning to end, in whichever world: clients that ask at a rate, a nemesis that
//! breaks things, and a history of it all.
//!
//! The phases are Maelstrom's: set-up, the main phase, then (for workloads with final operations)
//! healing, a pause to recover, and a last operation by every worker. `--settle` adds a phase after
//! healing in which clients go on. Where nodes were killed and neither phase follows, those that have
//! not served since are started and asked: a restart that nobody sees tests nothing. One loop drives
//! everything: it starts what is due and waits in the world for the next reply, at most until something
//! else is due.

mod clients;
mod complaints;
mod faults;
mod members;
mod operations;
mod phases;
mod record;
mod set_up;
mod talk;
mod traffic;

use std::collections::VecDeque;
use std::time::Duration;

use checkers::{Action, Event, Kind, OpError, Process};
use proto::{NodeId, Time};
use simulator::Random;

use self::clients::Clients;
pub use self::record::Record;
use self::talk::Talk;
use crate::account::Account;
use crate::nemesis::{Nemesis, Told};
use crate::operator::Operator;
use crate::options::{Options, Source};
use crate::progress::Progress;
use crate::workload::Workload;
use crate::world::{Problem, World};

/// Runs a workload in a world. Everything that goes wrong is in the record; if a node fails at the
/// set-up already, that is a problem of kind [`NotStarted`](crate::world::ProblemKind::NotStarted) and
/// there is no history.
pub(crate) fn run<W: Workload>(
    world: &mut dyn World,
    options: &Options,
    workload: &mut W,
    progress: &mut dyn Progress,
) -> Record<Vec<Event<W::Op>>> {
    let mut harness = Harness::new(world, options, workload, progress);
    match harness.set_up() {
        Ok(()) => {
            harness.run_main_phase();
            harness.run_last_phases();
        }
        Err(problem) => harness.problems.push(problem),
    }
    harness.into_record()
}

/// What the harness knows of a node.
#[derive(Clone, Default)]
struct NodeState {
    /// It was dead when last looked at.
    is_down: bool,
    /// Whether it was killed, or died, and was started again.
    has_restarted: bool,
    /// Nobody has asked it anything since its restart.
    is_fresh: bool,
    /// It has completed an operation since its last start.
    has_served: bool,
    /// What it was asked and what it answered.
    talk: Talk,
    /// It is Byzantine.
    lies: bool,
}

struct Harness<'a, W: Workload> {
    world: &'a mut dyn World,
    options: &'a Options,
    workload: &'a mut W,
    progress: &'a mut dyn Progress,
    random: Random,
    nemesis: Nemesis,
    operator: Operator,
    account: Account,
    clients: Clients<W::Op>,
    /// Time zero of the history.
    origin: Time,
    history: Vec<Event<W::Op>>,
    /// When all chance is drawn anew, and from which seeds.
    reseeds: VecDeque<(Duration, u64)>,
    /// How many requests Byzantine nodes have made up.
    invented: u64,
    /// When the nemesis last began or ended something.
    last_fault: Time,
    /// Problems that the world does not see: late replies, and what a failed set-up was.
    problems: Vec<Problem>,
    nodes: Vec<NodeState>,
    /// Nodes that completed an operation since the run began to settle.
    settled: Vec<bool>,
    unsettled: Vec<NodeId>,
}

impl<'a, W: Workload> Harness<'a, W> {
    fn new(
        world: &'a mut dyn World,
        options: &'a Options,
        workload: &'a mut W,
        progress: &'a mut dyn Progress,
    ) -> Self {
        let nodes = world.node_ids().len();
        Self {
            origin: world.now(),
            world,
            options,
            workload,
            progress,
            random: Random::new(options.seed, "generator")
                .sparing(options.chance.spared(Source::Generator)),
            nemesis: Nemesis::new(options, Time::MAX),
            operator: Operator::new(options),
            account: Account::new(&options.nemesis),
            clients: Clients::new(options.concurrency, nodes),
            history: Vec::new(),
            reseeds: VecDeque::new(),
            invented: 0,
            last_fault: Time::ZERO,
            problems: Vec::new(),
            nodes: vec![NodeState::default(); nodes],
            settled: vec![false; nodes],
            unsettled: Vec::new(),
        }
    }

    /// Whether the run has to end now, because its world cannot go on or who watches has seen enough.
    fn is_interrupted(&self) -> bool {
        self.world.interrupted() || self.progress.wants_end()
    }

    /// Handles one reply, and the time-outs that are due, at most until `until`.
    fn wait(&mut self, until: Time) {
        self.let_operator_act();
        self.account.leader(|| self.world.primary());
        let until = until.min(self.operator.next_due());
        let deadline = self.clients.first_deadline().map_or(Time::MAX, |(deadline, _)| deadline);
        let reply = self.world.wait(until.min(deadline));
        self.note_invented();
        match reply {
            Some(reply) => {
                self.receive(reply);
                // Replies that never end must not keep the others from timing out. What is due this
                // very moment may still be answered this very moment.
                self.expire(|deadline, now| deadline < now);
            }
            None => self.expire(|deadline, now| deadline <= now),
        }
        self.notice_deaths();
    }

    fn expire(&mut self, is_due: impl Fn(Time, Time) -> bool) {
        let now = self.world.now();
        while let Some((deadline, worker)) = self.clients.first_deadline()
            && is_due(deadline, now)
            && let Some(open) = self.clients.give_up(worker)
        {
            self.nodes[self.clients.node(worker)].talk.silence(open.asked, open.kind);
            self.give_up(worker, open, OpError::NetTimeout);
        }
    }

    /// Ends what was asked of nodes that have died.
    fn notice_deaths(&mut self) {
        for node in 0..self.nodes.len() {
            if !self.world.is_down(node) {
                self.nodes[node].is_down = false;
            } else if !self.nodes[node].is_down {
                self.bury(node);
            }
        }
    }

    /// Ends what was asked of a node: nobody will answer it.
    fn bury(&mut self, node: usize) {
        self.nodes[node].is_down = true;
        for worker in 0..self.clients.len() {
            if self.clients.node(worker) == node
                && let Some(open) = self.clients.give_up(worker)
            {
                self.give_up(worker, open, node_is_down());
            }
        }
    }

    fn record_client(
        &mut self,
        process: u64,
        kind: Kind,
        op: W::Op,
        error: Option<OpError>,
        is_final: bool,
    ) {
        let (process, action) = (Process::Client(process), Action::Client(op));
        self.record(process, kind, action, error, is_final);
    }

    fn record_fault(&mut self, (f, value): Told) {
        let action = Action::Nemesis { f: f.into(), value: Box::new(value) };
        self.record(Process::Nemesis, Kind::Info, action, None, false);
    }

    fn record(
        &mut self,
        process: Process,
        kind: Kind,
        action: Action<W::Op>,
        error: Option<OpError>,
        is_final: bool,
    ) {
        let time = self.world.now().since(self.origin).as_nanos();
        let event = Event {
            index: self.history.len() as u64,
            time: u64::try_from(time).unwrap_or(u64::MAX),
            process,
            kind,
            action,
            error: error.map(Box::new),
            is_final,
        };
        self.progress.event(&event);
        self.history.push(event);
    }

    /// The states that nodes went through in the main phase, with the seconds after which they did.
    fn reached(&mut self) -> Vec<(Duration, u64)> {
        let origin = self.origin;
        let reached = self.world.take_reached().into_iter();
        reached.map(|(time, state)| (time.max(origin).since(origin), state)).collect()
    }

    fn into_record(mut self) -> Record<Vec<Event<W::Op>>> {
        let mut problems: Vec<_> =
            self.world.problems().into_iter().chain(self.problems.iter().cloned()).collect();
        let hints = self.hints();
        problems.extend(self.silent_nodes(&problems, &hints));
        problems.extend(self.hanging_nodes(&problems, &hints));
        let unexamined = self.awaits_service().map(|node| self.world.node_ids()[node].clone());
        let unexamined = unexamined.filter(|node| !self.unsettled.contains(node)).collect();
        let reading = self.reading();
        let reached = self.reached();
        let interrupted = self.is_interrupted();
        let notes = self.world.notes().into_iter().chain(self.note_of_members());
        let notes = notes.chain(self.note_of_traffic()).collect();
        Record {
            history: self.history,
            unexamined,
            time_zero: self.origin,
            statistics: self.world.statistics(),
            problems,
            unsettled: self.unsettled,
            notes,
            bites: self.account.close(reading),
            conditions: self.world.conditions(),
            reached,
            interrupted,
            watched: None,
        }
    }
}

fn node_is_down() -> OpError {
    OpError::Other("the node is down".to_owned())
}
