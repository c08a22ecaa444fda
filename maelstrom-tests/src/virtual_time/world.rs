//! A world of programs in virtual time: the supervisor runs them, the carrier carries their messages,
//! and one clock, which jumps from event to event, is that of both.

mod faults;
mod patience;

use std::collections::BTreeMap;

use proto::{NodeId, Time};
use simulator::{Fabric, Fate, Parcel, Reached, Statistics};
use supervisor::{Counts, Exit, NodeSpec, Supervisor, What};

use super::node::{Log, Node};
use super::{Keep, VirtualTimeError};
use crate::carrier::{Arrival, CLOSED_GRACE, Carrier, describe_exit, message, not_started};
use crate::process::{interrupted, named_from_here};
use crate::world::{Fault, Problem, ProblemKind, Reply, World};

/// Most messages that may be on their way: what goes on from there would cost all memory.
const IN_FLIGHT_MAX: usize = 500_000;

/// Programs, the network between them, and their clock.
pub(super) struct VirtualWorld {
    supervisor: Supervisor,
    carrier: Carrier,
    now: Time,
    nodes: Vec<Node>,
    /// What nodes did at a time that has not come yet: a node's clock may be a little ahead.
    to_come: BTreeMap<(Time, u64), (usize, u64, What)>,
    /// How much has come out of the supervisor.
    numbered: u64,
    notes: Vec<String>,
    /// A node has died and the harness has not been told.
    has_news: bool,
    overflowed: bool,
    /// The supervisor itself failed: nothing happens any more.
    broken: Option<supervisor::Error>,
}

/// Why a world did not begin.
pub(super) enum NoStart {
    /// A node is to blame.
    Node(Problem),
    /// This machine is, or the bench.
    Bench(VirtualTimeError),
}

impl From<VirtualTimeError> for NoStart {
    fn from(error: VirtualTimeError) -> Self {
        Self::Bench(error)
    }
}

impl VirtualWorld {
    /// Starts the nodes, unless they are there already, and lets time pass until each has answered
    /// `init`, at most 10 s.
    pub(super) fn start(
        mut supervisor: Supervisor,
        specs: Option<Vec<NodeSpec>>,
        fabric: Fabric,
        keep: Keep<'_>,
    ) -> Result<Self, NoStart> {
        let first = specs.iter().flatten().next();
        let named = first.and_then(|spec| named_from_here(&spec.args));
        let mut specs = specs.map(Vec::into_iter);
        let mut nodes = Vec::new();
        for (id, number) in fabric.node_ids().iter().zip(0..) {
            let path = keep.directory.map(|directory| directory.node_log(id.as_str()));
            let echo = keep.log_stderr.then(|| id.clone());
            let log = Log::create(path.as_deref(), echo).map_err(VirtualTimeError::from)?;
            let handle = match specs.as_mut().and_then(Iterator::next) {
                Some(spec) => supervisor.spawn(spec).map_err(|error| no_start(id, error))?,
                None => supervisor::NodeId(number),
            };
            nodes.push(Node {
                id: id.clone(),
                handle,
                is_running: true,
                is_paused: false,
                has_died: false,
                life: 0,
                log,
                clock_offset_ms: 0,
                closed: None,
                reading: None,
            });
        }
        let mut world = Self {
            supervisor,
            carrier: Carrier::new(fabric).with_named_from_here(named),
            now: Time::ZERO,
            nodes,
            to_come: BTreeMap::new(),
            numbered: 0,
            notes: Vec::new(),
            has_news: false,
            overflowed: false,
            broken: None,
        };
        (0..world.nodes.len()).for_each(|node| world.carrier.begin(Time::ZERO, node));
        while !world.carrier.has_failed_to_start()
            && !world.interrupted()
            && (0..world.nodes.len()).any(|node| world.carrier.awaits_init(node))
        {
            world.advance(Time::MAX);
        }
        match (world.broken.take(), world.carrier.started()) {
            (Some(error), _) => Err(NoStart::Bench(error.into())),
            (None, Err(problem)) => Err(NoStart::Node(problem)),
            (None, Ok(())) => Ok(world),
        }
    }

