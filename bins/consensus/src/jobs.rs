//! Long computations for clients, worked off in slices so that the node goes
//! on answering everybody else.

use std::collections::VecDeque;

use proto::{Caller, Error, NodeId};

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
    /// None: this is told when its turn comes.
    Refused(Error),
}

impl Job {
    fn new(task: Task, settings: &Settings) -> Result<Self, Error> {
        Ok(match task {
            Task::PartitionTest(test) => {
                Self::PartitionTest(Box::new(PartitionRun::new(test, settings)?))
            }
            Task::VerifyLinearizability { history } => Self::Verify(VerifyRun::new(&history)?),
            Task::PartitionTestOk(_) | Task::VerifyLinearizabilityOk { .. } => {
                return Err(no_request());
            }
        })
    }

    /// Works for a slice.
    fn work(&mut self) -> Option<Result<Task, Error>> {
        match self {
            Self::PartitionTest(run) => {
                run.work(STEPS_PER_SLICE).map(|result| result.map(Task::PartitionTestOk))
            }
            Self::Verify(run) => run.work().map(|result| {
                result.map(|Findings { linearizable, violations }| Task::VerifyLinearizabilityOk {
                    linearizable,
                    violations,
                })
            }),
            Self::Refused(error) => Some(Err(error.clone())),
        }
    }
}

/// The computations that clients wait for. Each client gets a slice in turn; what one asks for is
/// answered in the order in which it asked.
#[derive(Debug, Default)]
pub struct Jobs {
    /// A line for each client, none of them empty.
    lines: VecDeque<VecDeque<(Caller, Job)>>,
}

impl Jobs {
    fn line(&mut self, client: &NodeId) -> Option<&mut VecDeque<(Caller, Job)>> {
        let is_own = |line: &&mut VecDeque<(Caller, Job)>| {
            line.front().is_some_and(|(caller, _)| caller.id == *client)
        };
        self.lines.iter_mut().find(is_own)
    }

    /// Takes a job in.
    fn add(&mut self, caller: &Caller, job: Job) -> Result<(), Error> {
        if self.lines.iter().map(VecDeque::len).sum::<usize>() >= JOBS_MAX {
            return Err(Error::temporarily_unavailable("too many computations are under way"));
        }
        let job = (caller.clone(), job);
        match self.line(&caller.id) {
            Some(line) => line.push_back(job),
            None => self.lines.push_back([job].into()),
        }
        Ok(())
    }
}

impl Aside for Jobs {
    type Message = Task;

    fn begin(&mut self, caller: &Caller, task: Task, settings: &Settings) -> Result<(), Error> {
        let job = match Job::new(task, settings) {
            Err(error) if self.owes(&caller.id) => Job::Refused(error),
            job => job?,
        };
        self.add(caller, job)
    }

    fn is_busy(&self) -> bool {
        !self.lines.is_empty()
    }

    fn owes(&self, client: &NodeId) -> bool {
        self.lines.iter().flatten().any(|(caller, _)| caller.id == *client)
    }

    fn work(&mut self) -> Option<(Caller, Result<Task, Error>)> {
        let mut line = self.lines.pop_front()?;
        let result = line.front_mut().and_then(|(_, job)| job.work());
        let answer = result.and_then(|result| Some((line.pop_front()?.0, result)));
        if !line.is_empty() {
            self.lines.push_back(line);
        }
        answer
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

    #[test]
    fn one_client_is_answered_in_the_order_of_its_requests() {
        let mut jobs = Jobs::default();
        let ask = |msg_id| Caller {
            id: NodeId::new("c1"),
            msg_id: Some(proto::MessageId(msg_id)),
            in_reply_to: None,
        };
        let test = |operations| {
            Task::PartitionTest(PartitionTest {
                cluster_size: 3,
                operations,
                partition_after_op: 1,
                heal_after_op: 2,
                seed: None,
            })
        };
        let verify = |history: &str| Task::VerifyLinearizability {
            history: proto::Json::parse(history).unwrap(),
        };
        let settings = Settings::default();
        for (msg_id, task) in (1..).zip([test(5000), verify("[]"), verify("{}"), test(10)]) {
            jobs.begin(&ask(msg_id), task, &settings).unwrap();
        }
        let mut answers = Vec::new();
        while jobs.is_busy() {
            answers.extend(jobs.work().map(|(caller, answer)| (caller.msg_id, answer.is_ok())));
        }
        let expected = [(1, true), (2, true), (3, false), (4, true)];
        assert_eq!(answers, expected.map(|(id, is_ok)| (Some(proto::MessageId(id)), is_ok)));
        // With nothing before it a bad request is refused at once.
        assert!(jobs.begin(&ask(5), verify("{}"), &settings).is_err());
    }
}
