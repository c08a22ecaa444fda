//! How a world of processes begins, and why it might not.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use proto::{NodeId, Time};
use simulator::Fabric;

use super::node::{Node, Program};
use super::reaper::Reaper;
use super::signals::{Signals, interrupted};
use super::stderr::Log;
use super::{
    ProcessOptions, ProcessWorld, ProgramError, check_program, descendants, named_from_here,
};
use crate::carrier::{Carrier, INIT_TIMEOUT, not_started};
use crate::journal::Journal;
use crate::store;
use crate::world::{Problem, World as _};

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
    #[error("node {}: {}", .0.node, .0.text)]
    NoInit(Problem),
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
        match self {
            Self::NoInit(problem) => Some(problem.clone()),
            Self::Spawn { node, source } => {
                let text = format!("it could not be started: {source}{}", spawn_hint(source));
                Some(not_started(node, Time::ZERO, text))
            }
            Self::Program(_) | Self::File { .. } | Self::Bench { .. } | Self::Interrupted => None,
        }
    }
}

/// What has probably happened when the operating system does not start a program.
pub(crate) fn spawn_hint(error: &io::Error) -> &'static str {
    match rustix::io::Errno::from_io_error(error) {
        Some(rustix::io::Errno::NOEXEC) => {
            "; is its first line missing, like `#!/usr/bin/env python3` for a script, or was it built \
             for another kind of machine?"
        }
        Some(rustix::io::Errno::TXTBSY) => "; is it still being written?",
        _ => "",
    }
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
        if options.adopts {
            descendants::adopt().map_err(bench("orphans cannot be adopted"))?;
        }
        let reaper = match &options.reaper {
            Some(eddy) => Some(
                Reaper::start(eddy, &tag, options.adopts)
                    .map_err(bench("`eddy reap` does not start"))?,
            ),
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
        let mut fabric = Fabric::new(options.nodes.clone(), options.network.clone(), options.seed);
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
            nodes,
            carrier: Carrier::new(fabric).with_named_from_here(named_from_here(&options.arguments)),
            journal,
            signals,
            reaper,
            adopts: options.adopts,
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
                node: self.node_ids()[index].clone(),
                source,
            })?;
        }
        self.time = self.clock();
        (0..self.nodes.len()).for_each(|index| self.send_init(index));
        let end = self.time + INIT_TIMEOUT;
        // Each `init` has its deadline; whatever else may come, there is an end.
        while !self.carrier.has_failed_to_start() && self.awaits_init() {
            if interrupted() {
                return Err(StartError::Interrupted);
            }
            self.step(end);
            // A reply that comes now is nobody's: there are no clients yet.
            while self.carrier.next_reply().is_some() {}
        }
        self.carrier.started().map_err(StartError::NoInit)
    }

    /// Whether a node is not there yet.
    fn awaits_init(&self) -> bool {
        let mut nodes = self.nodes.iter().enumerate();
        nodes.any(|(index, node)| node.running.is_none() || self.carrier.awaits_init(index))
    }

    pub(super) fn start_node(&mut self, index: usize) -> io::Result<()> {
        let group = self.nodes[index].spawn(&self.program)?;
        if let Some(reaper) = &mut self.reaper {
            reaper.watch(group);
        }
        Ok(())
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