    /// What the run leaves behind besides its record. The supervisor's failure, if it failed.
    pub(super) fn end(mut self) -> Result<(super::Trace, std::io::Result<()>), VirtualTimeError> {
        if let Some(error) = self.broken.take() {
            return Err(error.into());
        }
        self.carrier.fabric_mut().observe_no_more();
        let mut logs = Ok(());
        for node in &mut self.nodes {
            let finished = node.log.finish();
            logs = logs.and(finished);
        }
        let trace = super::Trace {
            digest: self.supervisor.digest(),
            calls: self.supervisor.record().to_vec(),
            nodes: self.carrier.node_ids().to_vec(),
        };
        Ok((trace, logs))
    }

    /// Lets time pass until something has happened, at most until then; whether something has.
    fn advance(&mut self, until: Time) -> bool {
        let deadlines = self.nodes.iter().filter_map(Node::deadline);
        let inits = (0..self.nodes.len()).filter_map(|node| self.carrier.init_deadline(node));
        let next = [self.carrier.fabric().next_time(), self.to_come.keys().next().map(|key| key.0)];
        let next =
            next.into_iter().flatten().chain(deadlines).chain(inits).min().unwrap_or(Time::MAX);
        let limit = next.min(until);
        let events = match self.supervisor.run_until(limit.since(Time::ZERO)) {
            Ok(events) => events,
            Err(error) => {
                self.broken.get_or_insert(error);
                return false;
            }
        };
        self.now = self.now.max(Time::ZERO + self.supervisor.now());
        let has_events = !events.is_empty();
        for event in events {
            let known = self.nodes.iter().position(|node| node.handle == event.node);
            let Some(index) = known else { continue };
            let time = self.now.max(Time::ZERO + event.time);
            let what = (index, self.nodes[index].life, event.what);
            self.to_come.insert((time, self.numbered), what);
            self.numbered += 1;
        }
        if has_events {
            return true;
        }
        while let Some(entry) = self.to_come.first_entry()
            && entry.key().0 <= self.now
        {
            let (index, life, what) = entry.remove();
            if self.nodes[index].life == life {
                self.take(index, what);
            }
        }
        while let Some(arrival) = self.carrier.poll(self.now) {
            match arrival {
                Arrival::AtNode(index, parcel) => self.arrive(index, &parcel),
                Arrival::InitRefused(index, why) => self.fail_init(index, &why),
            }
        }
        self.check_deadlines();
        if self.carrier.fabric().in_flight().messages > IN_FLIGHT_MAX && !self.overflowed {
            self.overflowed = true;
            let text = format!(
                "a storm of messages ended the run: more than {IN_FLIGHT_MAX} were on their way; is a \
                 message sent on each time that it comes?"
            );
            self.complain(0, ProblemKind::Overflow, || text);
        }
        limit < until
    }

    /// Takes what a node did.
    fn take(&mut self, index: usize, what: What) {
        let now = self.now;
        match what {
            What::Output(line) => self.carrier.take_line(now, index, &line),
            What::LongLine(start) => self.carrier.take_long_line(now, index, &start),
            What::Stderr(line) => self.nodes[index].log.line(now, &line),
            What::Exited(exit) => self.bury(index, exit),
            What::Closed(stream) => {
                let due = now + CLOSED_GRACE;
                self.nodes[index].closed.get_or_insert((due, stream));
            }
            What::Refused(text) => self.remark(index, &text),
            What::Forced(text) => {
                let text = format!("{text}; from there on the run need not repeat from its seed");
                self.remark(index, &text);
            }
            What::Stuck(text) => {
                let text = format!(
                    "{text}: it computed, or waited in a way that virtual time does not know, without \
                     an end, and was given up"
                );
                self.remark(index, &text);
                self.complain(index, ProblemKind::Stopped, || text);
            }
            _ => {}
        }
    }

