//! A program: a table of the nodes that it can be, chosen by its first argument.
//!
//! The same table serves the process (`identifier snowflake --machine-bits 10`), its `--help`,
//! clusters in virtual time and unit tests. Adding a node is a file and a line in the table.
//!
//! ```
//! use proto::{Arguments, Caller, Context, Manual, Node, Program, UsageError};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Clone, Debug, Serialize, Deserialize)]
//! # #[serde(rename_all = "snake_case")]
//! # enum Body { Ping, PingOk }
//! struct Pong { replies: u32 }
//! # impl Node for Pong {
//! #     type Body = Body;
//! #     type Token = ();
//! #     fn request(&mut self, from: Caller, _: Body, ctx: &mut Context<'_, Self>) {
//! #         for _ in 0..self.replies { ctx.reply(&from, Body::PingOk); }
//! #     }
//! # }
//!
//! const PONG: Manual = Manual {
//!     name: "pong",
//!     summary: "answers `ping`",
//!     usage: "[--replies N]",
//!     help: "  --replies N   how often each is answered; default 1\n",
//! };
//!
//! fn pong(arguments: &mut Arguments) -> Result<Pong, UsageError> {
//!     let mut replies = 1;
//!     while let Some(flag) = arguments.next_flag()? {
//!         match &*flag {
//!             "--replies" => replies = arguments.value("a number")?,
//!             _ => return Err(arguments.unknown(&flag)),
//!         }
//!     }
//!     Ok(Pong { replies })
//! }
//!
//! let program = Program::new("games", "0.1.0").node(PONG, pong);
//! let chosen = program.choose(["pong", "--replies", "2"])?;
//! assert_eq!(chosen.entry.manual.name, "pong");
//! assert!(program.choose(["tennis"]).is_err());
//! # Ok::<(), UsageError>(())
//! ```
//!
//! The program's `main` is then `program.main()`.

use std::ffi::OsString;
use std::fmt::{self, Write as _};

use crate::any::AnyNode;
use crate::arguments::{Arguments, Options, UsageError};
use crate::insides::Invariant;
use crate::liar::{Liar, Mouth};
use crate::node::Node;

/// What a node says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manual {
    /// The first argument that chooses it (`snowflake`).
    pub name: &'static str,
    /// What it does, in one line without a full stop.
    pub summary: &'static str,
    /// Its flags on one line, without those that every node has: `[--scheme counter|random]`.
    pub usage: &'static str,
    /// What `--help` says after the usage line: messages, flags, and what `--state-dir` is good
    /// for here. Ends with a line feed.
    pub help: &'static str,
}

type Build = dyn Fn(&mut Arguments) -> Result<AnyNode, UsageError>;
type MakeInvariant = dyn Fn(usize) -> Box<dyn Invariant>;
type MakeLiar = dyn Fn(&mut Arguments, &Mouth) -> Result<Box<dyn Liar>, UsageError>;

/// A node in the table of a program.
pub struct Entry {
    /// What it says about itself.
    pub manual: Manual,
    build: Box<Build>,
    invariant: Option<Box<MakeInvariant>>,
    liar: Option<Box<MakeLiar>>,
}

impl Entry {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn build(&self, arguments: &mut Arguments) -> Result<AnyNode, UsageError> {
        (self.build)(arguments)
    }

    /// What must hold of a cluster of `nodes` such nodes after every event.
    pub fn invariant(&self, nodes: usize) -> Option<Box<dyn Invariant>> {
        self.invariant.as_ref().map(|make| make(nodes))
    }

    /// How such a node of these arguments lies, if anybody has said how it could.
    ///
    /// # Errors
    /// If the arguments are wrong.
    pub fn liar(
        &self,
        arguments: &mut Arguments,
        mouth: &Mouth,
    ) -> Option<Result<Box<dyn Liar>, UsageError>> {
        self.liar.as_ref().map(|make| make(arguments, mouth))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("manual", &self.manual).finish_non_exhaustive()
    }
}

/// A program and the nodes that it can be. The first is the one without an argument.
#[derive(Debug)]
pub struct Program {
    /// The name that its errors begin with.
    pub name: &'static str,
    /// Usually `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    entries: Vec<Entry>,
}

/// What a command line asks for.
#[derive(Debug)]
pub struct Chosen<'a> {
    /// The node's place in the table.
    pub entry: &'a Entry,
    /// A node of the arguments.
    pub node: AnyNode,
    /// How it is to be run.
    pub options: Options,
}

impl Program {
    /// A program without nodes.
    pub fn new(name: &'static str, version: &'static str) -> Self {
        Self { name, version, entries: Vec::new() }
    }

