//! One run of a sweep: in virtual time without any file, or with real processes in the store.

use std::path::Path;
use std::time::Duration;

use crate::analysis::{Subject, analyse};
use crate::command_line::{Call, Target};
use crate::outcome::{FailureKind, Outcome};
use crate::process::interrupted;
use crate::process::journal::LoggedMessages;
use crate::progress::Silent;
use crate::simulated::{SimulateError, SimulatedNode, simulate};
use crate::store::RunDirectory;
use crate::test_command::{self, Console, Finished, TestError};

/// Runs what a sweep tries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runner<'a> {
    /// Where runs are kept.
    pub(super) store: &'a Path,
}

/// A run that was made.
#[derive(Debug)]
#[must_use]
pub(super) struct Attempt {
    pub(super) outcome: Outcome,
    /// Its files. In virtual time there are none yet: it can be repeated whenever they are wanted.
    directory: Option<RunDirectory>,
}

impl Attempt {
    /// Removes the files of a run that nobody will look at.
    pub(super) fn discard(self) {
        if let Some(directory) = self.directory {
            directory.remove();
        }
    }
}

impl Runner<'_> {
    /// Makes a run.
    ///
    /// # Errors
    /// If it cannot be made, with this seed or any other.
    pub(super) fn attempt(&self, call: &Call) -> Result<Attempt, TestError> {
        if let Target::Simulated(node) = call.target {
            return Ok(Attempt { outcome: attempt_simulated(node, call)?, directory: None });
        }
        match self.run_in_store(call) {
            Ok(Finished { directory, .. }) if interrupted() => {
                directory.remove();
                Err(TestError::unknown("the sweep was ended before its time"))
            }
            Ok(Finished { results, directory, .. }) => {
                Ok(Attempt { outcome: Outcome::of(&results), directory: Some(directory) })
            }
            Err(error) if error.is_invalid() => {
                let outcome = Outcome::invalid(FailureKind::SetUp, error.to_string());
                Ok(Attempt { outcome, directory: None })
            }
            Err(error) => Err(error),
        }
    }

    /// Where the files of a run are, which are written now if they are not there. A run that ended
    /// before it could be analysed has none that are complete.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(super) fn keep(
        &self,
        call: &Call,
        attempt: Attempt,
    ) -> Result<Option<RunDirectory>, TestError> {
        if let Some(directory) = attempt.directory {
            return Ok(Some(directory));
        }
        match self.run_in_store(call) {
            Ok(finished) => Ok(Some(finished.directory)),
            Err(error) if error.is_invalid() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn run_in_store(&self, call: &Call) -> Result<Finished, TestError> {
        let console = Console {
            store: self.store,
            log_stderr: false,
            logged_messages: LoggedMessages::default(),
            grace: Duration::ZERO,
        };
        test_command::run_call(call, &console, &mut Silent)
    }
}

fn attempt_simulated(node: SimulatedNode, call: &Call) -> Result<Outcome, TestError> {
    let record = match simulate(node, &call.args, &call.options, None, &mut Silent) {
        Ok(record) => record,
        Err(error @ SimulateError::Panic) => {
            return Ok(Outcome::invalid(FailureKind::Panic, error.to_string()));
        }
        Err(error @ (SimulateError::Usage(_) | SimulateError::File(_))) => return Err(error.into()),
    };
    let subject = Subject::default();
    let results = analyse(&call.options, &subject, &record, &call.expect, &mut || false);
    Ok(Outcome::of(&results))
}
