//! Multi-Paxos under random schedules: loss, copies, reordering, cuts, crashes that lose what was
//! not synced. The invariants are checked after every event, then everything heals and the cluster
//! has to serve again. Then the same with three mistakes, which the schedules have to find.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::time::Duration;

use paxos::{
    Apply, Config, Envelope, Invariants, Message, NodeIndex, ReadId, Record, Replica, Restored,
    Slot,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// The state machine: how many slots were applied, and a digest of them.
type State = (u64, u64);
type Node = Replica<u64, State>;
type Wire = Message<u64, State>;

const FAULTY: Duration = Duration::from_secs(6);
const HEALTHY: Duration = Duration::from_secs(4);

/// A way to get it wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// A new leader fills the slots it is told of with commands of its own.
    OwnCommands,
    /// An acceptor's storage forgets promise and acceptances.
    ForgetfulStorage,
    /// Promises do not tell of the last slot that was accepted.
    HiddenAcceptance,
}

enum Event {
    Deliver(usize, usize, Wire),
    Wake(usize),
    Synced(usize, usize),
    Request,
    Fault,
}

struct Unsynced {
    records: Vec<Record<u64, State>>,
    messages: Vec<Envelope<u64, State>>,
    number: usize,
}

#[derive(Default)]
struct Host {
    node: Option<Node>,
    stored: Restored<u64, State>,
    unsynced: Vec<Unsynced>,
    state: State,
    wake_at: Duration,
}

fn write(stored: &mut Restored<u64, State>, record: Record<u64, State>) {
    match record {
        Record::Promised(ballot) => stored.promised = ballot,
        Record::Accepted(entries) => {
            for entry in entries {
                stored.entries.retain(|old| old.slot != entry.slot);
                stored.entries.push(entry);
            }
        }
        Record::Snapshot { snapshot, first_kept } => {
            stored.snapshot = Some(snapshot);
            stored.entries.retain(|entry| entry.slot >= first_kept);
        }
    }
}

struct Schedule {
    random: Xoshiro256PlusPlus,
    mistake: Mistake,
    now: Duration,
    queue: BinaryHeap<Reverse<(Duration, usize)>>,
    events: Vec<Option<Event>>,
    hosts: Vec<Host>,
    invariants: Invariants<u64>,
    cut: Vec<Vec<bool>>,
    faulty: bool,
    commands: u64,
    /// For every read: what was known anywhere to be chosen when it was asked for.
    reads: Vec<Slot>,
    reads_served: usize,
    chosen_anywhere: Slot,
    installed: usize,
}

type Checked = Result<(), String>;

