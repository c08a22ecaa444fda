//! What addresses name: runs of the store and files in them, nothing outside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Runs beyond these, the oldest, are not listed.
const RUNS_MAX: usize = 1000;

/// The directory that everything comes from.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) root: PathBuf,
}

impl Store {
    /// Opens a store.
    ///
    /// # Errors
    ///
    /// If it is no directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = path.canonicalize()?;
        if root.is_dir() { Ok(Self { root }) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// The file or directory that a path of an address names, if it is in the store. Links may lead
    /// to other places in the store, not out of it.
    pub fn resolve(&self, address: &str) -> Option<PathBuf> {
        let decoded = percent_encoding::percent_decode_str(address).decode_utf8().ok()?;
        let mut path = self.root.clone();
        for part in decoded.trim_matches('/').split('/') {
            let is_plain = !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
            if !is_plain {
                return None;
            }
            path.push(part);
        }
        let path = path.canonicalize().ok()?;
        path.starts_with(&self.root).then_some(path)
    }

    /// The directories of runs, the latest first, as `workload/time`.
    pub(super) fn runs(&self) -> io::Result<Vec<String>> {
        let mut runs = Vec::new();
        for workload in directories(&self.root)? {
            for time in directories(&self.root.join(&workload))? {
                runs.push((time, workload.clone()));
            }
        }
        runs.sort_unstable();
        Ok(runs.into_iter().rev().take(RUNS_MAX).map(|(time, of)| format!("{of}/{time}")).collect())
    }
}

/// Names of the directories in a directory, links left out.
fn directories(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_store_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let (outside, root) = (directory.path().join("secret"), directory.path().join("store"));
        fs::write(&outside, "secret").unwrap();
        fs::create_dir_all(root.join("echo/1")).unwrap();
        fs::write(root.join("echo/1/a b.log"), "log").unwrap();
        #[cfg(unix)]
        for (link, target) in [("out", "../secret"), ("up", ".."), ("latest", "echo/1")] {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        let store = Store::open(&root).unwrap();
        for address in [
            "/../secret",
            "/echo/../../secret",
            "/%2e%2e/secret",
            "/%2E%2E%2Fsecret",
            "/..%2fsecret",
            "/echo/1/..%5c..%5csecret",
            "//secret",
            "/./echo",
            "/out",
            "/up/secret",
            "/echo/1/a%00b",
            "/%ff",
            "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "/echo//1",
            "",
            "/",
        ] {
            assert_eq!(store.resolve(address), None, "{address}");
        }
        let outside = outside.canonicalize().unwrap();
        assert_eq!(store.resolve(outside.to_str().unwrap()), None);
        assert!(store.resolve("/echo/1/a%20b.log").unwrap().is_file());
        assert!(store.resolve("/latest/a%20b.log").unwrap().is_file());
        assert!(store.resolve("/echo/1/").unwrap().is_dir());
    }
}