    /// Says something in the node's log, and once in the run's notes.
    fn remark(&mut self, index: usize, text: &str) {
        let node = &mut self.nodes[index];
        node.log.remark(self.now, text);
        let note = format!("{}: {text}", node.id);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A message is at a node's door.
    fn arrive(&mut self, index: usize, parcel: &Parcel) {
        if !self.nodes[index].is_running {
            return self.carrier.fabric_mut().lose(self.now, Fate::ReceiverDown, parcel);
        }
        if !self.carrier.fabric_mut().enters(self.now, parcel) {
            return;
        }
        let Ok(body) = proto::body_text(&parcel.message) else { return };
        let ends = (&parcel.message.src, &parcel.message.dest);
        let mut line = Vec::new();
        message::write_line(&mut line, parcel.number, ends, &body);
        self.carrier.fabric_mut().received(self.now, parcel);
        if let Err(error) = self.supervisor.deliver(self.nodes[index].handle, &line) {
            self.broken.get_or_insert(error);
        }
        self.watch_reading(index);
    }

    /// A node has ended by itself.
    fn bury(&mut self, index: usize, exit: Exit) {
        let node = &mut self.nodes[index];
        node.is_running = false;
        node.has_died = true;
        self.has_news = true;
        let exit = match exit {
            Exit::Code(code) => describe_exit(Some(code), None),
            Exit::Signal(signal) => describe_exit(None, Some(signal)),
        };
        self.carrier.died(self.now, index, &exit, &node.log.tail);
    }

    /// A node has failed at its first task.
    fn fail_init(&mut self, index: usize, why: &str) {
        self.carrier.fail_init(self.now, index, why, &self.nodes[index].log.tail);
    }

    fn complain(&mut self, index: usize, kind: ProblemKind, text: impl FnOnce() -> String) {
        self.carrier.complain(self.now, index, kind, text);
    }

    fn note(&mut self, done: Result<(), supervisor::Error>) {
        if let Err(error) = done {
            self.broken.get_or_insert(error);
        }
    }
}

/// What it means that the supervisor could not start a node.
fn no_start(id: &NodeId, error: supervisor::Error) -> NoStart {
    match error {
        // The launcher got as far as the program.
        supervisor::Error::Launch { why, .. } if why.starts_with("cannot start ") => {
            NoStart::Node(not_started(id, Time::ZERO, format!("it could not be started: {why}")))
        }
        error => NoStart::Bench(error.into()),
    }
}

impl World for VirtualWorld {
    fn now(&self) -> Time {
        self.now
    }

    fn node_ids(&self) -> &[NodeId] {
        self.carrier.node_ids()
    }

    fn send(&mut self, client: &NodeId, node: usize, body: &str) {
        self.carrier.request(self.now, client, node, body);
    }

    fn wait(&mut self, until: Time) -> Option<Reply> {
        loop {
            if let Some(reply) = self.carrier.next_reply() {
                return Some(reply);
            }
            if std::mem::take(&mut self.has_news) || self.interrupted() {
                return None;
            }
            if !self.advance(until) && !self.carrier.has_reply() {
                return None;
            }
        }
    }

    fn inject(&mut self, fault: &Fault) {
        self.strike(fault);
    }

    fn reseed(&mut self, seed: u64) {
        self.carrier.fabric_mut().reseed(seed);
        self.supervisor.reseed(seed);
    }

    fn take_reached(&mut self) -> Vec<Reached> {
        self.carrier.fabric_mut().take_reached()
    }

    fn is_down(&self, node: usize) -> bool {
        // What it said before it died comes first.
        !self.nodes[node].is_running && !self.carrier.has_reply_of(node)
    }

    /// Nobody can see who leads among programs in any language.
    fn primary(&self) -> Option<usize> {
        None
    }

    fn statistics(&self) -> Statistics {
        *self.carrier.fabric().network().statistics()
    }

    fn sent(&self) -> &[u64] {
        self.carrier.fabric().network().sent()
    }

    fn problems(&self) -> Vec<Problem> {
        self.carrier.problems()
    }

    fn hint_at_silence(&mut self, node: usize) -> Option<String> {
        let Node { handle, log, .. } = &self.nodes[node];
        let delivered = self.supervisor.delivered(*handle);
        let unread = delivered.map_or(0, |delivered| delivered.unread);
        self.carrier.hint_at_silence(node, unread, &log.tail)
    }

    fn notes(&self) -> Vec<String> {
        let Counts { forced, .. } = self.supervisor.counts();
        let forced = (forced > 0).then(|| {
            format!(
                "this run need not repeat from its seed: threads were stopped by force {forced} times, \
                 because they computed for long without a system call"
            )
        });
        let layout = (!self.supervisor.layout_is_fixed()).then(|| {
            "addresses of memory could not be fixed here (`eddy doctor` says why), so programs whose \
             behaviour depends on them, such as Node.js and Ruby, need not repeat"
                .to_owned()
        });
        self.notes.iter().cloned().chain(forced).chain(layout).collect()
    }

    fn interrupted(&self) -> bool {
        interrupted()
            || self.overflowed
            || self.broken.is_some()
            || self.nodes.iter().all(|node| node.has_died)
    }
}
