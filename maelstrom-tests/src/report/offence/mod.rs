//! Where to look first: the operation that shows that a run is not valid, with its messages, or what
//! went wrong with a node, with the end of its log.

mod given_up;
mod handed_on;
mod kills;
mod merges;
mod refused;
mod search;
mod service;
mod sooner;
mod sum;
mod types;
mod unseen;
mod why;

use std::io;
use std::path::Path;

use checkers::Verdict;
use serde::Serialize;

use self::search::Search;
use super::faults::{Fault, faults};
use super::messages::Journal;
use super::words::Words;
use crate::history::{History, ValueReader};
use crate::results::Results;

/// By so many characters a sentence is known again.
const SAID_LENGTH: usize = 200;

/// Where to look first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Offence {
    /// What is wrong there.
    pub text: String,
    /// The message or restart that explains it, as far as the files tell; may be empty.
    pub why: String,
    /// When, in nanoseconds since the run started.
    pub time: u64,
    /// The operations that show it.
    pub operations: Vec<Step>,
    /// Messages of the last of them between its client and a node.
    pub messages: Vec<Step>,
    /// The node that it is about, if it is about one.
    pub node: Option<String>,
    /// The end of that node's log.
    pub log: Vec<String>,
}

/// One line of an explanation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Step {
    /// When it began, in nanoseconds since the run started.
    pub time: u64,
    /// Who: `process 3`, `c4 → n1`.
    pub who: String,
    /// What.
    pub what: String,
    /// How it ended; for an operation also which events it is.
    pub end: String,
}

/// The files of a run, as far as they are needed to explain it.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The run's directory.
    pub run_dir: &'a Path,
    /// Its results.
    pub results: &'a Results,
    /// Its operations.
    pub history: &'a History,
    /// The times in which faults were on.
    pub faults: &'a [Fault],
    /// Its messages.
    pub journal: &'a Journal,
}

/// What [`Evidence`] is of, read.
pub struct Gathered {
    history: History,
    faults: Vec<Fault>,
    journal: Journal,
}

impl Gathered {
    /// Reads the files of a run with these results.
    ///
    /// # Errors
    /// If one is there and cannot be read.
    pub fn read(run_dir: &Path, results: &Results) -> io::Result<Self> {
        Self::with_journal(run_dir, results, |time_zero| Journal::read(run_dir, time_zero))
    }

    /// The same with a journal that somebody else reads.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn with_journal(
        run_dir: &Path,
        results: &Results,
        journal: impl FnOnce(u64) -> io::Result<Journal>,
    ) -> io::Result<Self> {
        let history = History::read(run_dir)?;
        let faults = faults(&history);
        let journal = journal(results.time_zero.unwrap_or(0))?;
        Ok(Self { history, faults, journal })
    }

    /// The evidence of a run, whose results are no part of this.
    pub fn evidence<'a>(&'a self, run_dir: &'a Path, results: &'a Results) -> Evidence<'a> {
        let Self { history, faults, journal } = self;
        Evidence { run_dir, results, history, faults, journal }
    }
}

impl Offence {
    /// What is to be said first of a run: what is wrong and why, or the first cause, or the verdict.
    pub fn first_sentence(offence: Option<&Self>, words: Words<'_>) -> String {
        let is_invalid = words.verdict() == Some(Verdict::Invalid);
        match offence.filter(|offence| is_invalid && !offence.text.is_empty()) {
            Some(Self { text, why, .. }) if why.is_empty() => text.clone(),
            Some(Self { text, why, .. }) => format!("{text} {why}"),
            None => Self::first_cause(words).unwrap_or_else(|| words.verdict_text()),
        }
    }

    /// The cause that says why a run is invalid where there is no operation or node to be shown.
    fn first_cause(words: Words<'_>) -> Option<String> {
        let is_invalid = words.verdict() == Some(Verdict::Invalid);
        words.causes().into_iter().next().filter(|_| is_invalid)
    }

    /// The causes that the first sentence has not said already.
    pub fn other_causes(offence: Option<&Self>, words: Words<'_>) -> Vec<String> {
        let mut causes = words.causes();
        let is_invalid = words.verdict() == Some(Verdict::Invalid);
        match offence.filter(|offence| is_invalid && !offence.text.is_empty()) {
            Some(offence) => {
                // Either may be cut where the other one goes on.
                let said: String = offence.text.chars().take(SAID_LENGTH).collect();
                causes.retain(|cause| {
                    !cause.contains(&said) && !offence.text.starts_with(cause.trim_end_matches('.'))
                });
            }
            None if Self::first_cause(words).is_some() => drop(causes.remove(0)),
            None => {}
        }
        causes
    }

    /// Whether it has anything to show besides its sentence.
    pub const fn shows_more(&self) -> bool {
        !(self.operations.is_empty() && self.messages.is_empty() && self.log.is_empty())
    }

    /// Looks for the offence of a run; nothing in a valid one.
    pub fn find(evidence: Evidence<'_>) -> io::Result<Option<Self>> {
        if evidence.results.valid == Some(Verdict::Valid) {
            return Ok(None);
        }
        let mut search = Search { evidence, values: ValueReader::open(evidence.run_dir)? };
        if let Some(lead) = &evidence.results.lead {
            return match search.sooner(lead)? {
                Some(offence) => Ok(Some(offence)),
                None => search.follow(lead).map(Some),
            };
        }
        if let Some(offence) = search.of_problems()? {
            return Ok(Some(offence));
        }
        search.of_failures()
    }
}

#[cfg(test)]
mod tests;
