//! A run in full, the flags that say what it is, and the command that means it, so that it can be
//! repeated by hand.

mod environment;
mod flags;

use std::path::{Path, PathBuf};

use serde_json::{Map, json};

use crate::analysis::Subject;
use crate::expect::Expectation;
use crate::options::Options;
use crate::simulated::SimulatedNode;

pub use self::environment::environment;
use self::flags::EXPECT;
pub use self::flags::{Given, RUN_FLAGS, RunFlag, count, seconds};

/// The flag that names the workload.
pub const WORKLOAD: &str = "workload";
/// The flag that names one of our own nodes.
pub const SIMULATE: &str = "simulate";
/// The flag that names a program.
pub const BIN: &str = "bin";
/// The flag by which a program runs in virtual time.
pub const VIRTUAL_TIME: &str = "virtual-time";
/// The flag from which all chance comes.
pub const SEED: &str = "seed";
/// The flag that says where runs are kept.
pub const STORE: &str = "store";
/// What the environment of programs in virtual time is called in results.
const ENVIRONMENT: &str = "environment";
/// Where runs are kept unless it is said otherwise.
pub const STORE_DEFAULT: &str = "store";

/// What a run is put to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// One of our own nodes in virtual time.
    Simulated(SimulatedNode),
    /// A program.
    Program(PathBuf),
    /// A program in virtual time.
    Virtual(PathBuf),
}

impl Target {
    /// What `--simulate` and `--bin` name, of which exactly one is given; `virtual_time` says how a
    /// program is run.
    ///
    /// # Errors
    /// If neither is.
    pub fn new(
        simulate: Option<SimulatedNode>,
        bin: Option<&Path>,
        virtual_time: bool,
    ) -> Result<Self, String> {
        match (simulate, bin) {
            (Some(node), _) => Ok(Self::Simulated(node)),
            (None, Some(bin)) if virtual_time => Ok(Self::Virtual(bin.to_owned())),
            (None, Some(bin)) => Ok(Self::Program(bin.to_owned())),
            (None, None) => Err("say what to test with --bin FILE or --simulate NODE".to_owned()),
        }
    }
}

/// A run in full: what, how, what is expected, and the node's arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is run.
    pub target: Target,
    /// How.
    pub options: Options,
    /// Limits that are part of the verdict.
    pub expect: Vec<Expectation>,
    /// The node's arguments.
    pub args: Vec<String>,
}

impl Call {
    /// The same with another seed.
    #[must_use]
    pub fn with_seed(&self, seed: u64) -> Self {
        let mut call = self.clone();
        call.options.seed = seed;
        call
    }

    /// Whether runs of this workload have the figures that are limited, which is known before any is
    /// made.
    ///
    /// # Errors
    /// A sentence about the first that is unknown.
    pub fn check(&self) -> Result<(), String> {
        self.expect.iter().try_for_each(|limit| {
            limit.check(self.options.workload)?;
            match &self.target {
                Target::Program(_) | Target::Virtual(_) if limit.is_of_condition() => Err(format!(
                    "--{EXPECT} {limit}: programs do not say what should happen sometimes; nodes with \
                     --{SIMULATE} do"
                )),
                _ => Ok(()),
            }
        })
    }

    /// What a run is put to, for its results.
    pub fn subject(&self) -> Subject {
        let mut options = Map::new();
        options.insert("args".to_owned(), json!(self.args));
        match &self.target {
            Target::Simulated(node) => options.insert(SIMULATE.to_owned(), json!(node)),
            Target::Program(bin) => options.insert(BIN.to_owned(), json!(bin)),
            Target::Virtual(bin) => {
                options.insert(VIRTUAL_TIME.to_owned(), json!(true));
                options.insert(ENVIRONMENT.to_owned(), json!(environment::told()));
                options.insert(BIN.to_owned(), json!(bin))
            }
        };
        Subject { options, command: self.command() }
    }

    /// The words of the `eddy test` command that means this run. What is left to its default is
    /// left out.
    pub fn words(&self) -> Vec<String> {
        let mut words = self.words_without_seed();
        push_seed(&mut words, self.options.seed, &self.args);
        words
    }

    /// The words before the seed and the node's arguments: what all runs of a sweep share.
    pub fn words_without_seed(&self) -> Vec<String> {
        let options = &self.options;
        let mut words = vec!["eddy".to_owned(), "test".to_owned()];
        let mut flag = |name: &str, value: &str| {
            words.push(format!("--{name}"));
            words.push(value.to_owned());
        };
        flag(WORKLOAD, options.workload.as_str());
        match &self.target {
            Target::Simulated(node) => flag(SIMULATE, node.as_str()),
            Target::Program(path) | Target::Virtual(path) => {
                flag(BIN, &path.display().to_string());
            }
        }
        for run_flag in &RUN_FLAGS {
            if let Some(value) = run_flag.told(options) {
                flag(run_flag.name, &value);
            }
        }
        words.extend(options.settings.words());
        for expectation in &self.expect {
            words.extend([format!("--{EXPECT}"), expectation.to_string()]);
        }
        if matches!(self.target, Target::Virtual(_)) {
            words.push(format!("--{VIRTUAL_TIME}"));
        }
        words
    }

    /// The command for this very place: the program as it was started, and where runs are kept.
    pub fn as_started(&self, program: &str, store: &Path) -> String {
        let mut words = self.words();
        words[0] = program.to_owned();
        if store != Path::new(STORE_DEFAULT) {
            words.splice(2..2, [format!("--{STORE}"), store.display().to_string()]);
        }
        for_shell(&words)
    }

    /// The same as a shell reads it.
    pub fn command(&self) -> String {
        for_shell(&self.words())
    }
}

/// Adds the seed and the node's arguments to the words before them.
pub fn push_seed(words: &mut Vec<String>, seed: u64, args: &[String]) {
    words.extend([format!("--{SEED}"), seed.to_string()]);
    if !args.is_empty() {
        words.push("--".to_owned());
        words.extend(args.iter().cloned());
    }
}

/// Words as a shell reads them back.
pub fn for_shell(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a POSIX shell reads it back.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
