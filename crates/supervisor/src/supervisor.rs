//! The run as a whole: nodes, and the one clock that they share.

mod faults;

use std::marker::PhantomData;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;

use crate::digest::{Call, Digest};
use crate::durable::Durable;
use crate::error::Error;
use crate::event::{Delivered, Event, NodeId};
use crate::node::{Node, stream};
use crate::options::{NodeSpec, Options};
use crate::start::{layout_is_fixed, prepare};
use crate::template::{Lease, Templates};
use crate::watchdog::Watchdog;

/// A cluster of programs in virtual time.
///
/// All of it happens on the thread that made it: the kernel answers a tracer's thread only. What the
/// supervisor has started dies with it, even if it is killed itself.
pub struct Supervisor {
    options: Options,
    now: u64,
    slots: Vec<Slot>,
    watchdog: Watchdog,
    chance: Xoshiro256PlusPlus,
    digest: Digest,
    record: Vec<Call>,
    counts: Counts,
    layout_is_fixed: bool,
    events: Vec<Event>,
    /// Held as long as the nodes' pipes are those of templates.
    lease: Option<Lease>,
    /// Not to be sent to another thread.
    bound: PhantomData<*const ()>,
}

/// What a run has come to, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often a thread stopped.
    pub stops: u64,
    /// How often one had to be stopped by force: above 0 the run need not repeat.
    pub forced: u64,
}

/// A place for a node, whether it runs or not.
struct Slot {
    spec: NodeSpec,
    /// How often it was started.
    lives: u32,
    clock_offset: i64,
    paused: bool,
    /// While it does not run: what a power cut would have left of its files.
    durable: Option<Durable>,
    node: Option<Node>,
}

impl Supervisor {
    /// A cluster without nodes, its clock at 0.
    ///
    /// # Errors
    ///
    /// If the core that `options` names is not to be had.
    pub fn new(options: Options) -> Result<Self, Error> {
        if let Some(core) = options.core {
            let mut cores = CpuSet::new();
            cores.set(core).map_err(Error::system("name a core"))?;
            sched_setaffinity(Pid::from_raw(0), &cores).map_err(Error::system("take a core"))?;
        }
        Ok(Self {
            chance: stream(options.seed, "nodes", "", 0),
            watchdog: Watchdog::new(options.patience),
            options,
            now: 0,
            slots: Vec::new(),
            digest: Digest::new(),
            record: Vec::new(),
            counts: Counts::default(),
            layout_is_fixed: true,
            events: Vec::new(),
            lease: None,
            bound: PhantomData,
        })
    }

    /// Starts a program as a node. It runs when time does.
    ///
    /// # Errors
    ///
    /// If the program cannot be started, or the kernel does not let us trace it.
    pub fn spawn(&mut self, spec: NodeSpec) -> Result<NodeId, Error> {
        let id = self.add(spec)?;
        match self.start(id) {
            Ok(()) => Ok(id),
            Err(error) => {
                self.slots.pop();
                Err(error)
            }
        }
    }

    /// A cluster of nodes that were started before: much quicker than starting them, and the same
    /// otherwise. Its options are those of the templates but for the seed and for the nodes that are
    /// [spared](Options::spared).
    ///
    /// # Errors
    ///
    /// If another cluster from the same templates is still there, or a node cannot be had.
    pub fn from_templates(
        seed: u64,
        spared: Vec<String>,
        templates: &mut Templates,
    ) -> Result<Self, Error> {
        let lease = templates.lease()?;
        let mut supervisor = Self::new(Options { seed, spared, ..templates.options.clone() })?;
        supervisor.lease = Some(lease);
        for index in 0..templates.nodes.len() {
            let (spec, frozen) = &mut templates.nodes[index];
            match frozen {
                Some(frozen) => {
                    let id = supervisor.add(spec.clone())?;
                    let node = frozen.thaw(&supervisor.options, spec)?;
                    supervisor.install(id, node)?;
                }
                None => {
                    supervisor.spawn(spec.clone())?;
                }
            }
        }
        Ok(supervisor)
    }

