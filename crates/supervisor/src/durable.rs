//! What a power cut leaves of a node's files: what was synced.
//!
//! When a process is killed, what it has written to files survives, for the kernel has it. When the
//! machine loses power only what was synced (`fsync` and its kin) is sure to be there. So syncs are
//! watched, each file's content at its last sync is kept, and a power cut puts it back.
//!
//! Names are not part of this: a file that was created, renamed or removed stays so. A file that was
//! never synced is empty afterwards, as after a real cut: its name reached the disk before its content.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Device and number of a file, which renaming does not change, and when it was made, where that is
/// known: the number of a file that was removed may soon be another's.
type Identity = (u64, u64, Option<SystemTime>);

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino(), file.created().ok())
}

/// The files below a directory, as they are on the disk.
#[derive(Debug)]
pub(crate) struct Durable {
    root: PathBuf,
    synced: BTreeMap<Identity, Vec<u8>>,
}

impl Durable {
    /// What is there when a run begins counts as synced.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        let mut durable = Self { root: root.to_owned(), synced: BTreeMap::new() };
        durable.sync_all()?;
        Ok(durable)
    }

    /// One file was synced. It is opened again, by a name for an open file, for the program may have
    /// opened it for writing only.
    pub(crate) fn sync(&mut self, file: &Path) -> io::Result<()> {
        let data = fs::metadata(file)?;
        if data.is_file() {
            self.synced.insert(identity(&data), fs::read(file)?);
        }
        Ok(())
    }

    /// All files were synced.
    pub(crate) fn sync_all(&mut self) -> io::Result<()> {
        for path in self.files()? {
            let data = path.metadata()?;
            self.synced.insert(identity(&data), fs::read(&path)?);
        }
        Ok(())
    }

    /// The power was cut: every file is again what it was when it was last synced.
    pub(crate) fn cut(&self) -> io::Result<()> {
        for path in self.files()? {
            let data = path.metadata()?;
            let content = self.synced.get(&identity(&data)).map_or(&[][..], Vec::as_slice);
            if fs::read(&path)? != content {
                use io::Write as _;
                File::options().write(true).truncate(true).open(&path)?.write_all(content)?;
            }
        }
        Ok(())
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let (mut files, mut directories) = (Vec::new(), vec![self.root.clone()]);
        while let Some(directory) = directories.pop() {
            let entries = match fs::read_dir(&directory) {
                // The node may make its directory itself.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    directories.push(entry.path());
                } else if kind.is_file() {
                    files.push(entry.path());
                }
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_gets_the_number_of_one_that_was_removed_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        let durable = Durable::new(directory.path()).unwrap();
        if path.metadata().unwrap().created().is_err() {
            eprintln!("skipped, as this file system does not know when files were made");
            return;
        }
        fs::remove_file(&path).unwrap();
        fs::write(&path, "new").unwrap();
        durable.cut().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "", "nobody synced it");
    }

    #[test]
    fn a_cut_takes_back_what_was_not_synced_whatever_the_file_is_called_now() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("below")).unwrap();
        fs::write(path("below/old"), "old").unwrap();
        let mut durable = Durable::new(directory.path()).unwrap();
        fs::write(path("below/old"), "changed").unwrap();
        fs::write(path("synced"), "one").unwrap();
        durable.sync(&path("synced")).unwrap();
        fs::write(path("synced"), "one two").unwrap();
        fs::rename(path("synced"), path("renamed")).unwrap();
        fs::write(path("new"), "new").unwrap();
        durable.cut().unwrap();
        let read = |name: &str| fs::read_to_string(path(name)).unwrap();
        assert_eq!(
            (read("below/old"), read("renamed"), read("new")),
            ("old".into(), "one".into(), "".into())
        );
    }
}
