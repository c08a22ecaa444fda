//! The program under test, looked at before anything is started: what is wrong with it is one plain
//! sentence instead of a failure somewhere in the middle.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::store::at;

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
    /// It is text that does not say what is to run it.
    #[error("{}: {what}; its first line has to name what runs it, as `#!/usr/bin/env {example}` does", path.display())]
    NoInterpreter {
        /// What was given.
        path: PathBuf,
        /// What its beginning is instead.
        what: &'static str,
        /// What would run it, by the ending of its name.
        example: &'static str,
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

/// What stands in a node's arguments for a directory of the run.
const RUN_DIRECTORY: &str = "{run}";

/// The arguments of a node: see [`node_argument`]. The directory `state` is made if one names it.
///
/// # Errors
/// If it cannot be made.
pub fn node_arguments(arguments: &[String], state: &Path) -> io::Result<Vec<OsString>> {
    if arguments.iter().any(|argument| argument.contains(RUN_DIRECTORY)) {
        std::fs::create_dir_all(state).map_err(at(state))?;
    }
    Ok(arguments.iter().map(|argument| node_argument(argument, state)).collect())
}

/// An argument as a node gets it, which runs in a directory of its own: `{run}` stands for `state`,
/// and a file that is named from here, as `./node.py` or `node.py`, has its full path.
pub fn node_argument(argument: &str, state: &Path) -> OsString {
    argument_from(&std::env::current_dir().unwrap_or_default(), argument, state)
}

/// What an argument of a node, or a part of one, names by a path from here, where the node does not find
/// it.
pub(crate) fn named_from_here(arguments: &[OsString]) -> Option<String> {
    let arguments = arguments.iter().filter_map(|argument| argument.to_str());
    let mut parts = arguments.flat_map(|argument| argument.split([':', '=', ',']));
    let is_here =
        |part: &&str| !part.is_empty() && Path::new(part).is_relative() && Path::new(part).exists();
    parts.find(is_here).map(str::to_owned)
}

fn argument_from(here: &Path, argument: &str, state: &Path) -> OsString {
    let full = std::path::absolute(here.join(argument)).ok().filter(|full| full.is_file());
    // A plain word that happens to be a file's name as well means something else to the node.
    let may_be_file = argument.contains('/') || Path::new(argument).extension().is_some();
    match full.filter(|_| may_be_file) {
        Some(full) => full.into(),
        None => argument.replace(RUN_DIRECTORY, &state.to_string_lossy()).into(),
    }
}

/// The full path of a program: of a file named from here, or of one on the search path. Nodes run in
/// another directory, so a relative path would not do.
///
/// # Errors
/// If there is no such file, or it cannot be looked for.
pub(crate) fn full_path(program: &Path) -> io::Result<PathBuf> {
    let name = program.to_str().filter(|_| is_bare(program) && !program.exists());
    let found = name.and_then(on_search_path).unwrap_or_else(|| program.to_owned());
    // Links stay: the `python3` of a virtual environment finds its packages by where it is called.
    let full = std::path::absolute(found)?;
    full.metadata().map(|_| full)
}

/// Whether a program is given by its name alone.
fn is_bare(program: &Path) -> bool {
    program.components().count() == 1
}

/// The full path of a program that can probably be run.
///
/// # Errors
/// One sentence for people.
pub fn check_program(path: &Path) -> Result<PathBuf, ProgramError> {
    let path_buf = || path.to_path_buf();
    let full = full_path(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            let hint = if is_bare(path) { ", neither here nor on the search path" } else { "" };
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
        if let Some(what) = text_without_interpreter(&start) {
            let example = interpreter_by_name(path);
            return Err(ProgramError::NoInterpreter { path: path_buf(), what, example });
        }
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
            if on_search_path(name).is_some() {
                Ok(())
            } else {
                Err((name.to_owned(), "which is not on the search path"))
            }
        }
        _ => Ok(()),
    }
}

/// What is wrong with the beginning of a file that the system cannot start because it is text. Other
/// formats than text are left to the system, which knows more of them than we do.
fn text_without_interpreter(start: &[u8]) -> Option<&'static str> {
    if start.is_empty() {
        return Some("it is empty");
    }
    if start.starts_with(b"\xef\xbb\xbf#!") {
        return Some("it begins with a byte order mark, which hides the `#!` after it");
    }
    // Such a control character is in every executable format, and in no script.
    let is_text =
        |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    (!start.starts_with(b"#!") && start.iter().all(is_text)).then_some("it is text without `#!`")
}

/// The interpreter that the ending of a script's name suggests.
fn interpreter_by_name(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("js" | "mjs" | "cjs") => "node",
        Some("rb") => "ruby",
        Some("pl") => "perl",
        Some("sh") => "sh",
        _ => "python3",
    }
}

