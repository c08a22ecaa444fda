//! A world of real processes: each node a child of the bench, messages carried between their pipes
//! by the network model, time read from the clock.
//!
//! ```text
//!                 ┌────────────────────────── ProcessWorld ─────────────────────────┐
//!   node stdout ──┤ poll.rs ─▶ lines.rs ─▶ message.rs ─▶ route.rs ─▶ node.rs        ├─▶ node stdin
//!                 │ the loop   whole lines  envelopes     network,    what waits to │
//!                 │                                       services    be written    │
//!                 │            request.rs ─────────────────▲ │ ▼──────▶ reply.rs    │
//!                 └──────────────▲───────────────────────────┼────────────┼─────────┘
//!                             clients               journal.rs         clients
//! ```
//!
//! Nothing that a node does can silence or stop the bench: what is wrong becomes a
//! [`Problem`] and everything else goes on.

mod descendants;
mod lines;
pub(crate) mod message;
mod node;
mod poll;
mod problems;
mod program;
mod reaper;
mod route;
mod signals;
mod stderr;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use proto::{NodeId, Time};
use rustix::process::Signal;
use simulator::{Fabric, NetworkOptions, Statistics};

use self::node::{Node, Program};
use self::reaper::Reaper;
use self::signals::Signals;
use self::stderr::Log;
use crate::journal::{Journal, LoggedMessages};
use crate::store;
use crate::world::{Fault, Problem, ProblemKind, Reply, World};

pub use self::program::{ProgramError, check_program};
pub use self::reaper::{REAP_ARGUMENT, reap};
pub use self::signals::{interrupted, note_interrupts};

pub(crate) use self::node::{READ_PATIENCE, describe_exit};
pub(crate) use self::poll::CLOSED_GRACE;
pub(crate) use self::problems::{Problems, closed_stream, not_reading};
pub(crate) use self::route::{IN_FLIGHT_MIB_MAX, INIT_TIMEOUT};
pub(crate) use self::stderr::Tail;

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
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program is not one that can be run.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The operating system could not start it.
    #[error("node {node} could not be started: {source}{}", spawn_hint(source))]
    Spawn {
        /// Which node.
        node: NodeId,
        /// What the operating system says.
        source: io::Error,
    },
    /// A node did not answer `init`, or not well.
    #[error("node {node}: {why}; {output}")]
    NoInit {
        /// Which node.
        node: NodeId,
        /// When, since the nodes were started.
        time: Time,
        /// What it did instead.
        why: String,
        /// Its last lines.
        output: String,
    },
    /// A file of the run could not be made.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something that the bench needs for itself.
    #[error("{what}: {source}")]
    Bench {
        /// What it was to do.
        what: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The user wants no run any more.
    #[error("interrupted")]
    Interrupted,
}

impl StartError {
    /// The failure as a problem of a node, if it is one.
    pub fn problem(&self) -> Option<Problem> {
        let (node, time, text) = match self {
            Self::NoInit { node, time, why, output } => (node, *time, format!("{why}; {output}")),
            Self::Spawn { node, source } => {
                let text = format!("it could not be started: {source}{}", spawn_hint(source));
                (node, Time::ZERO, text)
            }
            Self::Program(_) | Self::File { .. } | Self::Bench { .. } | Self::Interrupted => {
                return None;
            }
        };
        let kind = ProblemKind::NotStarted;
        Some(Problem { node: node.clone(), time: time.as_nanos(), kind, text, count: 1 })
    }
}

/// What has probably happened when the operating system does not start a program.
fn spawn_hint(error: &io::Error) -> &'static str {
    match rustix::io::Errno::from_io_error(error) {
        Some(rustix::io::Errno::NOEXEC) => {
            "; is its first line missing, like `#!/usr/bin/env python3` for a script, or was it built \
             for another kind of machine?"
        }
        Some(rustix::io::Errno::TXTBSY) => "; is it still being written?",
        _ => "",
    }
}

/// Processes, the network between them, and the clock.
pub struct ProcessWorld {
    started: Instant,
    /// The time of what is being handled.
    time: Time,
    program: Program,
    node_ids: Vec<NodeId>,
    nodes: Vec<Node>,
    fabric: Fabric,
    /// Shared with what watches the fabric.
    journal: Option<Rc<RefCell<Journal>>>,
    replies: VecDeque<Reply>,
    problems: Problems,
    signals: Signals,
    reaper: Option<Reaper>,
    is_starting: bool,
    start_failure: Option<StartError>,
    is_ending: bool,
    /// A node has died and the harness has not been told.
    has_news: bool,
    /// When to look again whether nodes read what they are sent.
    next_look: Time,
}

