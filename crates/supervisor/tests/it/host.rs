//! One node of the small program `calls`, or of any other.

use std::time::Duration;

use supervisor::{Event, Exit, NodeId, NodeSpec, Options, Supervisor, What};

use crate::cluster::{Program, options, spec};
use crate::programs::program;

/// A supervisor with one node.
pub(crate) struct Host {
    pub(crate) supervisor: Supervisor,
    pub(crate) node: NodeId,
    pub(crate) events: Vec<Event>,
}

impl Host {
    /// The program `calls` with these words; `None`, with a word why, if it cannot be compiled.
    pub(crate) fn calls(words: &[&str]) -> Option<Self> {
        Self::with(options(1), words, |_| {})
    }

    pub(crate) fn with(
        options: Options,
        words: &[&str],
        change: impl FnOnce(&mut NodeSpec),
    ) -> Option<Self> {
        let Program { program, .. } = program("calls")?;
        let args = words.iter().map(Into::into).collect();
        let mut spec = spec(&Program { program, args }, 0);
        change(&mut spec);
        Some(Self::start(options, spec))
    }

    pub(crate) fn start(options: Options, spec: NodeSpec) -> Self {
        let mut supervisor = Supervisor::new(options).unwrap();
        let node = supervisor.spawn(spec).unwrap();
        Self { supervisor, node, events: Vec::new() }
    }

    /// A shell command line.
    pub(crate) fn shell(line: &str) -> Self {
        let args = vec!["-c".into(), line.into()];
        Self::start(options(1), spec(&Program { program: "/bin/sh".into(), args }, 0))
    }

    /// Lets time pass until `seconds`, and answers what was written meanwhile.
    pub(crate) fn until(&mut self, seconds: f64) -> Vec<String> {
        let limit = Duration::from_secs_f64(seconds);
        let first = self.events.len();
        loop {
            let events = self.supervisor.run_until(limit).unwrap();
            if events.is_empty() {
                break;
            }
            self.events.extend(events);
        }
        let output = self.events[first..].iter().filter_map(|event| match &event.what {
            What::Output(line) => Some(String::from_utf8_lossy(line).into_owned()),
            _ => None,
        });
        output.collect()
    }

    pub(crate) fn say(&mut self, line: &str) {
        self.supervisor.deliver(self.node, format!("{line}\n").as_bytes()).unwrap();
    }

    pub(crate) fn exit(&self) -> Option<Exit> {
        self.events.iter().find_map(|event| match event.what {
            What::Exited(exit) => Some(exit),
            _ => None,
        })
    }

    /// Whether something was said of a kind.
    pub(crate) fn has(&self, is_it: impl Fn(&What) -> bool) -> bool {
        self.events.iter().any(|event| is_it(&event.what))
    }
}
