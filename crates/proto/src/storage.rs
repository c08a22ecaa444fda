//! A node's records on disk: `DIR/<node id>/records.redb`.
//!
//! The store is redb: one file, one dependency, and every page under a checksum that its newest
//! commit vouches for. It was chosen over fjall 3 by what both make of damaged files (200 synced
//! commits, then many copies with a zeroed tail, a flipped bit, or a missing end):
//!
//! * The newest commit torn by a crash: both cut it off and open with the commit before it.
//! * A flipped bit in older data: redb, asked to check the whole file first as it is here, always
//!   refused. fjall refused most, but in 15 of 60 it silently dropped one commit in the middle or
//!   all that came after the flip.
//! * A file that ends early, which no crash does to it: redb refuses, fjall goes on with less.
//!
//! So what a crash can do is repaired, and what only a failing disk or a person can do is refused
//! with an error before the node says a word; `storage/tests.rs` does the same to real files. Opening
//! reads the whole file, which it has to anyway: the records are handed to the node in memory.
//!
//! Some damage makes redb panic instead of saying what is wrong. Such a panic is caught here and is a
//! refusal like any other.
//!
//! The file names its node, since the records of one are lies in the mouth of another: a directory
//! that was given another node's name is refused.

use std::fs::{self, File};
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Component, Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use crate::id::NodeId;
use crate::node::{Records, Write};

mod quiet;
#[cfg(test)]
mod tests;

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// One entry, under [`NODE`]: whose records they are.
const OWNER: TableDefinition<'_, &str, &str> = TableDefinition::new("owner");
const NODE: &str = "node";
const FILE_NAME: &str = "records.redb";
/// A new file is made under this name, so that a crash cannot leave half a file under the other.
const NEW_FILE_NAME: &str = "records.new";
/// The node holds its records itself, so there is little to gain from caching pages.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// What can go wrong with records on disk.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The node's name cannot be the name of a directory.
    #[error("node id `{0}` cannot be the name of a directory")]
    BadName(NodeId),
    /// The disk or the store failed.
    #[error("{path}: {reason}", path = path.display())]
    Failed {
        /// Which file or directory.
        path: PathBuf,
        /// What the store says.
        reason: String,
    },
    /// The file is not what was written. Nothing of it is used.
    #[error(
        "{path} is damaged and is not used: {reason}; restore it, or remove it to start empty",
        path = path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What the store says.
        reason: String,
    },
    /// The file is another node's.
    #[error(
        "{path} holds the records of node {owner}, not of {node}: give the directory its name back, \
         or remove the file to start empty",
        path = path.display()
    )]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        owner: NodeId,
        /// Who opened it.
        node: NodeId,
    },
}

/// The records of one node in a directory of its own.
pub(crate) struct Storage {
    dir: PathBuf,
    store: Option<Store>,
}

/// An open file of records.
struct Store {
    path: PathBuf,
    database: Database,
}

impl Storage {
    /// Records within the state directory `dir`, which need not exist yet.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, store: None }
    }

    /// Opens the records of `node` and returns them. A commit that a crash has interrupted is not
    /// among them, every commit that was confirmed is.
    ///
    /// # Errors
    /// If the node's name is no directory name, if the disk fails, if another process has the
    /// records open, or if the file is damaged.
    pub(crate) fn open(&mut self, node: &NodeId) -> Result<Records, StorageError> {
        let dir = self.dir.join(directory_name(node)?);
        create_directory(&dir).map_err(|error| failed(&dir, &error))?;
        let path = dir.join(FILE_NAME);
        let mut database = guarded(&path, || open_database(&dir, &path))?;
        let read = guarded(&path, || {
            // Only this looks at every page; a read would believe what it finds.
            database.check_integrity()?;
            let owner = claim(&database, node)?;
            Ok((owner, read_records(&database)?))
        });
        let refusal = match read {
            Ok((owner, records)) if owner == *node => {
                self.store = Some(Store { path, database });
                return Ok(records);
            }
            Ok((owner, _)) => StorageError::Foreign { path, owner, node: node.clone() },
            Err(error) => error,
        };
        // Closing it looks at the file once more.
        let _ = quiet::catch_panic(AssertUnwindSafe(|| drop(database)));
        Err(refusal)
    }

    /// Makes all of `writes` durable, all or none of them: when this returns they are synced.
    ///
    /// # Errors
    /// If the disk fails. Then nothing that depends on the writes may be said.
    pub(crate) fn commit<'a>(
        &mut self,
        writes: impl IntoIterator<Item = &'a Write>,
    ) -> Result<(), StorageError> {
        let Some(Store { path, database }) = &self.store else {
            return Err(failed(&self.dir, &"no node has been initialised"));
        };
        write_records(database, writes).map_err(|error| store_error(path, error))
    }
}

