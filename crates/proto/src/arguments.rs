//! The command line that all nodes share: a workload or variant as the first argument, flags of
//! the node's own after it, `--state-dir`, `--help` and `--version` everywhere, and for anything
//! wrong one line on stderr that says what is right, with exit code 2.
//!
//! A node reads its own flags in one loop:
//!
//! ```
//! use proto::{Arguments, UsageError};
//!
//! #[derive(Default)]
//! struct Settings { scheme: Scheme, period_ms: u64 }
//! #[derive(Clone, Copy, Default, PartialEq, Debug)]
//! enum Scheme { #[default] Counter, Random }
//!
//! fn parse(arguments: &mut Arguments) -> Result<Settings, UsageError> {
//!     let mut settings = Settings::default();
//!     while let Some(flag) = arguments.next_flag()? {
//!         match &*flag {
//!             "--scheme" => {
//!                 let schemes = [("counter", Scheme::Counter), ("random", Scheme::Random)];
//!                 settings.scheme = arguments.choice(&schemes)?;
//!             }
//!             "--period" => settings.period_ms = arguments.value("milliseconds")?,
//!             _ => return Err(arguments.unknown(&flag)),
//!         }
//!     }
//!     Ok(settings)
//! }
//!
//! let settings = parse(&mut Arguments::new(["--scheme", "random", "--period", "50"]))?;
//! assert_eq!((settings.scheme, settings.period_ms), (Scheme::Random, 50));
//! assert!(parse(&mut Arguments::new(["--period", "soon"])).is_err());
//! # Ok::<(), UsageError>(())
//! ```
//!
//! Which node a program becomes, its help text and its `main` are the business of a
//! [`Program`](crate::Program).

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::Arg;

/// How a node is run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Where the nodes of a cluster keep their records: each in a directory of its own name
    /// within this one. Without it nothing outlives the process.
    pub state_dir: Option<PathBuf>,
}

/// Why a command line was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UsageError {
    /// It is wrong. The text says what would be right.
    #[error("{0}")]
    Wrong(String),
    /// The argument is none of this program's, whose usage line says what is right.
    #[error("unknown argument `{0}`")]
    Unknown(String),
    /// It asked for the help text.
    #[error("help was asked for")]
    Help,
    /// It asked for the version.
    #[error("the version was asked for")]
    Version,
}

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        Self::Wrong(error.to_string())
    }
}

/// The arguments of a node program. What all nodes share is dealt with on the way.
#[derive(Debug)]
pub struct Arguments {
    parser: lexopt::Parser,
    flag: String,
    state_dir: Option<PathBuf>,
}

