//! Nodes before they begin: in an engine, behind an edge, or as a process.

use std::fmt::{self, Debug};

use super::AnyEngine;
use super::engine::Forgetful;
use crate::edge::{Edge, Edged};
use crate::engine::Engine;
use crate::node::Node;

/// A node of any kind that has not begun yet.
pub struct AnyNode(Box<dyn Begin>);

impl AnyNode {
    /// Forgets the type of a node.
    pub fn new(node: impl Node + 'static) -> Self {
        Self(Box::new(node))
    }

    /// Puts the node into a [watched](Engine::watched) engine (see [`Engine::new`]).
    pub fn into_engine(self, seed: u64, durable: bool) -> Box<dyn AnyEngine> {
        self.0.into_engine(seed, durable)
    }

    /// The same node behind an edge, in virtual time: as a process there is none.
    #[must_use]
    pub fn behind(self, edge: impl Edge + 'static) -> Self {
        Self(Box::new(Behind { node: self.0, edge: Box::new(edge) }))
    }

    /// Runs the node on stdin and stdout (see [`run_with`](crate::run_with)).
    #[cfg(feature = "runtime")]
    pub fn run(self, options: &crate::Options) -> std::process::ExitCode {
        self.0.run(options)
    }
}

impl Debug for AnyNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyNode")
    }
}

/// How a node begins, whatever its type.
trait Begin {
    fn into_engine(self: Box<Self>, seed: u64, durable: bool) -> Box<dyn AnyEngine>;

    #[cfg(feature = "runtime")]
    fn run(self: Box<Self>, options: &crate::Options) -> std::process::ExitCode;
}

impl<N: Node + 'static> Begin for N {
    fn into_engine(self: Box<Self>, seed: u64, durable: bool) -> Box<dyn AnyEngine> {
        Box::new(Forgetful::new(Engine::new(*self, seed, durable).watched().restartable()))
    }

    #[cfg(feature = "runtime")]
    fn run(self: Box<Self>, options: &crate::Options) -> std::process::ExitCode {
        crate::run_with(*self, options)
    }
}

/// A node that has not begun yet, and the edge that it will stand behind.
struct Behind {
    node: Box<dyn Begin>,
    edge: Box<dyn Edge>,
}

impl Begin for Behind {
    fn into_engine(self: Box<Self>, seed: u64, durable: bool) -> Box<dyn AnyEngine> {
        let engine = self.node.into_engine(seed, durable);
        Box::new(Edged { engine, edge: self.edge, has_begun: false })
    }

    #[cfg(feature = "runtime")]
    fn run(self: Box<Self>, options: &crate::Options) -> std::process::ExitCode {
        self.node.run(options)
    }
}