/// The node's name, if it names a directory directly within its parent.
fn directory_name(node: &NodeId) -> Result<&Path, StorageError> {
    let name = Path::new(node.as_str());
    let mut components = name.components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(only)), None)
            if only == name.as_os_str() && !node.as_str().contains('\0') =>
        {
            Ok(name)
        }
        _ => Err(StorageError::BadName(node.clone())),
    }
}

/// Makes a directory and what is missing above it, each entry synced into its parent.
fn create_directory(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().unwrap_or_else(|| Path::new(""));
    create_directory(parent)?;
    match fs::create_dir(dir) {
        // The other nodes of the cluster make the state directory at the same time.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        result => result,
    }?;
    sync_directory(parent)
}

fn sync_directory(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}

fn open_database(dir: &Path, path: &Path) -> Result<Database, redb::Error> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    if path.try_exists()? {
        return Ok(builder.open(path)?);
    }
    let new_path = dir.join(NEW_FILE_NAME);
    // Mostly there is none; and what cannot be removed cannot be made anew either, which says why.
    let _ = fs::remove_file(&new_path);
    let database = builder.create(&new_path)?;
    write_records(&database, [])?;
    fs::rename(&new_path, path)?;
    sync_directory(dir)?;
    Ok(database)
}

/// Whose file it is: from now on that of `node`, if it was nobody's. Files of earlier versions
/// name nobody.
fn claim(database: &Database, node: &NodeId) -> Result<NodeId, redb::Error> {
    let owner = match database.begin_read()?.open_table(OWNER) {
        Ok(table) => table.get(NODE)?.map(|name| NodeId::new(name.value())),
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(owner) = owner {
        return Ok(owner);
    }
    let transaction = database.begin_write()?;
    transaction.open_table(OWNER)?.insert(NODE, node.as_str())?;
    transaction.commit()?;
    Ok(node.clone())
}

fn read_records(database: &Database) -> Result<Records, redb::Error> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(TABLE)?;
    let mut records = Records::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        records.insert(key.value().to_vec(), value.value().to_vec());
    }
    Ok(records)
}

fn write_records<'a>(
    database: &Database,
    writes: impl IntoIterator<Item = &'a Write>,
) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(TABLE)?;
        for write in writes {
            match write {
                Write::Put { key, value } => {
                    table.insert(&**key, &**value)?;
                }
                Write::DeleteRange { from, to } => {
                    table.retain_in(&**from..&**to, |_, _| false)?;
                }
            }
        }
    }
    Ok(transaction.commit()?)
}

/// Runs what reads the file at `path`; a panic means that the file is damaged.
fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, redb::Error>,
) -> Result<T, StorageError> {
    // Whatever the panic leaves half done is dropped without being used.
    match quiet::catch_panic(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| store_error(path, error)),
        Err(reason) => Err(StorageError::Damaged { path: path.to_owned(), reason }),
    }
}

fn store_error(path: &Path, error: redb::Error) -> StorageError {
    let damaged = match &error {
        redb::Error::Corrupted(_) => true,
        // What is no file of this store at all.
        redb::Error::Io(error) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        _ => false,
    };
    if damaged {
        return StorageError::Damaged { path: path.to_owned(), reason: error.to_string() };
    }
    failed(path, &error)
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> StorageError {
    StorageError::Failed { path: path.to_owned(), reason: error.to_string() }
}