impl Arguments {
    /// The arguments of a command line, without the program's name.
    pub fn new(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into);
        Self {
            parser: lexopt::Parser::from_args(arguments.collect::<Vec<_>>()),
            flag: String::new(),
            state_dir: None,
        }
    }

    /// Whether a first argument comes that is no flag.
    pub(crate) fn names_workload(&mut self) -> bool {
        let first = self.parser.try_raw_args();
        let first = first.as_ref().and_then(|arguments| arguments.peek());
        first.is_some_and(|first| !first.as_encoded_bytes().starts_with(b"-"))
    }

    /// The first argument, if it is a workload or a variant rather than a flag.
    ///
    /// # Errors
    /// If it is none of `choices`; the error lists them.
    pub(crate) fn workload<T: Clone>(
        &mut self,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, UsageError> {
        if !self.names_workload() {
            return Ok(None);
        }
        "the first argument".clone_into(&mut self.flag);
        let workload = self.parser.value()?;
        self.choose(&workload.to_string_lossy(), choices).map(Some)
    }

    /// The next flag of the program's own, with its dashes (`--scheme`), or nothing at the end.
    ///
    /// # Errors
    /// If something else than a flag comes, or if help or version are asked for.
    pub fn next_flag(&mut self) -> Result<Option<String>, UsageError> {
        loop {
            self.flag = match self.parser.next()? {
                None => return Ok(None),
                Some(Arg::Short('h') | Arg::Long("help")) => return Err(UsageError::Help),
                Some(Arg::Short('V') | Arg::Long("version")) => return Err(UsageError::Version),
                Some(Arg::Long(name)) => format!("--{name}"),
                Some(Arg::Short(letter)) => format!("-{letter}"),
                Some(Arg::Value(value)) => {
                    return Err(UsageError::Unknown(value.to_string_lossy().into_owned()));
                }
            };
            if self.flag != "--state-dir" {
                return Ok(Some(self.flag.clone()));
            }
            let dir = self.parser.value()?;
            if dir.is_empty() {
                return Err(self.wrong("a directory", ""));
            }
            self.state_dir = Some(PathBuf::from(dir));
        }
    }

    /// The value of the flag that [`Arguments::next_flag`] returned.
    ///
    /// # Errors
    /// If there is none or it is no `T`; the error says that the flag wants `expected`
    /// (`a number of milliseconds`).
    pub fn value<T: FromStr>(&mut self, expected: &str) -> Result<T, UsageError> {
        let value = self.parser.value()?;
        let value = value.to_string_lossy();
        value.parse().map_err(|_| self.wrong(expected, &value))
    }

    /// The value of the flag that [`Arguments::next_flag`] returned, by its name.
    ///
    /// # Errors
    /// If there is none, or if it is none of `choices`; the error lists them.
    pub fn choice<T: Clone>(&mut self, choices: &[(&str, T)]) -> Result<T, UsageError> {
        let value = self.parser.value()?;
        self.choose(&value.to_string_lossy(), choices)
    }

    /// The error for a flag that the program does not have.
    pub fn unknown(&self, flag: &str) -> UsageError {
        UsageError::Unknown(flag.to_owned())
    }

    /// How to run a node with these arguments.
    pub fn options(&self) -> Options {
        Options { state_dir: self.state_dir.clone() }
    }

    fn choose<T: Clone>(&self, value: &str, choices: &[(&str, T)]) -> Result<T, UsageError> {
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == value) {
            return Ok(choice.clone());
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
        let expected = match &*names {
            [name] => name.clone(),
            names => format!("one of {}", names.join(", ")),
        };
        Err(self.wrong(&expected, value))
    }

    fn wrong(&self, expected: &str, value: &str) -> UsageError {
        UsageError::Wrong(format!("{} has to be {expected}, not `{value}`", self.flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURS: [(&str, u8); 2] = [("red", 1), ("blue", 2)];

    fn parse(arguments: &[&str]) -> Result<(Option<u8>, u8, u64, Option<PathBuf>), String> {
        let mut arguments = Arguments::new(arguments);
        let (mut colour, mut count) = (0, 0);
        let mut read = || -> Result<Option<u8>, UsageError> {
            let workload = arguments.workload(&COLOURS)?;
            while let Some(flag) = arguments.next_flag()? {
                match &*flag {
                    "--colour" => colour = arguments.choice(&COLOURS)?,
                    "--count" => count = arguments.value("a number")?,
                    _ => return Err(arguments.unknown(&flag)),
                }
            }
            Ok(workload)
        };
        let workload = read().map_err(|error| error.to_string())?;
        Ok((workload, colour, count, arguments.options().state_dir))
    }

    #[test]
    fn workload_flags_and_state_directory_are_read() {
        assert_eq!(parse(&[]), Ok((None, 0, 0, None)));
        assert_eq!(
            parse(&["blue", "--colour", "red", "--state-dir", "/tmp/x", "--count=7"]),
            Ok((Some(2), 1, 7, Some(PathBuf::from("/tmp/x"))))
        );
        assert_eq!(parse(&["--state-dir=d"]), Ok((None, 0, 0, Some(PathBuf::from("d")))));
    }

    #[test]
    fn every_error_says_what_is_right_or_what_is_unknown() {
        for (arguments, error) in [
            (&["green"][..], "the first argument has to be one of `red`, `blue`, not `green`"),
            (&["--colour", "green"], "--colour has to be one of `red`, `blue`, not `green`"),
            (&["--colour"], "missing argument for option '--colour'"),
            (&["--count", "many"], "--count has to be a number, not `many`"),
            (&["--state-dir", ""], "--state-dir has to be a directory, not ``"),
            (&["--size", "3"], "unknown argument `--size`"),
            (&["-x"], "unknown argument `-x`"),
            (&["red", "blue"], "unknown argument `blue`"),
            (&["--count", "1", "red"], "unknown argument `red`"),
        ] {
            assert_eq!(parse(arguments), Err(error.to_owned()), "{arguments:?}");
        }
    }

    #[test]
    fn help_and_version_win_wherever_they_stand_among_good_flags() {
        for arguments in [&["--help"][..], &["-h"], &["red", "--count", "1", "--help"]] {
            assert_eq!(parse(arguments), Err(UsageError::Help.to_string()));
        }
        assert_eq!(parse(&["-V"]), Err(UsageError::Version.to_string()));
        assert_eq!(parse(&["--version"]), Err(UsageError::Version.to_string()));
    }
}