impl ProcessWorld {
    /// Starts all nodes at once and waits until each has answered `init`, at most 10 s.
    ///
    /// # Errors
    /// If the program cannot be run, or as soon as one node fails. No process is left then.
    pub fn start(options: &ProcessOptions) -> Result<Self, StartError> {
        let path = check_program(&options.program)?;
        let bench = |what| move |source| StartError::Bench { what, source };
        let signals = Signals::new().map_err(bench("signals cannot be handled"))?;
        let tag = descendants::run_tag();
        let reaper = match &options.reaper {
            Some(eddy) => {
                Some(Reaper::start(eddy, &tag).map_err(bench("`eddy reap` does not start"))?)
            }
            None => None,
        };
        let journal = match &options.directory {
            Some(directory) => {
                let path = directory.join("messages.jsonl");
                let journal = Journal::create(&path, options.logged_messages);
                Some(journal.map_err(|source| StartError::File { path, source })?)
            }
            None => None,
        };
        let journal = journal.map(RefCell::new).map(Rc::new);
        let mut fabric = Fabric::new(options.nodes.clone(), options.network.clone(), options.seed)
            .with_room(IN_FLIGHT_MIB_MAX << 20);
        if let Some(journal) = &journal {
            let journal = Rc::clone(journal);
            fabric.observe(move |seen| journal.borrow_mut().note(&seen));
        }
        let mut nodes = Vec::new();
        for id in &options.nodes {
            let file = options.directory.as_deref().map(|directory| node_log(directory, id));
            let echo = options.log_stderr.then(|| id.clone());
            nodes.push(Node::new(id.clone(), Log::new(file.transpose()?, echo)));
        }
        #[expect(clippy::disallowed_methods, reason = "this is where a run's time comes from")]
        let started = Instant::now();
        let mut world = Self {
            started,
            time: Time::ZERO,
            program: Program {
                path,
                arguments: options.arguments.clone(),
                directory: std::env::temp_dir(),
                tag,
            },
            node_ids: options.nodes.clone(),
            nodes,
            fabric,
            journal,
            replies: VecDeque::new(),
            problems: Problems::default(),
            signals,
            reaper,
            is_starting: true,
            start_failure: None,
            is_ending: false,
            has_news: false,
            next_look: Time::ZERO,
        };
        world.start_nodes()?;
        Ok(world)
    }

    fn start_nodes(&mut self) -> Result<(), StartError> {
        for index in 0..self.nodes.len() {
            self.start_node(index).map_err(|source| StartError::Spawn {
                node: self.node_ids[index].clone(),
                source,
            })?;
        }
        self.time = self.clock();
        (0..self.nodes.len()).for_each(|index| self.send_init(index));
        let end = self.time + INIT_TIMEOUT;
        let pending = |node: &Node| node.running.as_ref().is_none_or(|node| node.init.is_some());
        // Each `init` has its deadline; whatever else may come, there is an end.
        while self.start_failure.is_none() && self.nodes.iter().any(pending) {
            if interrupted() {
                return Err(StartError::Interrupted);
            }
            self.step(end);
            // A reply that comes now is nobody's: there are no clients yet.
            self.replies.clear();
        }
        self.is_starting = false;
        self.start_failure.take().map_or(Ok(()), Err)
    }

    fn start_node(&mut self, index: usize) -> io::Result<()> {
        let group = self.nodes[index].spawn(&self.program)?;
        if let Some(reaper) = &mut self.reaper {
            reaper.watch(group);
        }
        Ok(())
    }

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
        // All at once, so that what cannot be killed is waited for only once.
        for running in self.nodes.iter().filter_map(|node| node.running.as_ref()) {
            running.signal(Signal::KILL);
        }
        for index in 0..self.nodes.len() {
            self.end_process(index, false);
        }
        self.reaper = None;
        self.fabric.observe_no_more();
        let journal = self.journal.take().and_then(Rc::into_inner);
        journal.map_or(Ok(()), |journal| journal.into_inner().finish())
    }

    fn complain(&mut self, index: usize, kind: ProblemKind, text: impl FnOnce() -> String) {
        if !self.is_ending {
            self.problems.add(self.time, (index, &self.node_ids[index]), kind, text);
        }
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

/// Where a node's stderr goes: `node-logs/<id>.log`.
fn node_log(directory: &Path, id: &NodeId) -> Result<File, StartError> {
    let path = directory.join("node-logs").join(store::log_name(id.as_str()));
    let parent = path.parent().unwrap_or(directory);
    fs::create_dir_all(parent)
        .and_then(|()| File::create(&path))
        .map_err(|source| StartError::File { path, source })
}

impl Drop for ProcessWorld {
    fn drop(&mut self) {
        // Whoever cares about the journal has shut the world down before.
        let _ = self.shut_down(Duration::ZERO);
    }
}

impl World for ProcessWorld {
    fn now(&self) -> Time {
        self.clock()
    }

    fn node_ids(&self) -> &[NodeId] {
        &self.node_ids
    }

    fn send(&mut self, client: &NodeId, node: usize, body: String) {
        self.time = self.clock();
        self.send_request(client, node, body);
    }

    fn wait(&mut self, until: Time) -> Option<Reply> {
        self.next_reply(until)
    }

    fn inject(&mut self, fault: &Fault) {
        self.time = self.clock();
        match fault {
            Fault::RemoveMembers(_) | Fault::AddMembers => {}
            Fault::Partition(cut) => self.fabric.network_mut().set_cut(cut.clone()),
            Fault::Loss(p) => self.fabric.network_mut().set_loss(*p),
            Fault::Duplicate(p) => self.fabric.network_mut().set_duplicate(*p),
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

    fn is_down(&self, node: usize) -> bool {
        let id = &self.node_ids[node];
        // What it said before it died comes first.
        self.nodes[node].running.is_none() && !self.replies.iter().any(|reply| reply.node == *id)
    }

    /// Nobody can see who leads among processes in any language.
    fn primary(&self) -> Option<usize> {
        None
    }

    fn statistics(&self) -> Statistics {
        *self.fabric.network().statistics()
    }

    fn problems(&self) -> Vec<Problem> {
        self.problems.list()
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
