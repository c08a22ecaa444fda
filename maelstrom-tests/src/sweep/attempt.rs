//! One run of a sweep of anything: nodes that are libraries, and programs in virtual time, without any
//! file that is kept; programs as real processes in the store.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use bench::run::TestError;
use bench::sweep::{Attempt, Runner, attempt_simulated};

use crate::analysis::{Subject, analyse};
use crate::command_line::{Call, Target};
use crate::harness::Record;
use crate::journal::LoggedMessages;
use crate::outcome::{FailureKind, Outcome};
use crate::process::interrupted;
use crate::progress::Silent;
use crate::store::RunDirectory;
use crate::test_command::{self, Console, Finished};
use crate::virtual_time::{self, Keep, Trace, Workbench};

/// Runs whatever a sweep tries.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnyTarget<'a> {
    /// Where runs are kept.
    pub(super) store: &'a Path,
}

impl Runner for AnyTarget<'_> {
    fn attempt(&self, call: &Call) -> Result<Attempt, TestError> {
        match &call.target {
            Target::Simulated(node) => attempt_simulated(*node, call),
            Target::Virtual(bin) => {
                let (mut record, trace) = BENCH.with_borrow_mut(|bench| {
                    bench.run(bin, &call.args, &call.options, &mut Silent)
                })?;
                let judged = judge_unless_interrupted(call, &record);
                if judged.is_err() {
                    // The process may end before this thread has let go of what is its own, and then
                    // the directory of the programs would stay.
                    BENCH.take();
                }
                let outcome = judged?;
                let reached = std::mem::take(&mut record.reached);
                Ok(Attempt { digest: Some(trace.digest), reached, ..Attempt::of(outcome) })
            }
            Target::Program(_) => self.attempt_program(call),
        }
    }

    fn run_in_store(&self, call: &Call) -> Result<RunDirectory, TestError> {
        Ok(self.run(call)?.directory)
    }

    /// Makes a run of a program in virtual time once more, and says where it parts from the first, if it
    /// does: such a program cannot be replayed.
    fn verify(&self, call: &Call, attempt: &Attempt) -> Result<Option<String>, TestError> {
        let (Target::Virtual(bin), Some(digest)) = (&call.target, attempt.digest) else {
            return Ok(None);
        };
        // Started afresh, as whoever repeats the run will do.
        let first = trace(bin, call)?;
        if first.digest == digest {
            return Ok(None);
        }
        let second = trace(bin, call)?;
        Ok(Some(first.difference(&second).map_or_else(
            || "a second run was another one, but a third was like the second".to_owned(),
            |difference| format!("of two runs, {difference}"),
        )))
    }
}

impl AnyTarget<'_> {
    fn attempt_program(&self, call: &Call) -> Result<Attempt, TestError> {
        match self.run(call) {
            Ok(Finished { directory, .. }) if interrupted() => {
                directory.remove();
                Err(TestError::unknown("the sweep was ended before its time"))
            }
            Ok(Finished { results, directory, .. }) => {
                Ok(Attempt { directory: Some(directory), ..Attempt::of(Outcome::of(&results)) })
            }
            Err(error) if error.is_invalid() => {
                Ok(Attempt::of(Outcome::invalid(FailureKind::SetUp, error.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    fn run(&self, call: &Call) -> Result<Finished, TestError> {
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

thread_local! {
    /// Programs in virtual time that this thread has started and copies for each seed. The kernel lets
    /// no other thread rule them.
    static BENCH: RefCell<Workbench> = RefCell::default();
}

/// What a run in virtual time does, call by call.
fn trace(bin: &Path, call: &Call) -> Result<Trace, TestError> {
    let keep = Keep { record: true, ..Keep::default() };
    let (record, trace) = virtual_time::run(bin, &call.args, &call.options, keep, &mut Silent)?;
    judge_unless_interrupted(call, &record).map(|_| trace)
}

fn judge_unless_interrupted(call: &Call, record: &Record) -> Result<Outcome, TestError> {
    if interrupted() {
        return Err(TestError::unknown("the sweep was ended before its time"));
    }
    let subject = Subject::default();
    let results = analyse(&call.options, &subject, record, &call.expect, &mut || false);
    Ok(Outcome::of(&results))
}
