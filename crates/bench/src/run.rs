//! A run with its files: made, checked and kept.

use std::io;

use crate::analysis::analyse;
use crate::command_line::Call;
use crate::harness::Record;
use crate::progress::Progress;
use crate::results::Results;
use crate::simulated::SimulateError;
use crate::store::{Recording, RunDirectory};

/// Why a run did not come to a verdict.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct TestError {
    text: String,
    blame: Blame,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Blame {
    /// The nodes.
    Nodes,
    /// Whoever asked, or the bench.
    Others,
}

impl TestError {
    /// What was asked for cannot be.
    pub fn usage(text: impl ToString) -> Self {
        Self { text: text.to_string(), blame: Blame::Others }
    }

    /// The node's logic cannot be tested.
    pub fn invalid(text: impl ToString) -> Self {
        Self { text: text.to_string(), blame: Blame::Nodes }
    }

    /// The bench itself failed.
    pub fn unknown(text: impl ToString) -> Self {
        Self { text: text.to_string(), blame: Blame::Others }
    }

    /// Whether the nodes are to blame.
    pub fn is_invalid(&self) -> bool {
        self.blame == Blame::Nodes
    }
}

impl From<SimulateError> for TestError {
    fn from(error: SimulateError) -> Self {
        match error {
            SimulateError::Usage(_) => Self::usage(error),
            SimulateError::Panic => Self::invalid(error),
            SimulateError::File(_) => Self::unknown(error),
        }
    }
}

impl From<io::Error> for TestError {
    fn from(error: io::Error) -> Self {
        Self::unknown(format!("cannot write the run's files: {error}"))
    }
}

/// A run that came to a verdict.
#[derive(Debug)]
pub struct Finished {
    /// What is said of it.
    pub results: Results,
    /// Its files.
    pub directory: RunDirectory,
}

/// Makes a run by `make`, keeping its files as they grow; then checks it and keeps the results.
/// `stop` is asked now and then whether a checker should give up.
///
/// # Errors
/// If there is no verdict.
pub fn run_and_keep(
    call: &Call,
    directory: RunDirectory,
    watching: &mut dyn Progress,
    stop: &mut dyn FnMut() -> bool,
    make: impl FnOnce(&RunDirectory, &mut dyn Progress) -> Result<Record, TestError>,
) -> Result<Finished, TestError> {
    let mut history = directory.history()?;
    let mut recording = Recording { history: &mut history, then: watching };
    let record = match make(&directory, &mut recording) {
        Ok(record) => record,
        Err(error) => {
            // What was refused before anything happened is no run, and not the latest.
            if history.is_empty() && !error.is_invalid() {
                directory.remove();
            }
            return Err(error);
        }
    };
    directory.note_failure(history.finish());
    watching.phase("checking");
    let results = analyse(&call.options, &call.subject(), &record, &call.expect, stop);
    drop(record);
    watching.phase("writing");
    directory.note_failure(directory.write_results(&results));
    Ok(Finished { results, directory })
}
