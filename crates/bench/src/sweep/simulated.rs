//! The runs of a sweep in virtual time: without any file, until somebody wants to look at one.

use std::io;
use std::path::Path;

use super::{Attempt, Runner, Sometimes};
use crate::analysis::{Subject, analyse};
use crate::command_line::{Call, Target};
use crate::outcome::{FailureKind, Outcome};
use crate::progress::Silent;
use crate::run::{TestError, run_and_keep};
use crate::simulated::{SimulateError, SimulatedNode, simulate};
use crate::store::RunDirectory;

/// Runs nodes in virtual time.
#[derive(Clone, Copy, Debug)]
pub struct Simulations<'a> {
    /// Where runs are kept.
    pub store: &'a Path,
    /// Draws the report of a run from its directory, if there is somebody who can.
    pub draw: Option<fn(&Path) -> io::Result<()>>,
}

impl Runner for Simulations<'_> {
    fn attempt(&self, call: &Call) -> Result<Attempt, TestError> {
        attempt_simulated(simulated(call)?, call)
    }

    fn run_in_store(&self, call: &Call) -> Result<RunDirectory, TestError> {
        let node = simulated(call)?;
        let directory = RunDirectory::create(self.store, call.options.workload.as_str())?;
        let make = |directory: &RunDirectory, progress: &mut dyn crate::progress::Progress| {
            Ok(simulate(node, &call.args, &call.options, Some(directory), progress)?)
        };
        let finished = run_and_keep(call, directory, &mut Silent, &mut || false, make)?;
        if let Some(draw) = self.draw {
            finished.directory.note_failure(draw(finished.directory.path()));
        }
        Ok(finished.directory)
    }
}

fn simulated(call: &Call) -> Result<SimulatedNode, TestError> {
    match call.target {
        Target::Simulated(node) => Ok(node),
        Target::Program(_) | Target::Virtual(_) => {
            Err(TestError::usage("a program does not run here: nodes that are libraries do"))
        }
    }
}

/// Makes a run of a node in virtual time, without any file.
///
/// # Errors
/// If it cannot be made, with this seed or any other.
pub fn attempt_simulated(node: SimulatedNode, call: &Call) -> Result<Attempt, TestError> {
    let mut record = match simulate(node, &call.args, &call.options, None, &mut Silent) {
        Ok(record) => record,
        Err(error @ SimulateError::Panic) => {
            let outcome = Outcome::invalid(FailureKind::Panic, error.to_string());
            return Ok(Attempt::of(outcome));
        }
        Err(error @ (SimulateError::Usage(_) | SimulateError::File(_))) => return Err(error.into()),
    };
    let subject = Subject::default();
    let reached = std::mem::take(&mut record.reached);
    let results = analyse(&call.options, &subject, &record, &call.expect, &mut || false);
    let conditions = Sometimes::of_run(&results.sometimes);
    Ok(Attempt { conditions, reached, ..Attempt::of(Outcome::of(&results)) })
}