    /// Adds a node, which `build` makes of its flags.
    #[must_use]
    pub fn node<N: Node + 'static>(
        self,
        manual: Manual,
        build: impl Fn(&mut Arguments) -> Result<N, UsageError> + 'static,
    ) -> Self {
        self.any_node(manual, move |arguments| Ok(AnyNode::new(build(arguments)?)))
    }

    /// Adds a node of any type.
    #[must_use]
    pub fn any_node(
        mut self,
        manual: Manual,
        build: impl Fn(&mut Arguments) -> Result<AnyNode, UsageError> + 'static,
    ) -> Self {
        let build = Box::new(build);
        self.entries.push(Entry { manual, build, invariant: None, liar: None });
        self
    }

    /// Says what must hold of a cluster of the node that was added last, made for so many nodes.
    ///
    /// # Panics
    /// If none was added.
    #[must_use]
    pub fn invariant<I: Invariant + 'static>(
        mut self,
        make: impl Fn(usize) -> I + 'static,
    ) -> Self {
        let Some(entry) = self.entries.last_mut() else { panic!("an invariant of which node?") };
        entry.invariant = Some(Box::new(move |nodes| Box::new(make(nodes))));
        self
    }

    /// Says how a Byzantine node speaks that is of the kind that was added last.
    ///
    /// # Panics
    /// If none was added.
    #[must_use]
    pub fn liar<L: Liar + 'static>(
        mut self,
        make: impl Fn(&mut Arguments, &Mouth) -> Result<L, UsageError> + 'static,
    ) -> Self {
        let Some(entry) = self.entries.last_mut() else { panic!("a liar of which kind?") };
        let make = move |arguments: &mut Arguments, mouth: &Mouth| {
            Ok(Box::new(make(arguments, mouth)?) as Box<dyn Liar>)
        };
        entry.liar = Some(Box::new(make));
        self
    }

    /// How a node lies that a command line asks for, if anybody has said how it could.
    ///
    /// # Errors
    /// If the command line is wrong.
    pub fn choose_liar(
        &self,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
        mouth: &Mouth,
    ) -> Result<Option<Box<dyn Liar>>, UsageError> {
        let mut arguments = Arguments::new(arguments);
        let entry = self.entry(&mut arguments)?;
        entry.liar(&mut arguments, mouth).transpose()
    }

    /// All nodes, in the order in which they were added.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The node that a command line (without the program's name) asks for.
    ///
    /// # Errors
    /// If the command line is wrong, or asks for help or version.
    pub fn choose(
        &self,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Result<Chosen<'_>, UsageError> {
        let mut arguments = Arguments::new(arguments);
        let entry = self.entry(&mut arguments)?;
        let node = entry.build(&mut arguments)?;
        Ok(Chosen { entry, node, options: arguments.options() })
    }

    fn entry(&self, arguments: &mut Arguments) -> Result<&Entry, UsageError> {
        let names: Vec<_> =
            (0..).zip(&self.entries).map(|(i, entry)| (entry.manual.name, i)).collect();
        let place = arguments.workload(&names)?.unwrap_or(0);
        self.entries
            .get(place)
            .ok_or_else(|| UsageError::Wrong("this program has no nodes".to_owned()))
    }

    /// What `--help` prints: with a node as first argument about that node, else about all.
    pub fn help(&self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> String {
        let mut arguments = Arguments::new(arguments);
        let named = arguments.names_workload();
        let Ok(entry) = self.entry(&mut arguments) else { return String::new() };
        let Manual { summary, help, .. } = entry.manual;
        let usage = self.usage_line(entry);
        if named || self.entries.len() == 1 {
            return format!(
                "usage: {usage}\n\n{} {}: {summary}.\n\n{help}",
                self.name, entry.manual.name
            );
        }
        let width = self.entries.iter().map(|entry| entry.manual.name.len()).max().unwrap_or(0);
        let mut text = format!(
            "usage: {} [NODE] [FLAGS]\n\nA Maelstrom node on stdin and stdout. NODE is one of\n\n",
            self.name
        );
        for Entry { manual: Manual { name, summary, .. }, .. } in &self.entries {
            let _ = writeln!(text, "  {name:width$}  {summary}");
        }
        let _ = write!(
            text,
            "\n`{} NODE --help` says more of it. Without NODE it is `{}`:\n\nusage: {usage}\n\n{help}",
            self.name, entry.manual.name,
        );
        text
    }

    fn usage_line(&self, entry: &Entry) -> String {
        let Manual { name, usage, .. } = entry.manual;
        let is_default = self.entries.first().is_some_and(|first| first.manual.name == name);
        let node = if is_default { format!("[{name}]") } else { name.to_owned() };
        let parts = [self.name, &node, usage, "[--state-dir DIR] [--help] [--version]"];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// What is said on stderr of a wrong command line: one line that says what is right.
    pub fn complaint(
        &self,
        wrong: &UsageError,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> String {
        let usage = match (wrong, self.entry(&mut Arguments::new(arguments))) {
            (UsageError::Unknown(_), Ok(entry)) => format!("; usage: {}", self.usage_line(entry)),
            _ => String::new(),
        };
        format!("{}: {wrong}{usage}", self.name)
    }
}

#[cfg(feature = "runtime")]
impl Program {
    /// The whole `main` of a program: reads the command line of this process and runs the node
    /// that it asks for on stdin and stdout. A wrong command line is one line on stderr and exit
    /// code 2.
    pub fn main(&self) -> std::process::ExitCode {
        use std::io::{self, Write as _};
        use std::process::ExitCode;

        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        let said = match self.choose(&arguments) {
            Ok(chosen) => return chosen.node.run(&chosen.options),
            Err(UsageError::Help) => write!(io::stdout(), "{}", self.help(&arguments)),
            Err(UsageError::Version) => writeln!(io::stdout(), "{} {}", self.name, self.version),
            Err(wrong) => {
                let _ = writeln!(io::stderr(), "{}", self.complaint(&wrong, &arguments));
                return ExitCode::from(2);
            }
        };
        // Nobody may be reading the help text to its end (`--help | head -1`).
        drop(said);
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests;
