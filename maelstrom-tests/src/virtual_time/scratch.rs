//! Directories in which programs run. They go with the run; those of a bench that was killed go when
//! the next one begins.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use tempfile::TempDir;

/// Before names of one length, for the layout of a program's memory depends on that.
const PREFIX: &str = "eddy-run-";
/// Held locked as long as the bench lives. A directory without it is none of ours.
const LOCK: &str = "eddy.lock";
/// A directory that is younger may not have its lock yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A directory for runs, one after the other.
pub(super) struct Scratch {
    directory: TempDir,
    _lock: File,
}

impl Scratch {
    /// A fresh one.
    pub(super) fn new() -> io::Result<Self> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| remove_orphans(&std::env::temp_dir()));
        let directory = tempfile::Builder::new().prefix(PREFIX).rand_bytes(8).tempdir()?;
        let lock = File::create(directory.path().join(LOCK))?;
        lock.try_lock()?;
        let scratch = Self { directory, _lock: lock };
        for place in [scratch.work(), scratch.state()] {
            fs::create_dir(place)?;
        }
        Ok(scratch)
    }

    /// The working directory of all nodes.
    pub(super) fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    /// Where each node has a directory of its own, if its arguments name it or it makes it.
    pub(super) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Whether nobody has left anything there.
    pub(super) fn is_empty(&self) -> io::Result<bool> {
        Ok(fs::read_dir(self.work())?.next().is_none() && !self.holds_state()?)
    }

    /// Whether a node has left anything in a directory of its own.
    pub(super) fn holds_state(&self) -> io::Result<bool> {
        for entry in fs::read_dir(self.state())? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() || fs::read_dir(entry.path())?.next().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes what nodes have left. The directories stay, those of the nodes as well: programs that were
    /// started may stand in them.
    pub(super) fn clear(&self) -> io::Result<()> {
        empty(&self.work())?;
        for entry in fs::read_dir(self.state())? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => empty(&entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    }
}

/// Removes what is in a directory.
fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// Removes the directories of benches that are no more.
fn remove_orphans(temporary: &Path) {
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_named_so =
            name.as_encoded_bytes().starts_with(OsStr::new(PREFIX).as_encoded_bytes());
        if is_named_so && is_orphan(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_orphan(directory: &Path) -> bool {
    let age = directory.metadata().and_then(|data| data.modified()).map(|time| time.elapsed());
    let is_old = age.is_ok_and(|age| age.is_ok_and(|age| age > YOUNG));
    is_old && File::open(directory.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_bench_has_left_is_removed_and_nothing_else() {
        let temporary = tempfile::tempdir().unwrap();
        let make = |name: &str, has_lock: bool, is_old: bool| {
            let directory = temporary.path().join(name);
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join("file"), "").unwrap();
            if has_lock {
                fs::write(directory.join(LOCK), "").unwrap();
            }
            if is_old {
                let handle = File::open(&directory).unwrap();
                handle.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
            }
            directory
        };
        let dead = make("eddy-run-dead", true, true);
        let others = [
            make("eddy-run-young", true, false),
            make("eddy-run-not-ours", false, true),
            make("else", true, true),
        ];
        let living = make("eddy-run-living", true, true);
        let lock = File::open(living.join(LOCK)).unwrap();
        lock.try_lock().unwrap();
        remove_orphans(temporary.path());
        assert!(!dead.exists());
        assert!(others.iter().chain([&living]).all(|directory| directory.exists()));
        drop(lock);
        remove_orphans(temporary.path());
        assert!(!living.exists());
    }

    #[test]
    fn a_scratch_directory_goes_with_its_owner_and_can_be_cleared() {
        let scratch = Scratch::new().unwrap();
        assert!(scratch.is_empty().unwrap());
        fs::create_dir_all(scratch.state().join("n0/below")).unwrap();
        fs::write(scratch.work().join("file"), "").unwrap();
        assert!(!scratch.is_empty().unwrap() && scratch.holds_state().unwrap());
        scratch.clear().unwrap();
        assert!(scratch.is_empty().unwrap() && !scratch.holds_state().unwrap());
        assert!(scratch.state().join("n0").is_dir(), "it may have been made for the node");
        let work = scratch.work();
        drop(scratch);
        assert!(!work.exists());
    }
}
