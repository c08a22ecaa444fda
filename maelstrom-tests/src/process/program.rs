//! The program under test, looked at before anything is started: what is wrong with it is one plain
//! sentence instead of a failure somewhere in the middle.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Longest first line of a script that is looked at, in bytes.
const FIRST_LINE_BYTES_MAX: u64 = 512;

/// Why a program cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// There is no such file.
    #[error("{}: no such file{hint}", path.display())]
    Missing {
        /// What was given.
        path: PathBuf,
        /// What may have been meant.
        hint: &'static str,
    },
    /// It is a directory.
    #[error("{} is a directory; give the program in it", path.display())]
    Directory {
        /// What was given.
        path: PathBuf,
    },
    /// It is a pipe, a socket or a device.
    #[error("{} is no program: it is a pipe, a socket or a device", path.display())]
    NoFile {
        /// What was given.
        path: PathBuf,
    },
    /// It is a file that nobody may execute.
    #[error("{0} is not executable; `chmod +x {0}` makes it so", path.display())]
    NotExecutable {
        /// What was given.
        path: PathBuf,
    },
    /// Its first line names an interpreter that is not there.
    #[error("{}: its first line asks for `{interpreter}`, {reason}", path.display())]
    Interpreter {
        /// What was given.
        path: PathBuf,
        /// What its first line names.
        interpreter: String,
        /// What is wrong with that.
        reason: &'static str,
    },
    /// Something else.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// What was given.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// The full path of a program that can probably be run. Nodes run in another directory, so a
/// relative path would not do.
///
/// # Errors
/// One sentence for people.
pub fn check_program(path: &Path) -> Result<PathBuf, ProgramError> {
    let path_buf = || path.to_path_buf();
    let full = path.canonicalize().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            let bare = path.components().count() == 1;
            let hint = if bare { "; a program on the search path needs its full path" } else { "" };
            ProgramError::Missing { path: path_buf(), hint }
        }
        _ => ProgramError::Unreadable { path: path_buf(), source },
    })?;
    let unreadable = |source| ProgramError::Unreadable { path: path_buf(), source };
    let metadata = full.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(ProgramError::Directory { path: path_buf() });
    }
    if !metadata.is_file() {
        // A pipe, say: whoever opens it may wait for ever.
        return Err(ProgramError::NoFile { path: path_buf() });
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(ProgramError::NotExecutable { path: path_buf() });
    }
    // A program that may be executed but not read says nothing about its interpreter.
    if let Ok(file) = File::open(&full) {
        let mut start = Vec::new();
        file.take(FIRST_LINE_BYTES_MAX).read_to_end(&mut start).map_err(unreadable)?;
        check_first_line(&start).map_err(|(interpreter, reason)| ProgramError::Interpreter {
            path: path_buf(),
            interpreter,
            reason,
        })?;
    }
    Ok(full)
}

fn check_first_line(start: &[u8]) -> Result<(), (String, &'static str)> {
    let Some(rest) = start.strip_prefix(b"#!") else { return Ok(()) };
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let line_end = "whose line ends in a carriage return; save the file with Unix line ends";
    if let Some(interpreter) = line.strip_suffix('\r') {
        return Err((interpreter.trim().to_owned(), line_end));
    }
    let mut words = line.split_ascii_whitespace();
    let Some(interpreter) = words.next() else { return Err((String::new(), "which is nothing")) };
    if !Path::new(interpreter).exists() {
        return Err((interpreter.to_owned(), "which is not there"));
    }
    let is_env = Path::new(interpreter).file_name().is_some_and(|name| name == "env");
    match words.next() {
        Some(name) if is_env && !name.starts_with('-') && !name.contains('=') => {
            if is_on_search_path(name) {
                Ok(())
            } else {
                Err((name.to_owned(), "which is not on the search path"))
            }
        }
        _ => Ok(()),
    }
}

fn is_on_search_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_are_understood() {
        for good in
            ["", "\x7fELF", "echo hi", "#!/bin/sh", "#! /bin/sh -e\nx", "#!/usr/bin/env sh\n"]
        {
            assert_eq!(check_first_line(good.as_bytes()), Ok(()), "{good:?}");
        }
        for (bad, interpreter) in [
            ("#!/no/such/thing\n", "/no/such/thing"),
            ("#!/bin/sh\r\necho", "/bin/sh"),
            ("#!/usr/bin/env no-such-thing\n", "no-such-thing"),
            ("#!\n", ""),
        ] {
            let (named, reason) = check_first_line(bad.as_bytes()).unwrap_err();
            assert_eq!(named, interpreter, "{bad:?}");
            assert!(reason.starts_with("wh"));
        }
    }

    #[test]
    fn what_is_no_program_is_told_in_a_sentence() {
        let sentence = |path: &str| check_program(Path::new(path)).unwrap_err().to_string();
        assert_eq!(sentence("/no/such/node"), "/no/such/node: no such file");
        assert!(sentence("no-such-node").contains("needs its full path"));
        assert!(sentence("/").contains("is a directory"));
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(sentence(manifest).ends_with(&format!("`chmod +x {manifest}` makes it so")));
        assert!(check_program(Path::new("/bin/sh")).is_ok());
    }
}