    /// Has all that is drawn from now on come from another seed, but for nodes that are
    /// [spared](Options::spared). What programs have drawn they keep.
    pub fn reseed(&mut self, seed: u64) {
        let Self { options, slots, .. } = self;
        let left = slots.iter_mut().filter(|slot| !options.spared.contains(&slot.spec.name));
        let mut is_all_spared = true;
        for slot in left {
            is_all_spared = false;
            if let Some(node) = &mut slot.node {
                node.reseed(seed);
            }
        }
        // Where nothing of the nodes is left to a seed, their turns are not.
        if !is_all_spared {
            options.seed = seed;
            self.chance = stream(seed, "nodes", "", 0);
        }
    }

    /// The run's clock: how much virtual time has passed.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.now)
    }

    /// Appends bytes to a node's standard input; a line's end is the caller's to add. A node that
    /// does not run never gets them.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn deliver(&mut self, node: NodeId, bytes: &[u8]) -> Result<(), Error> {
        if let Some(node) = &mut self.slot(node)?.node {
            node.input.backlog.extend_from_slice(bytes);
            node.input.delivered += bytes.len() as u64;
            node.push_input()?;
        }
        Ok(())
    }

    /// How much a node has read of what was delivered to it since it was started.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn delivered(&mut self, node: NodeId) -> Result<Delivered, Error> {
        let Some(node) = &self.slot(node)?.node else { return Ok(Delivered::default()) };
        let unread = node.input.backlog.len() as u64 + node.input.unread();
        Ok(Delivered { read: node.input.delivered.saturating_sub(unread), unread })
    }

    /// Lets time pass until `limit`, or until something has happened of which the caller should know.
    ///
    /// With events it returns as soon as every thread waits, before the clock moves on: what they
    /// cause can be delivered in time. Without, the clock stands at `limit`. Events are in the order
    /// of their times, which may be a little ahead of the clock.
    ///
    /// # Errors
    ///
    /// If the kernel refuses something that it did not refuse before.
    pub fn run_until(&mut self, limit: Duration) -> Result<Vec<Event>, Error> {
        let limit = limit.as_nanos() as u64;
        let lead = self.options.lead.as_nanos() as u64;
        loop {
            let now = self.now;
            let able: Vec<usize> = (0..self.slots.len())
                .filter(|&index| self.slots[index].can_run(now, lead))
                .collect();
            if let Some(&index) = able.get(self.choose(able.len())) {
                self.run_node(index, now + lead)?;
                continue;
            }
            if !self.events.is_empty() {
                let mut events = std::mem::take(&mut self.events);
                events.sort_by_key(|event| (event.time, event.node));
                return Ok(events);
            }
            match self.due() {
                Some(due) if due <= limit => self.now = self.now.max(due),
                _ => {
                    self.now = self.now.max(limit);
                    return Ok(Vec::new());
                }
            }
        }
    }

    /// The next time at which a node has something to do if nothing is delivered; `None` if all of
    /// them wait for input alone.
    pub fn next_due(&self) -> Option<Duration> {
        self.due().map(Duration::from_nanos)
    }

    /// Whether a node runs.
    pub fn is_running(&self, node: NodeId) -> bool {
        self.slots.get(node.0 as usize).is_some_and(|slot| slot.node.is_some())
    }

    /// A hash of all calls of all threads so far, their times, and all that was written.
    pub fn digest(&self) -> u64 {
        let mut digest = self.digest;
        for node in self.slots.iter().filter_map(|slot| slot.node.as_ref()) {
            digest.add(node.digest.value());
        }
        digest.value()
    }

    /// All calls so far, if [`Options::record`] asked for them.
    pub fn record(&self) -> &[Call] {
        &self.record
    }

    /// Stops so far.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        for node in self.slots.iter().filter_map(|slot| slot.node.as_ref()) {
            counts.stops += node.stops;
            counts.forced += node.forced;
        }
        counts
    }

    /// Whether the address layout of the nodes is the same in every run. Some containers forbid to fix
    /// it; then programs whose behaviour depends on addresses (Node.js, Ruby) need not repeat.
    pub fn layout_is_fixed(&self) -> bool {
        self.layout_is_fixed
    }

    fn slot(&mut self, node: NodeId) -> Result<&mut Slot, Error> {
        self.slots.get_mut(node.0 as usize).ok_or(Error::NoSuchNode)
    }

    fn choose(&mut self, many: usize) -> usize {
        if many > 1 { self.chance.random_range(0..many) } else { 0 }
    }

    fn due(&self) -> Option<u64> {
        let lead = self.options.lead.as_nanos() as u64;
        self.slots.iter().filter_map(|slot| slot.due(self.now, lead)).min()
    }

    fn run_node(&mut self, index: usize, horizon: u64) -> Result<(), Error> {
        let slot = &mut self.slots[index];
        let Some(node) = &mut slot.node else { return Ok(()) };
        node.local = node.local.max(self.now);
        node.run(horizon, &self.watchdog)?;
        self.events.append(&mut node.events);
        if let Some(record) = &mut node.record {
            self.record.append(record);
        }
        if node.exit.is_some()
            && let Some(mut node) = slot.node.take()
        {
            slot.durable = node.durable.take();
            self.collect(&mut node);
        }
        Ok(())
    }

    /// A node has ended: its numbers are added to the run's.
    fn collect(&mut self, node: &mut Node) {
        self.digest.add(node.digest.value());
        self.counts.stops += node.stops;
        self.counts.forced += node.forced;
        self.events.append(&mut node.events);
        if let Some(record) = &mut node.record {
            self.record.append(record);
        }
    }

    /// A place for a node, which does not run yet.
    fn add(&mut self, spec: NodeSpec) -> Result<NodeId, Error> {
        let id = NodeId(self.slots.len() as u32);
        let clock_offset = spec.clock_offset;
        let durable = match &spec.state_dir {
            Some(directory) => {
                Some(Durable::new(directory).map_err(Error::system("read the state"))?)
            }
            None => None,
        };
        let slot = Slot { spec, lives: 0, clock_offset, paused: false, durable, node: None };
        self.slots.push(slot);
        Ok(id)
    }

    fn start(&mut self, id: NodeId) -> Result<(), Error> {
        let slot = self.slot(id)?;
        let (spec, lives) = (slot.spec.clone(), slot.lives);
        let mut node = prepare(&self.options, &spec, id, lives)?;
        node.local = self.now;
        self.install(id, node)
    }

    fn install(&mut self, id: NodeId, mut node: Node) -> Result<(), Error> {
        self.layout_is_fixed &= layout_is_fixed(&node);
        let slot = self.slot(id)?;
        node.id = id;
        node.clock_offset = slot.clock_offset;
        node.durable = slot.durable.take();
        slot.lives += 1;
        slot.node = Some(node);
        Ok(())
    }
}

impl Slot {
    fn can_run(&self, now: u64, lead: u64) -> bool {
        !self.paused
            && self.node.as_ref().is_some_and(|node| {
                let is_due = node.soonest <= now.max(node.local);
                (node.is_busy() || is_due) && node.local <= now + lead
            })
    }

    fn due(&self, now: u64, lead: u64) -> Option<u64> {
        let node = self.node.as_ref().filter(|_| !self.paused)?;
        if node.is_busy() {
            return Some(now.max(node.local.saturating_sub(lead)));
        }
        node.due().map(|due| due.max(now).max(node.local.saturating_sub(lead)))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            if let Some(mut node) = slot.node.take() {
                let _ = node.destroy();
            }
        }
    }
}
