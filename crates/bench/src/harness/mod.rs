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
mod record;
mod set_up;

use std::time::Duration;

use checkers::{Action, Event, Kind, OpError, Process};
use proto::{MessageId, NodeId, Time};
use simulator::Random;

use self::clients::{Clients, Open};
use self::faults::node_is_byzantine;
pub use self::record::Record;
use crate::account::Account;
use crate::nemesis::{Nemesis, Told};
use crate::operator::Operator;
use crate::options::Options;
use crate::progress::Progress;
use crate::wire::{self, Answer};
use crate::workload::{OnError, Workload};
use crate::world::{Problem, Reply, World};

/// An operation that starts this late is still held to belong to the schedule; after a longer
/// stall the schedule goes on from where it is, without catching up.
const LATENESS_MAX: Duration = Duration::from_millis(10);
/// How long restarted nodes are asked at the end before they count as not examined.
const EXAMINATION_TIME: Duration = Duration::from_secs(10);
/// How long after a refusal such a node is asked again.
const EXAMINATION_GAP: Duration = Duration::from_millis(100);

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
    /// Operations that it was asked for while it was not known to be dead.
    asked: u64,
    /// Those among them that it answered, in whatever way.
    answered: u64,
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
    started: u64,
    /// How many requests Byzantine nodes have made up.
    invented: u64,
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
            random: Random::new(options.seed, "generator"),
            nemesis: Nemesis::new(options, Time::MAX),
            operator: Operator::new(nodes, options.seed),
            account: Account::new(&options.nemesis),
            clients: Clients::new(options.concurrency, nodes),
            history: Vec::new(),
            started: 0,
            invented: 0,
            problems: Vec::new(),
            nodes: vec![NodeState::default(); nodes],
            settled: vec![false; nodes],
            unsettled: Vec::new(),
        }
    }

    fn run_main_phase(&mut self) {
        self.progress.phase("running");
        self.origin = self.world.now();
        self.nemesis = Nemesis::new(self.options, self.origin);
        let most = self.options.max_operations;
        self.generate(self.origin + self.options.time_limit, most);
        self.drain();
    }

    fn run_last_phases(&mut self) {
        let settles = !self.options.settle.is_zero();
        let has_final_phase = self.workload.has_final_phase();
        let examines = !settles && !has_final_phase && self.awaits_service().next().is_some();
        if !settles && !has_final_phase && !examines {
            return;
        }
        for step in self.nemesis.stop_all() {
            self.carry_out(step);
        }
        self.await_members();
        if examines {
            self.examine_restarted();
        }
        if settles {
            self.progress.phase("settling");
            self.settled.fill(false);
            // However few operations the main phase has, every node is to be seen at work here.
            self.generate(self.world.now() + self.options.settle, None);
            self.drain();
            let nodes = self.world.node_ids().iter().zip(&self.settled);
            self.unsettled =
                nodes.filter(|(_, settled)| !**settled).map(|(node, _)| node.clone()).collect();
        }
        if has_final_phase {
            self.progress.phase("recovering");
            let end = self.world.now() + self.options.recovery_time;
            while self.world.now() < end && !self.world.interrupted() {
                self.wait(end);
            }
            self.progress.phase("final reads");
            self.clients.rest_all();
            self.start_final_operations();
            while self.clients.first_deadline().is_some() && !self.world.interrupted() {
                self.wait(Time::MAX);
                self.start_final_operations();
            }
        }
    }

    /// Has every idle worker begin its next final operation. One that has none is not asked again.
    fn start_final_operations(&mut self) {
        loop {
            let idle = self.clients.take_all_idle();
            if idle.is_empty() {
                return;
            }
            for worker in idle {
                if let Some(op) = self.workload.final_operation(self.clients.worker(worker)) {
                    self.start(worker, op, true);
                }
            }
        }
    }

    /// Nodes that were killed and have completed no operation since, as far as clients speak to them.
    fn awaits_service(&self) -> impl Iterator<Item = usize> {
        let kills = self.options.nemesis.iter().any(|kind| kind.kills());
        let workers = if kills { self.clients.len() } else { 0 };
        let nodes = self.nodes.iter().enumerate().take(workers);
        nodes
            .filter(|(_, node)| node.is_down || node.has_restarted && !node.has_served)
            .map(|(index, _)| index)
    }

    /// Asks every restarted node that has not served yet, until it has or the time is up.
    fn examine_restarted(&mut self) {
        self.progress.phase("restarted nodes");
        let end = self.world.now() + EXAMINATION_TIME;
        // A node that refuses at once is asked again after a while, not at once.
        let mut next_round = self.world.now();
        while self.world.now() < end && !self.world.interrupted() {
            let awaited: Vec<_> =
                self.awaits_service().filter(|node| !self.world.is_down(*node)).collect();
            if awaited.is_empty() {
                break;
            }
            if next_round <= self.world.now() {
                next_round = self.world.now() + EXAMINATION_GAP;
                awaited.into_iter().for_each(|node| self.ask_if_idle(node));
            }
            self.wait(end.min(next_round));
        }
        self.drain();
    }

    /// Starts an operation of a node unless one is under way.
    fn ask_if_idle(&mut self, node: usize) {
        let idle = self.clients.idle().iter().position(|worker| self.clients.node(*worker) == node);
        if let Some(place) = idle
            && !self.clients.is_asked(node)
        {
            self.start_idle(place);
        }
    }

    /// Lets clients work and the nemesis strike until `end`, with at most so many operations.
    fn generate(&mut self, end: Time, operations_max: Option<u64>) {
        let gap_mean = Duration::from_secs_f64(match self.options.rate {
            rate if rate > 0.0 => 1.0 / rate,
            _ => f64::from(u32::MAX),
        });
        let mut next = if self.options.rate > 0.0 { self.world.now() } else { Time::MAX };
        while !self.world.interrupted() {
            let now = self.world.now();
            if now >= end {
                break;
            }
            self.let_nemesis_strike(now);
            let exhausted = operations_max.is_some_and(|most| self.started >= most);
            if next <= now && !self.clients.idle().is_empty() && !exhausted {
                self.start_next();
                let schedule = if now.since(next) <= LATENESS_MAX { next } else { now };
                next = schedule + self.random.uniform(gap_mean);
                continue;
            }
            let next_start =
                if self.clients.idle().is_empty() || exhausted { Time::MAX } else { next };
            let next_fault = self.nemesis.next_due().unwrap_or(Time::MAX);
            self.wait(end.min(next_start).min(next_fault));
        }
    }

    /// Waits until no operation is under way.
    fn drain(&mut self) {
        while self.clients.first_deadline().is_some() && !self.world.interrupted() {
            self.wait(Time::MAX);
        }
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
            && let Some(open) = self.clients.close(worker)
        {
            self.give_up(worker, open, OpError::NetTimeout);
        }
    }

    /// Ends an operation that gets no answer.
    fn give_up(&mut self, worker: usize, open: Open<W::Op>, error: OpError) {
        let op = open.op;
        let kind = match self.workload.on_error(&op) {
            OnError::Idempotent => Kind::Fail,
            OnError::AsTheCodeSays | OnError::AlwaysUnknown => Kind::Info,
        };
        self.complete(worker, kind, op, Some(error), open.is_final);
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
                && let Some(open) = self.clients.close(worker)
            {
                self.give_up(worker, open, node_is_down());
            }
        }
    }

    /// Starts an operation: of a node that has just come back, if there is one, or of any.
    fn start_next(&mut self) {
        let fresh = |worker: &usize| self.nodes[self.clients.node(*worker)].is_fresh;
        let place = match self.clients.idle().iter().position(fresh) {
            Some(place) => place,
            None => match self.workload.choose(self.clients.idle(), &mut self.random) {
                Some(place) => place,
                None => self.random.index(self.clients.idle().len()),
            },
        };
        self.start_idle(place);
    }

    /// Starts an operation of the worker at this place among the idle ones.
    fn start_idle(&mut self, place: usize) {
        let worker = self.clients.take_idle(place);
        let op = self.workload.operation(self.clients.worker(worker), &mut self.random);
        self.start(worker, op, false);
    }

    fn start(&mut self, worker: usize, op: W::Op, is_final: bool) {
        self.started += 1;
        self.account.operation();
        let process = self.clients.worker(worker).process;
        self.record_client(process, Kind::Invoke, op.clone(), None, is_final);
        let node = self.clients.node(worker);
        self.nodes[node].is_fresh = false;
        if self.world.is_down(node) {
            self.clients.rest(worker);
            let deadline = self.world.now();
            let open = Open { op, msg_id: MessageId(0), deadline, is_final, is_doubtful: false };
            return self.give_up(worker, open, node_is_down());
        }
        self.nodes[node].asked += 1;
        let (client, msg_id) = self.clients.next_request(worker);
        let deadline = self.world.now() + self.workload.timeout();
        self.world.send(&client, node, self.workload.request(&op).body(msg_id));
        let is_doubtful = self.nodes[node].lies;
        self.clients.open(worker, Open { op, msg_id, deadline, is_final, is_doubtful });
    }

    fn receive(&mut self, reply: Reply) {
        if let Some(told) = self.operator.take(self.world.now(), &*self.world, &reply) {
            return told.into_iter().for_each(|told| self.record_fault(told));
        }
        let Some(worker) = self.clients.awaiting(&reply.client, reply.in_reply_to) else {
            return self.note_late_reply(&reply);
        };
        let Some(mut open) = self.clients.close(worker) else { return };
        let node = self.clients.node(worker);
        self.nodes[node].answered += 1;
        if open.is_doubtful {
            return self.give_up(worker, open, node_is_byzantine());
        }
        let kind = self.workload.request(&open.op).kind;
        let answer =
            wire::read(kind, &reply.body, |fields| self.workload.accept(&mut open.op, fields));
        let op = open.op;
        let (kind, error) = match answer {
            Answer::Ok => {
                self.settled[node] = true;
                self.nodes[node].has_served = true;
                (Kind::Ok, None)
            }
            Answer::Malformed(reason) => {
                self.note_malformed_reply(&reply.node, kind, &reason);
                (Kind::Info, Some(OpError::Other(format!("Malformed RPC response: {reason}"))))
            }
            Answer::Error(error) => {
                let definite = match self.workload.on_error(&op) {
                    OnError::AsTheCodeSays => error.code.is_definite(),
                    OnError::Idempotent => true,
                    OnError::AlwaysUnknown => false,
                };
                let name = error.code.name().to_owned();
                let kind = if definite { Kind::Fail } else { Kind::Info };
                (kind, Some(OpError::Reply { name, text: error.text }))
            }
        };
        self.complete(worker, kind, op, error, open.is_final);
    }

    fn complete(
        &mut self,
        worker: usize,
        kind: Kind,
        op: W::Op,
        error: Option<OpError>,
        is_final: bool,
    ) {
        let state = self.clients.worker(worker);
        self.workload.ended(state, kind, &op);
        self.record_client(state.process, kind, op, error, is_final);
        if kind == Kind::Info {
            self.clients.renew(worker, self.workload.keeps_clients());
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

    fn into_record(mut self) -> Record<Vec<Event<W::Op>>> {
        let mut problems: Vec<_> =
            self.world.problems().into_iter().chain(self.problems.iter().cloned()).collect();
        problems.extend(self.silent_nodes(&problems));
        let unexamined = self.awaits_service().map(|node| self.world.node_ids()[node].clone());
        let unexamined = unexamined.filter(|node| !self.unsettled.contains(node)).collect();
        let reading = self.reading();
        let notes = self.world.notes().into_iter().chain(self.note_of_members()).collect();
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
            interrupted: self.world.interrupted(),
            watched: None,
        }
    }
}

fn node_is_down() -> OpError {
    OpError::Other("the node is down".to_owned())
}
