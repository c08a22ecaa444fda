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
//! with an error before the node says a word; the tests below do the same to real files. Opening
//! reads the whole file, which it has to anyway: the records are handed to the node in memory.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::id::NodeId;
use crate::node::{Records, Write};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
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
        let result = open_database(&dir, &path).and_then(|mut database| {
            // Only this looks at every page; a read would believe what it finds.
            database.check_integrity()?;
            let records = read_records(&database)?;
            Ok((database, records))
        });
        let (database, records) = result.map_err(|error| store_error(&path, error))?;
        self.store = Some(Store { path, database });
        Ok(records)
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
    match fs::remove_file(&new_path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let database = builder.create(&new_path)?;
    write_records(&database, [])?;
    fs::rename(&new_path, path)?;
    sync_directory(dir)?;
    Ok(database)
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
                Write::DeleteRange { from, to } if from < to => {
                    table.retain_in(&**from..&**to, |_, _| false)?;
                }
                Write::DeleteRange { .. } => {}
            }
        }
    }
    Ok(transaction.commit()?)
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

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// A directory of this test that is gone when it ends.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("proto-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            Self(dir)
        }

        fn open(&self, node: &str) -> Result<(Storage, Records), StorageError> {
            let mut storage = Storage::new(self.0.clone());
            let records = storage.open(&NodeId::new(node))?;
            Ok((storage, records))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn put(key: &str, value: &str) -> Write {
        Write::Put { key: key.into(), value: value.into() }
    }

    #[test]
    fn what_was_committed_is_there_after_a_restart() {
        let scratch = Scratch::new("restart");
        let (mut storage, records) = scratch.open("n1").unwrap();
        assert_eq!(records, Records::new());
        let writes = vec![put("a", "1"), put("b", "2"), put("c", "3"), put("a", "4")];
        storage.commit(&writes).unwrap();
        let (from, to) = (b"b".to_vec(), b"c".to_vec());
        storage.commit(&[Write::DeleteRange { from: from.clone(), to: to.clone() }]).unwrap();
        storage.commit(&[Write::DeleteRange { from: to, to: from }]).unwrap();
        drop(storage);
        let (_, records) = scratch.open("n1").unwrap();
        let expected = [("a", "4"), ("c", "3")].map(|(key, value)| (key.into(), value.into()));
        assert_eq!(records, Records::from(expected));
    }

    #[test]
    fn nodes_do_not_see_each_others_records() {
        let scratch = Scratch::new("apart");
        let (mut first, _) = scratch.open("n1").unwrap();
        let (_second, records) = scratch.open("n2").unwrap();
        first.commit(&[put("a", "1")]).unwrap();
        assert_eq!(records, Records::new());
    }

    #[test]
    fn two_processes_cannot_share_the_records_of_a_node() {
        let scratch = Scratch::new("twice");
        let _first = scratch.open("n1").unwrap();
        assert!(matches!(scratch.open("n1"), Err(StorageError::Failed { .. })));
    }

    #[test]
    fn a_name_that_is_no_directory_name_is_refused() {
        let scratch = Scratch::new("names");
        for name in ["", "/", ".", "..", "a/b", "/etc", "n1/", "./n1", "n\0"] {
            let opened = scratch.open(name);
            assert!(matches!(opened, Err(StorageError::BadName(_))), "{name:?}");
        }
        for name in ["n1", "...", "a b", "ü"] {
            assert!(scratch.open(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn a_crash_while_the_file_is_made_leaves_nothing_behind() {
        let scratch = Scratch::new("half-made");
        let dir = scratch.0.join("n1");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(NEW_FILE_NAME), "half a fi").unwrap();
        assert_eq!(scratch.open("n1").unwrap().1, Records::new());
        assert!(!dir.join(NEW_FILE_NAME).exists());
    }

    /// The records after `commits` commits, each of which sets two keys.
    fn records_after(commits: u64) -> Records {
        let mut records = Records::new();
        for write in (0..commits).flat_map(commit_number) {
            write.apply(&mut records);
        }
        records
    }

    fn commit_number(number: u64) -> [Write; 2] {
        let value = format!("{number} ").repeat(700);
        [put("last", &number.to_string()), put(&format!("key {number}"), &value)]
    }

    const COMMITS: u64 = 60;

    /// The file of node `n1` after some commits, as a kill at that moment leaves it.
    struct Images {
        /// After all but the newest commit.
        before: Vec<u8>,
        /// After the newest commit.
        killed: Vec<u8>,
        /// After the newest commit and an orderly end.
        closed: Vec<u8>,
    }

    fn images(scratch: &Scratch) -> Images {
        let file = scratch.0.join("n1").join(FILE_NAME);
        let (mut storage, _) = scratch.open("n1").unwrap();
        let mut before = Vec::new();
        for number in 0..COMMITS {
            before = fs::read(&file).unwrap();
            storage.commit(&commit_number(number)).unwrap();
        }
        let killed = fs::read(&file).unwrap();
        drop(storage);
        Images { before, killed, closed: fs::read(&file).unwrap() }
    }

    /// How often damaged files were read in full, without the newest commit, or not at all.
    #[derive(Default, PartialEq, Debug)]
    struct Tally {
        whole: u32,
        without_newest: u32,
        refused: u32,
    }

    /// Opens many copies of `image`, each damaged with another seed. Panics if anything is read
    /// that was never there.
    fn open_damaged(
        scratch: &Scratch,
        image: &[u8],
        damage: impl Fn(&mut Vec<u8>, &mut Xoshiro256PlusPlus),
    ) -> Tally {
        let mut tally = Tally::default();
        for seed in 0..60 {
            let mut damaged = image.to_vec();
            damage(&mut damaged, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
            fs::write(scratch.0.join("n1").join(FILE_NAME), damaged).unwrap();
            match scratch.open("n1") {
                Ok((_, records)) if records == records_after(COMMITS) => tally.whole += 1,
                Ok((_, records)) if records == records_after(COMMITS - 1) => {
                    tally.without_newest += 1;
                }
                Ok((_, records)) => panic!("seed {seed}: read {records:?}"),
                Err(StorageError::Damaged { .. }) => tally.refused += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
        tally
    }

    #[test]
    fn a_commit_of_which_only_some_sectors_reached_the_disk_is_cut_off() {
        const SECTOR_BYTES: usize = 512;
        let scratch = Scratch::new("torn");
        let Images { before, killed, .. } = images(&scratch);
        let tally = open_damaged(&scratch, &killed, |image, random| {
            let sectors = image.chunks_mut(SECTOR_BYTES).zip(before.chunks(SECTOR_BYTES));
            for (new, old) in sectors.filter(|(new, old)| new != old) {
                if random.random() {
                    new.copy_from_slice(old);
                }
            }
        });
        assert_eq!(tally.refused, 0, "{tally:?}");
        assert!(tally.without_newest > 0, "{tally:?}");
    }

    #[test]
    fn a_flipped_bit_is_never_read() {
        let scratch = Scratch::new("flipped");
        let Images { killed, closed, .. } = images(&scratch);
        for image in [killed, closed] {
            let used = image.iter().rposition(|byte| *byte != 0).unwrap();
            let tally = open_damaged(&scratch, &image, |image, random| {
                image[random.random_range(0..=used)] ^= 1 << random.random_range(0..8);
            });
            assert!(tally.refused > 0 && tally.whole > 0, "{tally:?}");
        }
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        let scratch = Scratch::new("short");
        let Images { killed, closed, .. } = images(&scratch);
        for image in [killed, closed] {
            let tally = open_damaged(&scratch, &image, |image, random| {
                image.truncate(random.random_range(1..image.len()));
            });
            assert_eq!(tally, Tally { refused: 60, ..Tally::default() });
        }
    }

    #[test]
    fn an_empty_file_is_refused() {
        let scratch = Scratch::new("empty");
        let Images { closed, .. } = images(&scratch);
        let tally = open_damaged(&scratch, &closed, |image, _| image.clear());
        assert_eq!(tally, Tally { refused: 60, ..Tally::default() });
    }
}
