//! A world of real processes: each node a child of the bench, messages carried between their pipes
//! by the network model, time read from the clock.
//!
//! ```text
//!                 ┌──────────────────────── ProcessWorld ─────────────────────────┐
//!   node stdout ──┤ poll.rs ─▶ lines.rs ─▶ Carrier ─▶ route.rs ─▶ node.rs         ├─▶ node stdin
//!                 │ the loop   whole lines  envelopes, who is      what waits     │
//!                 │                         network,   there       to be written  │
//!                 │                         services                              │
//!                 └──────────────────────────▲ │ ▼────────────────────────────────┘
//!                                      clients │ clients
//!                                           journal
//! ```
//!
//! Nothing that a node does can silence or stop the bench: what is wrong becomes a
//! [`Problem`] and everything else goes on.

pub(crate) mod descendants;
mod lines;
mod node;
mod poll;
mod program;
mod reading;
mod reaper;
mod route;
mod signals;
mod start;
mod stderr;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use proto::{NodeId, Time};
use rustix::process::{Signal, getpid};
use simulator::{NetworkOptions, Observation, Statistics};

use self::node::{Node, Program};
use self::reaper::Reaper;
use self::signals::Signals;
use crate::carrier::Carrier;
use crate::journal::{Journal, LoggedMessages};
use crate::world::{Fault, Problem, ProblemKind, Reply, World};

pub use self::program::{ProgramError, check_program, node_argument, node_arguments};
pub(crate) use self::program::{full_path, named_from_here, on_search_path};
pub use self::reaper::{REAP_ARGUMENT, reap};
pub use self::signals::{interrupted, note_interrupts};
pub use self::start::StartError;
pub(crate) use self::start::spawn_hint;

/// What a world of processes is made of.
#[derive(Clone, Debug)]
pub struct ProcessOptions {
    /// The program that every node runs.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The names of the nodes.
    pub nodes: Vec<NodeId>,
    /// What the network does to messages.
    pub network: NetworkOptions,
    /// Where the decisions of network and services come from.
    pub seed: u64,
    /// Where `messages.jsonl` and `node-logs/` go, if they are kept.
    pub directory: Option<PathBuf>,
    /// Which messages are copied to stderr, if they are kept at all.
    pub logged_messages: LoggedMessages,
    /// Whether what nodes say on stderr is copied to that of the bench.
    pub log_stderr: bool,
    /// The `eddy` program, run as a reaper that kills the nodes if this process is killed itself.
    pub reaper: Option<PathBuf>,
    /// Whether what nodes have started and left without a parent becomes a child of this process, and
    /// is killed when the world is shut down, as is every child of this process: only for a process
    /// that starts nothing else meanwhile.
    pub adopts: bool,
}

/// Processes, the network between them, and the clock.
pub struct ProcessWorld {
    started: Instant,
    /// The time of what is being handled.
    time: Time,
    program: Program,
    nodes: Vec<Node>,
    carrier: Carrier,
    /// Shared with what watches the fabric.
    journal: Option<Rc<RefCell<Journal>>>,
    signals: Signals,
    reaper: Option<Reaper>,
    adopts: bool,
    is_ending: bool,
    /// A node has died and the harness has not been told.
    has_news: bool,
    /// When to look again whether nodes read what they are sent.
    next_look: Time,
}

impl ProcessWorld {
    /// Starts every node that is down again. Their `init` is awaited along with everything else.
    fn restart(&mut self) {
        for index in 0..self.nodes.len() {
            if self.nodes[index].running.is_some() {
                continue;
            }
            match self.start_node(index) {
                Ok(()) => self.send_init(index),
                Err(error) => self.complain(index, ProblemKind::NoInit, || {
                    format!("it could not be started again: {error}")
                }),
            }
        }
    }

    /// Ends all nodes: closes their stdin, gives them `grace` to end by themselves, and kills what
    /// is left. What happens from here on is no problem of a node.
    ///
    /// # Errors
    /// If `messages.jsonl` could not be written.
    pub fn shut_down(&mut self, grace: Duration) -> io::Result<()> {
        self.is_ending = true;
        self.carrier.end();
        if !grace.is_zero() {
            self.time = self.clock();
            let end = self.time + grace;
            for running in self.nodes.iter_mut().filter_map(|node| node.running.as_mut()) {
                running.signal(Signal::CONT);
                running.close_stdin();
            }
            self.bury_the_dead();
            let is_running = |node: &Node| node.running.is_some();
            while self.nodes.iter().any(is_running) && self.clock() < end && !interrupted() {
                self.step(end);
            }
        }
        self.kill_all();
        for index in 0..self.nodes.len() {
            self.note_end(index, false);
        }
        self.reaper = None;
        self.carrier.fabric_mut().observe_no_more();
        let journal = self.journal.take().and_then(Rc::into_inner);
        journal.map_or(Ok(()), |journal| journal.into_inner().finish())
    }

