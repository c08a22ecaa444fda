//! A run from beginning to end, in whichever world: clients that ask at a rate, a nemesis that
//! breaks things, and a history of it all.
//!
//! The phases are Maelstrom's: set-up, the main phase, then (for workloads with final operations)
//! healing, a pause to recover, and a last operation by every worker. `--settle` adds a phase after
//! healing in which clients go on. One loop drives everything: it starts what is due and waits in
//! the world for the next reply, at most until something else is due.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use checkers::{Event, Kind, Op, OpError, Process};
use proto::{Json, MessageId, NodeId, Time};
use simulator::{Random, Statistics};

use crate::nemesis::{Nemesis, Step};
use crate::options::Options;
use crate::progress::Progress;
use crate::wire;
use crate::workload::{OnError, Worker, Workload};
use crate::world::{Answer, Problem, ProblemKind, Question, Reply, World};

/// An operation that starts this late is still held to belong to the schedule; after a longer
/// stall the schedule goes on from where it is, without catching up.
const LATENESS_MAX: Duration = Duration::from_millis(10);
/// How long a node may take to answer `topology`.
const SETUP_TIMEOUT: Duration = Duration::from_secs(5);

/// What a run leaves behind.
#[derive(Debug)]
pub struct Record {
    /// Everything that clients and nemesis did.
    pub history: Vec<Event<Json>>,
    /// When the history began, in the time of the world; nodes had been started before.
    pub time_zero: Time,
    /// What the network counted.
    pub statistics: Statistics,
    /// What was wrong with nodes.
    pub problems: Vec<Problem>,
    /// Nodes that completed no operation while the run settled, if it did.
    pub unsettled: Vec<NodeId>,
    /// Whether the run was ended before its time.
    pub interrupted: bool,
}

/// A run that never got to its first operation.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A node did not answer `topology`, or not well.
    #[error(
        "node {node} did not answer `topology` as it should: {reason}; is this a broadcast node? \
         `eddy check-node -w broadcast` asks it one of each message and explains its answers"
    )]
    Topology {
        /// Which node.
        node: NodeId,
        /// What it did instead.
        reason: String,
    },
}

/// Runs a workload in a world.
///
/// # Errors
/// If the set-up fails; after that everything that goes wrong is in the record.
pub fn run<W: World>(
    world: &mut W,
    options: &Options,
    workload: &mut dyn Workload,
    progress: &mut dyn Progress,
) -> Result<Record, SetupError> {
    let mut harness = Harness::new(world, options, workload, progress);
    harness.set_up()?;
    harness.run_main_phase();
    harness.run_last_phases();
    Ok(harness.into_record())
}

/// A client worker. It does one operation at a time.
struct ClientWorker {
    process: u64,
    node: usize,
    /// Its name on the network, once it has spoken.
    client: Option<NodeId>,
    next_message: u64,
    open: Option<Open>,
}

/// An operation under way.
struct Open {
    question: Question,
    msg_id: MessageId,
    deadline: Time,
    is_final: bool,
}

struct Harness<'a, W> {
    world: &'a mut W,
    options: &'a Options,
    workload: &'a mut dyn Workload,
    progress: &'a mut dyn Progress,
    random: Random,
    nemesis: Nemesis,
    workers: Vec<ClientWorker>,
    idle: Vec<usize>,
    /// The worker of each client, by the number in its name.
    clients: Vec<Option<usize>>,
    deadlines: BTreeSet<(Time, usize)>,
    /// Time zero of the history.
    origin: Time,
    history: Vec<Event<Json>>,
    started: u64,
    late_replies: Vec<Problem>,
    /// Nodes that completed an operation since the run began to settle.
    settled: Vec<bool>,
    unsettled: Vec<NodeId>,
}

impl<'a, W: World> Harness<'a, W> {
    fn new(
        world: &'a mut W,
        options: &'a Options,
        workload: &'a mut dyn Workload,
        progress: &'a mut dyn Progress,
    ) -> Self {
        let nodes = world.node_ids().len();
        let workers = (0..options.concurrency)
            .map(|index| ClientWorker {
                process: index as u64,
                node: index % nodes.max(1),
                client: None,
                next_message: 1,
                open: None,
            })
            .collect();
        Self {
            origin: world.now(),
            world,
            options,
            workload,
            progress,
            random: Random::new(options.seed, "generator"),
            nemesis: Nemesis::new(options, Time::MAX),
            workers,
            idle: (0..options.concurrency).collect(),
            // The first clients, one a node, are those that sent `init`.
            clients: vec![None; nodes],
            deadlines: BTreeSet::new(),
            history: Vec::new(),
            started: 0,
            late_replies: Vec::new(),
            settled: vec![false; nodes],
            unsettled: Vec::new(),
        }
    }

