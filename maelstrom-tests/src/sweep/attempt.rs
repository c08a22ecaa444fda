//! One run of a sweep: in virtual time without any file that is kept, or with real processes in the store.

use std::path::Path;
use std::time::Duration;

use crate::analysis::{Subject, analyse};
use crate::command_line::{Call, Target};
use crate::harness::Record;
use crate::journal::LoggedMessages;
use crate::outcome::{FailureKind, Outcome};
use crate::process::interrupted;
use crate::progress::Silent;
use crate::simulated::{SimulateError, SimulatedNode, simulate};
use crate::store::RunDirectory;
use crate::test_command::{self, Console, Finished, TestError};
use crate::virtual_time::{self, Keep, Trace};

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
    /// A hash of all that a program did in virtual time.
    digest: Option<u64>,
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
            let outcome = attempt_simulated(node, call)?;
            return Ok(Attempt { outcome, directory: None, digest: None });
        }
        if let Target::Virtual(bin) = &call.target {
            let (outcome, trace) = attempt_virtual(bin, call, false)?;
            return Ok(Attempt { outcome, directory: None, digest: Some(trace.digest) });
        }
        match self.run_in_store(call) {
            Ok(Finished { directory, .. }) if interrupted() => {
                directory.remove();
                Err(TestError::unknown("the sweep was ended before its time"))
            }
            Ok(Finished { results, directory, .. }) => {
                let outcome = Outcome::of(&results);
                Ok(Attempt { outcome, directory: Some(directory), digest: None })
            }
            Err(error) if error.is_invalid() => {
                let outcome = Outcome::invalid(FailureKind::SetUp, error.to_string());
                Ok(Attempt { outcome, directory: None, digest: None })
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

    /// Makes a run of a program in virtual time once more, and says where it parts from the first, if it
    /// does: such a program cannot be replayed.
    ///
    /// # Errors
    /// If the run cannot be made.
    pub(super) fn verify(
        &self,
        call: &Call,
        attempt: &Attempt,
    ) -> Result<Option<String>, TestError> {
        let (Target::Virtual(bin), Some(digest)) = (&call.target, attempt.digest) else {
            return Ok(None);
        };
        let (_, first) = attempt_virtual(bin, call, true)?;
        if first.digest == digest {
            return Ok(None);
        }
        let (_, second) = attempt_virtual(bin, call, true)?;
        Ok(Some(first.difference(&second).map_or_else(
            || "a second run was another one, but a third was like the second".to_owned(),
            |difference| format!("of two runs, {difference}"),
        )))
    }

    fn run_in_store(&self, call: &Call) -> Result<Finished, TestError> {
        let console = Console {
            store: self.store,
            log_stderr: false,
            logged_messages: LoggedMessages::default(),
            grace: Duration::ZERO,
            verify: false,
        };
        test_command::run_call(call, &console, &mut Silent)
    }
}

fn attempt_virtual(bin: &Path, call: &Call, record: bool) -> Result<(Outcome, Trace), TestError> {
    let keep = Keep { record, ..Keep::default() };
    let (record, trace) = virtual_time::run(bin, &call.args, &call.options, keep, &mut Silent)?;
    if interrupted() {
        return Err(TestError::unknown("the sweep was ended before its time"));
    }
    Ok((judge(call, &record), trace))
}

fn attempt_simulated(node: SimulatedNode, call: &Call) -> Result<Outcome, TestError> {
    let record = match simulate(node, &call.args, &call.options, None, &mut Silent) {
        Ok(record) => record,
        Err(error @ SimulateError::Panic) => {
            return Ok(Outcome::invalid(FailureKind::Panic, error.to_string()));
        }
        Err(error @ (SimulateError::Usage(_) | SimulateError::File(_))) => return Err(error.into()),
    };
    Ok(judge(call, &record))
}

fn judge(call: &Call, record: &Record) -> Outcome {
    let subject = Subject::default();
    Outcome::of(&analyse(&call.options, &subject, record, &call.expect, &mut || false))
}
