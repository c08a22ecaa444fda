//! The host of a node's logic: an engine, a wall clock and a disk.

use std::any::Any;
use std::collections::VecDeque;
use std::time::Duration;

use proto::{AnyBody, AnyEngine, AnyMessage, AnyNode, Aspect, Effect, Now, Records, Time, Write};

use crate::host::{Host, Output};
use crate::random::Random;

/// The wall clock of all nodes at virtual time zero: 2026-01-01T00:00:00Z.
pub const WALL_CLOCK_START_MS: u64 = 1_767_225_600_000;

/// Makes the node at an index, each time it starts.
pub(crate) type MakeNode = std::rc::Rc<std::cell::RefCell<dyn FnMut(usize) -> AnyNode>>;

/// A node's logic on a machine of its own.
pub struct EngineHost {
    index: usize,
    seed: Option<u64>,
    make: MakeNode,
    /// How long a sync takes, if there is a disk.
    durable: Option<Duration>,
    life: u64,
    engine: Option<Box<dyn AnyEngine>>,
    /// Records that survive a crash.
    synced: Records,
    /// Syncs under way, and what may leave only after each.
    syncs: VecDeque<Sync>,
    is_paused: bool,
    /// What may leave, because what it waits for is on disk by now, as soon as the node goes on.
    unsent: Vec<AnyMessage>,
    wall_offset_ms: i64,
}

#[derive(Default)]
struct Sync {
    done: Time,
    writes: Vec<Write>,
    then: Vec<AnyMessage>,
}

impl EngineHost {
    /// A host at a place in a cluster with this seed, or, where the node is not left to chance, with
    /// none. `durable` says how long a sync takes, if nodes have a state directory.
    pub(crate) fn new(
        index: usize,
        seed: Option<u64>,
        durable: Option<Duration>,
        make: MakeNode,
    ) -> Self {
        Self {
            index,
            seed,
            make,
            durable,
            life: 0,
            engine: None,
            synced: Records::new(),
            syncs: VecDeque::new(),
            is_paused: false,
            unsent: Vec::new(),
            wall_offset_ms: 0,
        }
    }

    /// The seed of the node in this life.
    fn node_seed(&self) -> u64 {
        let (index, life) = (self.index, self.life);
        Random::new(self.seed.unwrap_or(0), &format!("node {index} life {life}")).bits()
    }

    fn clocks(&self, now: Time) -> Now {
        let passed_ms = now.as_nanos() / 1_000_000;
        let wall_ms = (WALL_CLOCK_START_MS + passed_ms).saturating_add_signed(self.wall_offset_ms);
        Now { monotonic: now, wall_ms }
    }

    /// Has the engine do something, and carries out what the node wants done.
    fn let_act(
        &mut self,
        now: Time,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut dyn AnyEngine, Now, &Records, &mut dyn FnMut(Effect<AnyBody>)),
    ) {
        let clocks = self.clocks(now);
        let Some(engine) = &mut self.engine else { return };
        let mut sync = None::<Sync>;
        let syncs = &mut self.syncs;
        act(&mut **engine, clocks, &self.synced, &mut |effect| match effect {
            Effect::Log(line) => out.push(Output::Log(line)),
            Effect::Sometimes { condition, holds } => out.push(Output::Sometimes(condition, holds)),
            Effect::Persist(write) => sync.get_or_insert_with(Sync::default).writes.push(write),
            Effect::Send(message) => match sync.as_mut().or_else(|| syncs.back_mut()) {
                Some(sync) => sync.then.push(message),
                None => out.push(Output::Send(message)),
            },
        });
        if let (Some(mut sync), Some(duration)) = (sync, self.durable) {
            sync.done = now + duration;
            self.syncs.push_back(sync);
        }
    }

    /// The disk finishes what it was told; a process that is stopped does not hear of it.
    fn finish_syncs(&mut self, now: Time, out: &mut Vec<Output>) {
        while self.syncs.front().is_some_and(|sync| sync.done <= now) {
            let Some(Sync { writes, then, .. }) = self.syncs.pop_front() else { return };
            for write in writes {
                write.apply(&mut self.synced);
            }
            if self.is_paused {
                self.unsent.extend(then);
            } else {
                out.extend(then.into_iter().map(Output::Send));
            }
        }
    }
}

impl Host for EngineHost {
    fn start(&mut self, _: Time, _: &mut Vec<Output>) {
        let seed = self.node_seed();
        let node = (self.make.borrow_mut())(self.index);
        self.engine = Some(node.into_engine(seed, self.durable.is_some()));
        self.is_paused = false;
    }

    fn receive(&mut self, now: Time, message: AnyMessage, out: &mut Vec<Output>) {
        self.let_act(now, out, |engine, clocks, synced, take| {
            engine.receive(clocks, message, synced, take);
        });
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        self.finish_syncs(now, out);
        if self.is_paused {
            return;
        }
        self.let_act(now, out, |engine, clocks, _, take| {
            if engine.next_due().is_some_and(|due| due <= now) {
                engine.fire(clocks, take);
            }
        });
    }

    fn next_due(&self) -> Option<Time> {
        let timers = self.engine.as_ref().filter(|_| !self.is_paused);
        let timer = timers.and_then(|engine| engine.next_due());
        let sync = self.syncs.front().map(|sync| sync.done);
        timer.into_iter().chain(sync).min()
    }

    fn crash(&mut self, _: Time) {
        // What it was stays to be looked at until it starts again.
        self.life += 1;
        self.syncs.clear();
        self.unsent.clear();
        self.is_paused = true;
    }

    fn pause(&mut self, _: Time) {
        self.is_paused = true;
    }

    fn resume(&mut self, _: Time, out: &mut Vec<Output>) {
        self.is_paused = false;
        out.extend(self.unsent.drain(..).map(Output::Send));
    }

    fn set_wall_clock_offset(&mut self, offset_ms: i64) {
        self.wall_offset_ms = offset_ms;
    }

    fn reseed(&mut self, seed: u64) {
        let Some(before) = &mut self.seed else { return };
        *before = seed;
        let seed = self.node_seed();
        if let Some(engine) = &mut self.engine {
            engine.reseed(seed);
        }
    }

    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        if let Some(engine) = &self.engine {
            engine.aspects(aspects);
        }
    }

    fn is_leader(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.is_leader())
    }

    fn insides(&self) -> Option<&dyn Any> {
        self.engine.as_ref().map(|engine| engine.node())
    }
}