impl Schedule {
    fn new(seed: u64, mistake: Mistake) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let nodes = random.random_range(2..=5);
        Self {
            random,
            mistake,
            now: Duration::ZERO,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            hosts: (0..nodes).map(|_| Host::default()).collect(),
            invariants: Invariants::new(nodes),
            cut: vec![vec![false; nodes]; nodes],
            faulty: true,
            commands: 0,
            reads: Vec::new(),
            reads_served: 0,
            chosen_anywhere: Slot(0),
            installed: 0,
        }
    }

    fn push(&mut self, delay: Duration, event: Event) {
        self.queue.push(Reverse((self.now + delay, self.events.len())));
        self.events.push(Some(event));
    }

    fn milliseconds(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.random.random_range(range))
    }

    fn start(&mut self, id: usize) -> Checked {
        let config = Config {
            id: NodeIndex(id),
            nodes: self.hosts.len(),
            election_timeout: Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(100),
            gather_window: Duration::from_millis(3),
            commands_per_message: 8,
        };
        let seed = self.random.random();
        let host = &mut self.hosts[id];
        host.state = (0, 0);
        let node = Replica::new(config, host.stored.clone(), self.now, seed);
        self.invariants.restarted(&node);
        host.node = Some(node);
        host.wake_at = Duration::ZERO;
        self.after_input(id)
    }

    fn crash(&mut self, id: usize) {
        let host = &mut self.hosts[id];
        host.node = None;
        // Of what was not synced a part may have reached the disk, in order.
        let records: Vec<_> = host.unsynced.drain(..).flat_map(|u| u.records).collect();
        let survives = self.random.random_range(0..=records.len());
        records.into_iter().take(survives).for_each(|record| write(&mut host.stored, record));
        if self.mistake == Mistake::ForgetfulStorage {
            let snapshot = host.stored.snapshot.take();
            host.stored = Restored { snapshot, ..Restored::default() };
        }
    }

    fn after_input(&mut self, id: usize) -> Checked {
        let now = self.now;
        let host = &mut self.hosts[id];
        let Some(node) = &mut host.node else { return Ok(()) };
        let mut output = node.take_output();
        for apply in output.applies.drain(..) {
            host.state = match apply {
                Apply::Restore(snapshot) => {
                    self.installed += 1;
                    snapshot.state
                }
                Apply::Command(slot, command) => {
                    if slot.0 != host.state.0 + 1 {
                        return Err(format!("{slot} is applied after {}", host.state.0));
                    }
                    if command.is_some_and(|command| command == 0 || command > self.commands) {
                        return Err(format!("nobody proposed {command:?}"));
                    }
                    let digest = host.state.1.wrapping_mul(31).wrapping_add(command.unwrap_or(0));
                    (slot.0, digest)
                }
            };
        }
        let known = node.log().chosen_through();
        if host.state.0 != known.0 {
            return Err(format!("{} applied, {known} known to be chosen", host.state.0));
        }
        if known.0 + 1 - node.log().first().0 > 40 {
            node.compact(known, host.state, 10);
            output.records.extend(node.take_output().records);
        }
        self.invariants.observe(node).map_err(|violation| violation.to_string())?;
        self.chosen_anywhere = self.chosen_anywhere.max(known);
        for read in &output.reads_ready {
            if known < self.reads[read.0 as usize] {
                return Err(format!("a stale read at {known}"));
            }
            self.reads_served += 1;
        }
        let wake_at = node.next_deadline().max(now);
        let wake_changed = wake_at != host.wake_at;
        host.wake_at = wake_at;
        let number = self.events.len();
        host.unsynced.push(Unsynced { records: output.records, messages: output.messages, number });
        if wake_changed {
            self.push(wake_at - now, Event::Wake(id));
        }
        let sync_time = if self.faulty { self.milliseconds(0..6) } else { Duration::ZERO };
        self.push(sync_time, Event::Synced(id, number));
        Ok(())
    }

    fn send(&mut self, from: usize, envelope: Envelope<u64, State>) {
        let Envelope { to, mut message } = envelope;
        if let Message::Promise(promise) = &mut message {
            match self.mistake {
                Mistake::HiddenAcceptance => drop(promise.accepted.pop()),
                Mistake::OwnCommands => {
                    for entry in &mut promise.accepted {
                        entry.command = entry.command.map(|_| 1);
                    }
                }
                Mistake::None | Mistake::ForgetfulStorage => {}
            }
        }
        let copies = match (self.faulty, self.random.random_range(0..100)) {
            (true, 0..5) => 0,
            (true, 5..10) => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let mut delay = self.milliseconds(1..20);
            if self.faulty && self.random.random_bool(0.02) {
                delay = self.milliseconds(100..2000);
            }
            self.push(delay, Event::Deliver(from, to.0, message.clone()));
        }
    }

    fn fault(&mut self) -> Checked {
        let nodes = self.hosts.len();
        let (a, b) = (self.random.random_range(0..nodes), self.random.random_range(0..nodes));
        match self.random.random_range(0..6) {
            0 => self.crash(a),
            1 | 2 => self.start_all()?,
            3 => self.cut[a][b] = true,
            4 => {
                let side: Vec<bool> = (0..nodes).map(|_| self.random.random_bool(0.4)).collect();
                for (from, row) in self.cut.iter_mut().enumerate() {
                    for (to, cut) in row.iter_mut().enumerate() {
                        *cut = side[from] != side[to];
                    }
                }
            }
            _ => self.cut.iter_mut().flatten().for_each(|cut| *cut = false),
        }
        Ok(())
    }

    fn start_all(&mut self) -> Checked {
        let down: Vec<_> =
            (0..self.hosts.len()).filter(|&n| self.hosts[n].node.is_none()).collect();
        down.into_iter().try_for_each(|id| self.start(id))
    }

    fn request(&mut self) -> Checked {
        // Clients mostly know who leads; or who thinks so.
        let mut id = self.random.random_range(0..self.hosts.len());
        let leads = |host: &Host| host.node.as_ref().is_some_and(Replica::is_leader);
        if let Some(leader) = self.hosts.iter().rposition(leads).filter(|_| self.random.random()) {
            id = leader;
        }
        let now = self.now;
        let Some(node) = &mut self.hosts[id].node else { return Ok(()) };
        if self.random.random_bool(0.5) {
            self.commands += 1;
            let _ = node.propose(now, self.commands);
        } else {
            let read = ReadId(self.reads.len() as u64);
            self.reads.push(self.chosen_anywhere);
            node.read(now, read);
        }
        self.after_input(id)
    }

    fn run_until(&mut self, end: Duration) -> Checked {
        while let Some(&Reverse((at, number))) = self.queue.peek() {
            if at > end {
                break;
            }
            self.queue.pop();
            self.now = at;
            match self.events[number].take().expect("an event happens once") {
                Event::Deliver(from, to, message) => {
                    if !self.cut[from][to]
                        && let Some(node) = &mut self.hosts[to].node
                    {
                        node.step(at, NodeIndex(from), message);
                        self.after_input(to)?;
                    }
                }
                Event::Wake(id) => {
                    let host = &mut self.hosts[id];
                    if let Some(node) = &mut host.node
                        && host.wake_at == at
                    {
                        host.wake_at = Duration::MAX;
                        node.tick(at);
                        if node.next_deadline() <= at {
                            return Err("a deadline stays due".to_owned());
                        }
                        self.after_input(id)?;
                    }
                }
                Event::Synced(id, number) => {
                    // One write after another: syncing this one syncs all before.
                    let host = &mut self.hosts[id];
                    let synced = host.unsynced.iter().take_while(|u| u.number <= number).count();
                    let done: Vec<_> = host.unsynced.drain(..synced).collect();
                    for Unsynced { records, messages, .. } in done {
                        for record in records {
                            write(&mut self.hosts[id].stored, record);
                        }
                        messages.into_iter().for_each(|message| self.send(id, message));
                    }
                }
                Event::Request => {
                    self.request()?;
                    let pause = self.milliseconds(1..20);
                    self.push(pause, Event::Request);
                }
                Event::Fault => {
                    if self.faulty {
                        self.fault()?;
                        let pause = self.milliseconds(50..600);
                        self.push(pause, Event::Fault);
                    }
                }
            }
        }
        self.now = end;
        Ok(())
    }

    fn run(&mut self) -> Checked {
        self.start_all()?;
        self.push(Duration::ZERO, Event::Request);
        self.push(Duration::from_secs(1), Event::Fault);
        self.run_until(FAULTY)?;
        self.faulty = false;
        self.cut.iter_mut().flatten().for_each(|cut| *cut = false);
        self.start_all()?;
        let (before, served) = (self.chosen_anywhere, self.reads_served);
        self.run_until(FAULTY + HEALTHY)?;
        if self.chosen_anywhere.0 < before.0 + 50 || self.reads_served < served + 20 {
            return Err("no progress after healing".to_owned());
        }
        for node in self.hosts.iter().filter_map(|host| host.node.as_ref()) {
            let lag = self.chosen_anywhere.0 - node.log().chosen_through().0;
            if lag > 60 {
                return Err(format!("node {} has not caught up: {lag} behind", node.id()));
            }
        }
        Ok(())
    }
}

fn first_failure(seeds: Range<u64>, mistake: Mistake) -> Option<(u64, String)> {
    seeds.into_iter().find_map(|seed| Some((seed, Schedule::new(seed, mistake).run().err()?)))
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn random_schedules_are_safe_and_live() {
    let first = from_environment("SEED", 0);
    let seeds = first..first + from_environment("SEEDS", 150);
    let found = first_failure(seeds, Mistake::None);
    assert_eq!(found, None, "SEED=… SEEDS=1 cargo test -p paxos random_schedules");
}

#[test]
fn schedules_make_replicas_fall_so_far_behind_that_they_need_the_state() {
    let installed = |seed| {
        let mut schedule = Schedule::new(seed, Mistake::None);
        schedule.run().map(|()| schedule.installed)
    };
    assert!((0..20).map(installed).map(Result::unwrap).sum::<usize>() > 20);
}

#[test]
fn each_mistake_is_found_within_fifty_seeds() {
    for mistake in [Mistake::OwnCommands, Mistake::ForgetfulStorage, Mistake::HiddenAcceptance] {
        let found = first_failure(0..50, mistake);
        assert!(found.is_some(), "{mistake:?}");
    }
}
