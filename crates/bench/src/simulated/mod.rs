//! Runs in virtual time: nodes as libraries, ours and those that others bring, in one process, as
//! fast as it goes.
//!
//! The same seed and the same arguments give the same history and the same results, byte for byte,
//! on every machine.

mod node;
mod panics;
mod world;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::{fs, io};

use proto::{Mouth, Program, UsageError};

use crate::harness::Record;
use crate::options::{Options, Source};
use crate::progress::Progress;
use crate::store::{RunDirectory, at};
use crate::workload::{SharedWatch, workload};
use crate::world::World as _;

pub use self::node::SimulatedNode;
pub use self::world::{Liars, SimulatedWorld};

/// Why a simulated run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The node's arguments are wrong.
    #[error("the arguments of the node are wrong: {0}")]
    Usage(#[from] UsageError),
    /// The node's logic panicked; the message is on stderr.
    #[error("the node's logic panicked")]
    Panic,
    /// A file of the run could not be written.
    #[error("cannot write the run's files: {0}")]
    File(#[from] io::Error),
}

/// Runs nodes of a program in virtual time. Messages and what nodes say to people are kept in
/// `directory`, if there is one.
///
/// # Errors
/// If the node's arguments are wrong, its logic panics, or a file cannot be written.
pub fn simulate(
    node: SimulatedNode,
    args: &[String],
    options: &Options,
    directory: Option<&RunDirectory>,
    progress: &mut dyn Progress,
) -> Result<Record, SimulateError> {
    let program = node.program();
    let chosen = program.choose(args)?;
    let durable = chosen.options.state_dir.is_some();
    let invariant = chosen.entry.invariant(options.nodes.len());
    let liars = liars(&program, args, options)?;
    let args = args.to_vec();
    let make = move |_| match program.choose(&args) {
        Ok(chosen) => chosen.node,
        Err(error) => unreachable!("these arguments were right a moment ago: {error}"),
    };
    let mut world =
        SimulatedWorld::new(options, durable, make).watched_by(invariant).with_liars(liars);
    let journal = directory.map(RunDirectory::messages).transpose()?.map(RefCell::new).map(Rc::new);
    if let Some(journal) = &journal {
        let journal = Rc::clone(journal);
        world.cluster_mut().observe(move |seen| journal.borrow_mut().note(&seen));
    }
    let watch = SharedWatch::of(options);
    if let Some(observer) = watch.observer() {
        world.cluster_mut().observe(observer);
    }
    let run = AssertUnwindSafe(|| run_world(&mut world, options, progress));
    let mut record = catch_unwind(run).map_err(|_| SimulateError::Panic)?;
    watch.finish(&mut record);
    if let Some(directory) = directory {
        directory.note_failure(write_node_logs(&mut world, directory));
    }
    drop(world);
    if let Some((journal, directory)) = journal.and_then(Rc::into_inner).zip(directory) {
        let path = directory.path().join("messages.jsonl");
        directory.note_failure(journal.into_inner().finish().map_err(at(&path)));
    }
    Ok(record)
}

/// What speaks for the nodes that are to be Byzantine.
fn liars(program: &Program, args: &[String], options: &Options) -> Result<Liars, UsageError> {
    let liar = |node: usize| {
        let (id, node_ids) = (options.nodes[node].clone(), options.nodes.clone());
        let is_spared = options.chance.spared(Source::Liars).contains(node as u64 + 1);
        let seed = if is_spared { 0 } else { options.seed };
        let mouth = Mouth { id, node_ids, seed: seed.wrapping_add(node as u64) };
        let liar = program.choose_liar(args, &mouth)?;
        let none = || "--nemesis byzantine: nobody has said how this node lies".to_owned();
        Ok((node, liar.ok_or_else(|| UsageError::Wrong(none()))?))
    };
    options.liars().into_iter().map(liar).collect()
}

/// What nodes said to people, each line with its time, because virtual time passes unseen.
fn write_node_logs(world: &mut SimulatedWorld, directory: &RunDirectory) -> io::Result<()> {
    let mut texts = vec![String::new(); world.node_ids().len()];
    for (time, node, line) in world.cluster_mut().take_logs() {
        let seconds = time.as_nanos() as f64 / 1e9;
        texts[node].push_str(&format!("{seconds:.6} {line}\n"));
    }
    for (node, text) in world.node_ids().iter().zip(texts) {
        let path = directory.node_log(node.as_str());
        fs::write(&path, text).map_err(at(&path))?;
    }
    Ok(())
}

/// Runs the workload of the options in a world of any nodes.
pub fn run_world(
    world: &mut SimulatedWorld,
    options: &Options,
    progress: &mut dyn Progress,
) -> Record {
    workload(options).run(world, options, progress)
}