    /// Has every message from now on, as it is sent and as it ends, shown to `observer` as well.
    pub fn observe(&mut self, observer: impl FnMut(Observation<'_>) + 'static) {
        self.carrier.fabric_mut().observe(observer);
    }

    /// Kills all nodes and all that they started: at once, so that descendants are looked for, and
    /// what cannot be killed is waited for, only once.
    fn kill_all(&self) {
        let signal_all = |signal| {
            let running = self.nodes.iter().filter_map(|node| node.running.as_ref());
            running.for_each(|running| running.signal(signal));
        };
        signal_all(Signal::STOP);
        let groups: BTreeSet<_> = self.nodes.iter().filter_map(Node::group).collect();
        let reaper = self.reaper.as_ref().map(|reaper| reaper.pid().as_raw_pid());
        let own = getpid().as_raw_pid();
        descendants::kill(&self.program.tag, |number, parent| {
            let is_adopted = self.adopts && parent == own && Some(number) != reaper;
            groups.contains(&number) || is_adopted
        });
        signal_all(Signal::KILL);
    }

    fn complain(&mut self, index: usize, kind: ProblemKind, text: impl FnOnce() -> String) {
        self.carrier.complain(self.time, index, kind, text);
    }

    fn clock(&self) -> Time {
        Time::ZERO + self.started.elapsed()
    }

    /// The running process of each of these nodes.
    fn running<'a>(
        &'a mut self,
        targets: &'a [usize],
    ) -> impl Iterator<Item = &'a mut node::Running> {
        let nodes = self.nodes.iter_mut().enumerate();
        nodes
            .filter(|(index, _)| targets.contains(index))
            .filter_map(|(_, node)| node.running.as_mut())
    }
}

impl Drop for ProcessWorld {
    fn drop(&mut self) {
        // Whoever cares about the journal has shut the world down before.
        if !self.is_ending {
            let _ = self.shut_down(Duration::ZERO);
        }
    }
}

impl World for ProcessWorld {
    fn now(&self) -> Time {
        self.clock()
    }

    fn node_ids(&self) -> &[NodeId] {
        self.carrier.node_ids()
    }

    fn send(&mut self, client: &NodeId, node: usize, body: &str) {
        self.time = self.clock();
        self.carrier.request(self.time, client, node, body);
        self.deliver_due();
    }

    fn wait(&mut self, until: Time) -> Option<Reply> {
        self.next_reply(until)
    }

    fn inject(&mut self, fault: &Fault) {
        self.time = self.clock();
        match fault {
            Fault::RemoveMembers(_) | Fault::AddMembers => {}
            Fault::Partition(_) | Fault::Loss(_) | Fault::Duplicate(_) => {
                fault.strike(self.carrier.fabric_mut().network_mut());
            }
            Fault::Kill(targets) => {
                // One that has just died by itself must not pass for killed.
                self.bury_the_dead();
                for index in targets {
                    self.end_process(*index, false);
                }
            }
            Fault::Restart => self.restart(),
            Fault::Pause(targets) => {
                for running in self.running(targets) {
                    running.signal(Signal::STOP);
                    running.is_paused = true;
                }
            }
            Fault::Resume => {
                let all: Vec<_> = (0..self.nodes.len()).collect();
                for running in self.running(&all) {
                    running.signal(Signal::CONT);
                    running.is_paused = false;
                }
            }
            // Processes share the machine, its clock and its disk; the command line refuses these.
            Fault::Clocks(_) | Fault::PowerCut(_) | Fault::Lie(_) => {}
        }
    }

    fn reseed(&mut self, seed: u64) {
        self.carrier.fabric_mut().reseed(seed);
    }

    fn is_down(&self, node: usize) -> bool {
        // What it said before it died comes first.
        self.nodes[node].running.is_none() && !self.carrier.has_reply_of(node)
    }

    /// Nobody can see who leads among processes in any language.
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
        let Node { running, log, .. } = &self.nodes[node];
        let unread = running.as_ref().map_or(0, |running| running.unread());
        self.carrier.hint_at_silence(node, unread, &log.tail)
    }

    fn notes(&self) -> Vec<String> {
        let is_full = self.journal.as_ref().is_some_and(|journal| journal.borrow().is_full());
        let note = "there were so many messages that messages.jsonl ends before the run does";
        is_full.then(|| note.to_owned()).into_iter().collect()
    }

    fn interrupted(&self) -> bool {
        interrupted() || self.nodes.iter().all(|node| node.has_died)
    }
}