    fn new_client(&mut self, worker: Option<usize>) -> NodeId {
        self.clients.push(worker);
        NodeId::new(&format!("c{}", self.clients.len() - 1))
    }

    /// Tells every node its neighbours, all at once.
    fn set_up(&mut self) -> Result<(), SetupError> {
        let Some(topology) = self.workload.topology() else { return Ok(()) };
        let mut question = Question::Topology(Arc::new(topology));
        let mut waiting = Vec::new();
        for node in 0..self.world.node_ids().len() {
            let client = self.new_client(None);
            self.world.send(&client, node, wire::write(&question, MessageId(1)));
            waiting.push((client, node));
        }
        let deadline = self.world.now() + SETUP_TIMEOUT;
        while let Some((_, first)) = waiting.first() {
            let node = |node: usize, world: &W| world.node_ids()[node].clone();
            let Some(reply) = self.world.wait(deadline) else {
                let reason = "no reply within 5 s".to_owned();
                return Err(SetupError::Topology { node: node(*first, self.world), reason });
            };
            let Some(at) = waiting.iter().position(|(client, _)| *client == reply.client) else {
                continue;
            };
            let (_, index) = waiting.swap_remove(at);
            let reason = match wire::read(self.options.workload, &mut question, &reply.body) {
                Answer::Ok => continue,
                Answer::Error(error) => error.to_string(),
                Answer::Malformed(reason) => reason,
            };
            return Err(SetupError::Topology { node: node(index, self.world), reason });
        }
        Ok(())
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
        let final_operation = self.workload.final_operation();
        if !settles && final_operation.is_none() {
            return;
        }
        for step in self.nemesis.stop_all() {
            self.carry_out(step);
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
        if let Some(op) = final_operation {
            self.progress.phase("recovering");
            let end = self.world.now() + self.options.recovery_time;
            while self.world.now() < end && !self.world.interrupted() {
                self.wait(end);
            }
            self.progress.phase("final reads");
            self.idle.clear();
            for worker in 0..self.workers.len() {
                self.start(worker, op.clone(), true);
            }
            self.drain();
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
            if next <= now && !self.idle.is_empty() && !exhausted {
                self.start_next();
                let schedule = if now.since(next) <= LATENESS_MAX { next } else { now };
                next = schedule + self.random.uniform(gap_mean);
                continue;
            }
            let next_start = if self.idle.is_empty() || exhausted { Time::MAX } else { next };
            let next_fault = self.nemesis.next_due().unwrap_or(Time::MAX);
            self.wait(end.min(next_start).min(next_fault));
        }
    }

    /// Waits until no operation is under way.
    fn drain(&mut self) {
        while self.deadlines.first().is_some() && !self.world.interrupted() {
            self.wait(Time::MAX);
        }
    }

    /// Handles one reply, or the time-outs that are due, at most until `until`.
    fn wait(&mut self, until: Time) {
        let deadline = self.deadlines.first().map_or(Time::MAX, |(deadline, _)| *deadline);
        match self.world.wait(until.min(deadline)) {
            Some(reply) => self.receive(reply),
            None => self.expire(),
        }
    }

    fn expire(&mut self) {
        let now = self.world.now();
        while let Some((deadline, worker)) = self.deadlines.first().copied()
            && deadline <= now
        {
            let Some(open) = self.close(worker) else { continue };
            let Question::Op(op) = open.question else { continue };
            let kind = match self.workload.on_error(&op) {
                OnError::Idempotent => Kind::Fail,
                OnError::AsTheCodeSays | OnError::AlwaysUnknown => Kind::Info,
            };
            self.complete(worker, kind, op, Some(OpError::NetTimeout), open.is_final);
        }
    }

    fn start_next(&mut self) {
        let choice = self.random.index(self.idle.len());
        let index = self.idle.swap_remove(choice);
        let worker = Worker { index, process: self.workers[index].process };
        let op = self.workload.operation(worker, &mut self.random);
        self.start(index, op, false);
    }

    fn start(&mut self, worker: usize, op: Op<Json>, is_final: bool) {
        self.started += 1;
        self.record(
            Process::Client(self.workers[worker].process),
            Kind::Invoke,
            op.clone(),
            None,
            is_final,
        );
        let client = match self.workers[worker].client.clone() {
            Some(client) => client,
            None => {
                let client = self.new_client(Some(worker));
                self.workers[worker].client = Some(client.clone());
                self.workers[worker].next_message = 1;
                client
            }
        };
        let question = Question::Op(op);
        let state = &mut self.workers[worker];
        let msg_id = MessageId(state.next_message);
        state.next_message += 1;
        let deadline = self.world.now() + self.workload.timeout();
        self.world.send(&client, state.node, wire::write(&question, msg_id));
        state.open = Some(Open { question, msg_id, deadline, is_final });
        self.deadlines.insert((deadline, worker));
    }

    fn receive(&mut self, reply: Reply) {
        let Some(worker) = self.worker_of(&reply.client) else {
            return self.note_late_reply(&reply);
        };
        let open = self.workers[worker].open.as_ref();
        if open.is_none_or(|open| Some(open.msg_id) != reply.in_reply_to) {
            return self.note_late_reply(&reply);
        }
        let Some(mut open) = self.close(worker) else { return };
        let answer = wire::read(self.options.workload, &mut open.question, &reply.body);
        let Question::Op(op) = open.question else { return };
        let (kind, error) = match answer {
            Answer::Ok => {
                self.settled[self.workers[worker].node] = true;
                (Kind::Ok, None)
            }
            Answer::Malformed(reason) => {
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

    /// Keeps the first reply of each node that nobody waits for, and counts the others.
    fn note_late_reply(&mut self, reply: &Reply) {
        if let Some(known) = self.late_replies.iter_mut().find(|late| late.node == reply.node) {
            known.count += 1;
            return;
        }
        let client = &reply.client;
        let text = match reply.in_reply_to {
            None => format!(
                "a message to {client} has no `in_reply_to` with the `msg_id` of a request, so \
                 it answers nothing"
            ),
            Some(MessageId(request)) => format!(
                "a reply to request {request} of {client} came when {client} had given up \
                 waiting or had its answer already"
            ),
        };
        self.late_replies.push(Problem {
            node: reply.node.clone(),
            time: self.world.now().as_nanos(),
            kind: ProblemKind::LateReply,
            text,
            count: 1,
        });
    }

    fn worker_of(&self, client: &NodeId) -> Option<usize> {
        let number: usize = client.as_str().strip_prefix('c')?.parse().ok()?;
        *self.clients.get(number)?
    }

    fn close(&mut self, worker: usize) -> Option<Open> {
        let open = self.workers[worker].open.take()?;
        self.deadlines.remove(&(open.deadline, worker));
        self.idle.push(worker);
        Some(open)
    }

    fn complete(
        &mut self,
        worker: usize,
        kind: Kind,
        op: Op<Json>,
        error: Option<OpError>,
        is_final: bool,
    ) {
        let process = self.workers[worker].process;
        self.record(Process::Client(process), kind, op, error, is_final);
        if kind == Kind::Info {
            // A process whose operation may still be under way never speaks again.
            let state = &mut self.workers[worker];
            state.process += self.options.concurrency as u64;
            if !self.workload.keeps_clients()
                && let Some(client) = state.client.take()
                && let Some(number) = client.as_str().strip_prefix('c')
                && let Ok(number) = number.parse::<usize>()
            {
                self.clients[number] = None;
            }
        }
    }

    fn let_nemesis_strike(&mut self, now: Time) {
        if self.nemesis.next_due().is_some_and(|due| due <= now) {
            let primary = self.world.primary();
            if let Some(step) = self.nemesis.step(now, primary) {
                self.carry_out(step);
            }
        }
    }

    fn carry_out(&mut self, step: Step) {
        self.record(Process::Nemesis, Kind::Info, step.begun, None, false);
        self.world.inject(&step.fault);
        self.record(Process::Nemesis, Kind::Info, step.done, None, false);
    }

    fn record(
        &mut self,
        process: Process,
        kind: Kind,
        op: Op<Json>,
        error: Option<OpError>,
        is_final: bool,
    ) {
        let time = self.world.now().since(self.origin).as_nanos();
        let event = Event {
            index: self.history.len() as u64,
            time: u64::try_from(time).unwrap_or(u64::MAX),
            process,
            kind,
            op,
            error: error.map(Box::new),
            is_final,
        };
        self.progress.event(&event);
        self.history.push(event);
    }

    fn into_record(self) -> Record {
        Record {
            history: self.history,
            time_zero: self.origin,
            statistics: self.world.statistics(),
            problems: self.world.problems().into_iter().chain(self.late_replies).collect(),
            unsettled: self.unsettled,
            interrupted: self.world.interrupted(),
        }
    }
}
