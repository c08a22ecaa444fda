//! What a node can do without anybody else, as code that does not know the node's type sees it.

use rand::rngs::Xoshiro256PlusPlus;

use crate::id::NodeId;
use crate::node::Context;
use crate::node::Node;
use crate::time::Time;

/// The part of a [`Context`] that has nothing to do with messages: name, clocks, randomness and
/// records. What needs no more (a scheme of ids, a durable log) takes `&mut dyn Local` and works
/// for every node.
pub trait Local {
    /// See [`Context::id`].
    fn id(&self) -> &NodeId;
    /// See [`Context::node_ids`].
    fn node_ids(&self) -> &[NodeId];
    /// See [`Context::now`].
    fn now(&self) -> Time;
    /// See [`Context::wall_clock_ms`].
    fn wall_clock_ms(&self) -> u64;
    /// See [`Context::random`].
    fn random(&mut self) -> &mut Xoshiro256PlusPlus;
    /// See [`Context::is_durable`].
    fn is_durable(&self) -> bool;
    /// See [`Context::put`].
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>);
    /// See [`Context::delete_range`].
    fn delete_range(&mut self, from: Vec<u8>, to: Vec<u8>);
    /// See [`Context::log`].
    fn log(&mut self, line: String);
}

impl<N: Node> Local for Context<'_, N> {
    fn id(&self) -> &NodeId {
        self.id()
    }

    fn node_ids(&self) -> &[NodeId] {
        self.node_ids()
    }

    fn now(&self) -> Time {
        self.now()
    }

    fn wall_clock_ms(&self) -> u64 {
        self.wall_clock_ms()
    }

    fn random(&mut self) -> &mut Xoshiro256PlusPlus {
        self.random()
    }

    fn is_durable(&self) -> bool {
        self.is_durable()
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.put(key, value);
    }

    fn delete_range(&mut self, from: Vec<u8>, to: Vec<u8>) {
        self.delete_range(from, to);
    }

    fn log(&mut self, line: String) {
        self.log(line);
    }
}
