//! Runs in virtual time: our own nodes, as libraries, in one process, as fast as it goes.
//!
//! The same seed and the same arguments give the same history and the same results, byte for byte,
//! on every machine.

mod consensus;
mod gossiper;
mod identifier;
mod world;

use ::consensus::{ConsensusNode, args as consensus_args};
use ::gossiper::{Config as GossiperConfig, Gossiper};
use ::identifier::{Identifier, args as identifier_args};
use proto::{Arguments, UsageError};
use serde::Serialize;

use crate::harness::{self, Record, SetupError};
use crate::options::{Options, WorkloadName};
use crate::progress::Progress;
use crate::workload::workload;

pub use self::world::{Simulated, SimulatedWorld};

/// The nodes that can be run in virtual time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SimulatedNode {
    /// Unique ids.
    Identifier,
    /// Broadcast.
    Gossiper,
    /// A linearizable key-value store.
    Consensus,
}

impl SimulatedNode {
    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::Gossiper => "gossiper",
            Self::Consensus => "consensus",
        }
    }

    /// The workloads that it serves.
    pub fn workloads(self) -> &'static [WorkloadName] {
        match self {
            Self::Identifier => &[WorkloadName::UniqueIds],
            Self::Gossiper => &[WorkloadName::Broadcast],
            Self::Consensus => &[WorkloadName::LinKv],
        }
    }
}

/// Why a simulated run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The node's arguments are wrong.
    #[error("the arguments of the node are wrong: {0}")]
    Usage(#[from] UsageError),
    /// The set-up failed.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Runs one of our own nodes in virtual time. `prepare` sees the world before anything happens.
///
/// # Errors
/// If the node's arguments are wrong, or the set-up fails.
pub fn simulate(
    node: SimulatedNode,
    args: &[String],
    options: &Options,
    observer: Option<Box<dyn MessageObserver>>,
    progress: &mut dyn Progress,
) -> Result<Record, SimulateError> {
    match node {
        SimulatedNode::Identifier => run(
            args,
            |arguments| Ok(Identifier::new(identifier_args::parse(arguments)?)),
            options,
            observer,
            progress,
        ),
        SimulatedNode::Gossiper => run(
            args,
            |arguments| Ok(Gossiper::new(GossiperConfig::parse(arguments)?)),
            options,
            observer,
            progress,
        ),
        SimulatedNode::Consensus => run(
            args,
            |arguments| Ok(ConsensusNode::new(consensus_args::parse(arguments)?)),
            options,
            observer,
            progress,
        ),
    }
}

/// Sees every message of a run, and what nodes say to people.
pub trait MessageObserver {
    /// A message was sent, received or lost: see [`simulator::Fate`].
    fn message(&mut self, time: u64, number: u64, fate: simulator::Fate, line: &[u8]);
}

fn run<N: Simulated + 'static>(
    args: &[String],
    build: impl Fn(&mut Arguments) -> Result<N, UsageError> + 'static,
    options: &Options,
    observer: Option<Box<dyn MessageObserver>>,
    progress: &mut dyn Progress,
) -> Result<Record, SimulateError> {
    let mut arguments = Arguments::new(args);
    build(&mut arguments)?;
    let durable = arguments.options().state_dir.is_some();
    let args = args.to_vec();
    let make = move |_| match build(&mut Arguments::new(&args)) {
        Ok(node) => node,
        Err(error) => unreachable!("these arguments were right a moment ago: {error}"),
    };
    let mut world = SimulatedWorld::new(options, durable, make);
    if let Some(mut observer) = observer {
        world.cluster_mut().observe(move |seen| {
            let mut line = Vec::new();
            // A message that cannot be written is a defect of the node's types; the run shows it.
            if proto::encode(seen.message, &mut line).is_ok() {
                observer.message(seen.time.as_nanos(), seen.number, seen.fate, &line);
            }
        });
    }
    run_world(&mut world, options, progress).map_err(SimulateError::from)
}

/// Runs the workload of the options in a world of any nodes.
///
/// # Errors
/// If the set-up fails.
pub fn run_world<N: Simulated>(
    world: &mut SimulatedWorld<N>,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Record, SetupError> {
    harness::run(world, options, &mut *workload(options), progress)
}
