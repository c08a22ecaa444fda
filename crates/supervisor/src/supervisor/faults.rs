//! What befalls nodes from outside: death, power cuts, stops, and clocks that jump.

use super::Supervisor;
use crate::error::Error;
use crate::event::NodeId;

impl Supervisor {
    /// Ends a node as `kill -9` would: what it has not written is lost.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn kill(&mut self, node: NodeId) -> Result<(), Error> {
        let slot = self.slot(node)?;
        if let Some(mut node) = slot.node.take() {
            slot.durable = node.durable.take();
            node.destroy()?;
            self.collect(&mut node);
        }
        Ok(())
    }

    /// Ends a node as a loss of power would: of what it has written to files below
    /// [`NodeSpec::state_dir`](crate::NodeSpec::state_dir) only that is left which it has synced.
    ///
    /// # Errors
    ///
    /// If there is no such node, or its files cannot be put back.
    pub fn power_cut(&mut self, node: NodeId) -> Result<(), Error> {
        if let Some(node) = &mut self.slot(node)?.node {
            node.sync_synchronous_files();
        }
        self.kill(node)?;
        match &self.slot(node)?.durable {
            Some(durable) => durable.cut().map_err(Error::system("put files back")),
            None => Ok(()),
        }
    }

    /// Starts a node again that was killed or has exited: the same program with a clock of its own
    /// machine that has gone on.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::spawn`]; and if the node still runs it is killed first.
    pub fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        self.kill(node)?;
        self.slot(node)?.paused = false;
        self.start(node)
    }

    /// Holds a node while the others go on. Its clocks go on as well.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn pause(&mut self, node: NodeId) -> Result<(), Error> {
        self.slot(node)?.paused = true;
        Ok(())
    }

    /// Lets a paused node go on.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn resume(&mut self, node: NodeId) -> Result<(), Error> {
        self.slot(node)?.paused = false;
        Ok(())
    }

    /// Moves a node's wall clock by so many nanoseconds, for good: a restart does not mend it. Waits
    /// that have begun end when they would have.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn jump_clock(&mut self, node: NodeId, nanoseconds: i64) -> Result<(), Error> {
        let slot = self.slot(node)?;
        slot.clock_offset = slot.clock_offset.saturating_add(nanoseconds);
        if let Some(node) = &mut slot.node {
            node.clock_offset = slot.clock_offset;
        }
        Ok(())
    }
}
