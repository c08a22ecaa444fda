//! A node's records on disk.

use std::path::PathBuf;

use crate::id::NodeId;
use crate::node::{Records, Write};

/// What can go wrong with records on disk.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The node's name cannot be the name of a directory.
    #[error("node id {0:?} cannot name a directory")]
    BadName(NodeId),
    /// The disk or the store failed.
    #[error("{path}: {reason}", path = path.display())]
    Failed {
        /// Which file or directory.
        path: PathBuf,
        /// What the store says.
        reason: String,
    },
}

/// The records of one node in a directory of its own.
pub(crate) struct Storage {
    dir: PathBuf,
}

impl Storage {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(crate) fn open(&mut self, node: &NodeId) -> Result<Records, StorageError> {
        Err(StorageError::Failed { path: self.dir.join(node.as_str()), reason: "TODO".to_owned() })
    }

    pub(crate) fn commit(&mut self, _writes: Vec<Write>) -> Result<(), StorageError> {
        Ok(())
    }
}
