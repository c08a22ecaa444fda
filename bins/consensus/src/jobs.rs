//! Long computations for clients, worked off in slices so that the node goes
//! on answering everybody else.

use std::collections::VecDeque;

use proto::{Caller, Error};

use crate::body::Task;
use crate::machine::{Aside, no_request};
use crate::partition_test::PartitionRun;
use crate::settings::Settings;
use crate::verify::{Findings, VerifyRun};

/// Steps of a simulated cluster in one slice: some milliseconds.
const STEPS_PER_SLICE: u32 = 2000;
/// The most jobs that may wait; further ones are refused.
const JOBS_MAX: usize = 64;

/// A computation under way.
#[derive(Debug)]
enum Job {
    /// A `partition_test`.
    PartitionTest(Box<PartitionRun>),
    /// A `verify_linearizability`.
    Verify(VerifyRun),
}

/// The computations that clients wait for; each gets a slice in turn.
#[derive(Debug, Default)]
pub struct Jobs {
    waiting: VecDeque<(Caller, Job)>,
}

impl Jobs {
    /// Takes a job in.
    fn add(&mut self, caller: &Caller, job: Job) -> Result<(), Error> {
        if self.waiting.len() >= JOBS_MAX {
            return Err(Error::temporarily_unavailable("too many computations are under way"));
        }
        self.waiting.push_back((caller.clone(), job));
        Ok(())
    }
}

impl Aside for Jobs {
    type Message = Task;

    fn begin(&mut self, caller: &Caller, task: Task, settings: &Settings) -> Result<(), Error> {
        let job = match task {
            Task::PartitionTest(test) => {
                Job::PartitionTest(Box::new(PartitionRun::new(test, settings)?))
            }
            Task::VerifyLinearizability { history } => Job::Verify(VerifyRun::new(&history)?),
            Task::PartitionTestOk(_) | Task::VerifyLinearizabilityOk { .. } => {
                return Err(no_request());
            }
        };
        self.add(caller, job)
    }

    fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn work(&mut self) -> Option<(Caller, Result<Task, Error>)> {
        let (caller, mut job) = self.waiting.pop_front()?;
        let result = match &mut job {
            Job::PartitionTest(run) => {
                run.work(STEPS_PER_SLICE).map(|result| result.map(Task::PartitionTestOk))
            }
            Job::Verify(run) => run.work().map(|result| {
                result.map(|Findings { linearizable, violations }| Task::VerifyLinearizabilityOk {
                    linearizable,
                    violations,
                })
            }),
        };
        if let Some(result) = result {
            return Some((caller, result));
        }
        self.waiting.push_back((caller, job));
        None
    }
}

#[cfg(test)]
mod tests {
    use proto::NodeId;

    use super::*;
    use crate::body::PartitionTest;
    use crate::settings::Settings;

    fn add(jobs: &mut Jobs, client: &str, operations: u64) {
        let test = PartitionTest {
            cluster_size: 3,
            operations,
            partition_after_op: 1,
            heal_after_op: 2,
            seed: None,
        };
        let run = PartitionRun::new(test, &Settings::default()).unwrap();
        let caller = Caller { id: NodeId::new(client), msg_id: None, in_reply_to: None };
        jobs.add(&caller, Job::PartitionTest(Box::new(run))).unwrap();
    }

    #[test]
    fn a_short_job_does_not_wait_for_a_long_one() {
        let mut jobs = Jobs::default();
        add(&mut jobs, "patient", 20_000);
        add(&mut jobs, "quick", 10);
        let mut finished = Vec::new();
        let mut slices = 0;
        while jobs.is_busy() {
            slices += 1;
            finished.extend(jobs.work().map(|(caller, _)| caller.id.to_string()));
        }
        assert_eq!(finished, ["quick", "patient"]);
        assert!(slices > 20, "{slices} slices");
    }
}