/// Where a program is that the shell would find by this name.
pub(crate) fn on_search_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|directory| directory.join(name));
    places.find(|place| place.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_are_understood() {
        for good in ["\x7fELF", "#!/bin/sh", "#! /bin/sh -e\nx", "#!/usr/bin/env sh\n"] {
            assert_eq!(text_without_interpreter(good.as_bytes()), None, "{good:?}");
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
    fn text_that_names_no_interpreter_is_told_what_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let sentence = |name: &str, content: &[u8]| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            check_program(&path)
                .map_err(|error| error.to_string().replace(&format!("{}: ", path.display()), ""))
        };
        let first_line = |of: &str| {
            format!("; its first line has to name what runs it, as `#!/usr/bin/env {of}` does")
        };
        assert_eq!(
            sentence("node.py", b"import sys\n").unwrap_err(),
            format!("it is text without `#!`{}", first_line("python3"))
        );
        assert!(
            sentence("node.js", b"// caf\xc3\xa9\n").unwrap_err().ends_with(&first_line("node"))
        );
        assert!(sentence("a", b"").unwrap_err().starts_with("it is empty;"));
        assert!(sentence("b", b"\xef\xbb\xbf#!/bin/sh\n").unwrap_err().contains("byte order mark"));
        // Whatever is no text may be a format that the system knows.
        assert!(sentence("c", b"\0asm\x01\0\0\0").is_ok());
        assert!(sentence("d", b"#!/bin/sh\n").is_ok());
    }

    #[test]
    fn what_is_no_program_is_told_in_a_sentence() {
        let sentence = |path: &str| check_program(Path::new(path)).unwrap_err().to_string();
        assert_eq!(sentence("/no/such/node"), "/no/such/node: no such file");
        assert!(sentence("no-such-node").ends_with("neither here nor on the search path"));
        assert!(sentence("/").contains("is a directory"));
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(sentence(manifest).ends_with(&format!("`chmod +x {manifest}` makes it so")));
        let shell = check_program(Path::new("/bin/sh")).unwrap();
        assert_eq!(check_program(Path::new("sh")).unwrap().file_name(), shell.file_name());
    }

    #[test]
    fn a_program_that_is_a_link_is_started_by_its_own_name() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("python3");
        std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
        assert_eq!(check_program(&link).unwrap(), link);
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("/no/such/thing", &link).unwrap();
        assert!(matches!(check_program(&link), Err(ProgramError::Missing { .. })));
    }

    #[test]
    fn the_directory_of_a_run_is_there_if_it_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("run/state");
        let arguments = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            node_arguments(&words, &state).unwrap()
        };
        assert_eq!(arguments(&["--dir", "run"]), ["--dir", "run"]);
        assert!(!state.exists());
        let named = format!("--dir={}/a", state.display());
        assert_eq!(arguments(&["--dir={run}/a"]), [named.as_str()]);
        assert!(state.is_dir());
        assert_eq!(arguments(&["--dir={run}/a"]), [named.as_str()], "it may be there");
    }

    #[test]
    fn a_plain_word_stays_one_although_a_file_has_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let argument = |given: &str| argument_from(directory.path(), given, Path::new("/state"));
        for name in ["g-set", "node.py"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(argument("g-set"), "g-set");
        assert_eq!(argument("./g-set"), directory.path().join("g-set"));
        assert_eq!(argument("node.py"), directory.path().join("node.py"));
    }

    /// Tests run in the directory of their package.
    #[test]
    fn a_file_that_is_named_from_here_has_its_full_path_for_a_node() {
        let argument = |given: &str| {
            let argument = node_argument(given, Path::new("/state"));
            argument.into_string().unwrap()
        };
        let here = env!("CARGO_MANIFEST_DIR");
        for given in ["Cargo.toml", "./Cargo.toml"] {
            assert_eq!(argument(given), format!("{here}/Cargo.toml"));
        }
        assert_eq!(argument("src/main.rs"), format!("{here}/src/main.rs"));
        for same in ["g-set", "--strategy", "src", "./src", "no.such", "", "/bin/sh"] {
            assert_eq!(argument(same), same);
        }
        assert_eq!(argument("{run}/a"), "/state/a");
    }

    #[test]
    fn what_an_argument_names_from_here_is_known_by_its_parts() {
        let named = |argument: &str| named_from_here(&["g-set".into(), argument.into()]);
        for given in ["src", "./src", "--path=src", "lib.jar:src", "/bin,src"] {
            assert!(named(given).is_some_and(|name| name.ends_with("src")), "{given}");
        }
        for other in ["", "--src", "/bin/sh", "no.such", "a:b", "="] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
