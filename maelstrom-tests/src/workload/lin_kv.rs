//! Workload lin-kv: `read {key}` is answered by `read_ok {value}`, `write {key, value}` by
//! `write_ok {}`, `cas {key, from, to}` by `cas_ok {}`; a missing key is error 20, a comparison
//! that fails error 22.
//!
//! Workers form groups of two a node; each group works on one key at a time. The first half of a
//! group reads, the other half writes and compares. A key has served when twenty processes have
//! taken part, that is after enough operations of unknown outcome, as with Maelstrom; or, with
//! `--key-limit`, after so many operations. Unlike Maelstrom every group reads as well as writes.

use std::time::Duration;

use checkers::linearizable::WorkLimit;
use checkers::{Event, Op, Verdict};
use proto::Json;
use simulator::Random;

use super::{Checked, OnError, Worker, Workload};
use crate::options::Options;

/// How many processes may take part in one key.
const PROCESSES_PER_KEY: usize = 20;

/// See the module.
pub(super) struct LinKv {
    group_size: usize,
    key_limit: u64,
    max_states: u64,
    timeout: Duration,
    groups: Vec<Group>,
    next_key: i64,
}

/// Workers that share a key.
struct Group {
    key: i64,
    operations: u64,
    processes: Vec<u64>,
}

impl LinKv {
    pub(super) fn new(options: &Options) -> Self {
        let group_size = (2 * options.nodes.len()).min(options.concurrency).max(1);
        let groups = options.concurrency.div_ceil(group_size);
        Self {
            group_size,
            key_limit: options.key_limit.unwrap_or(u64::MAX),
            max_states: options.max_states,
            timeout: (options.latency * 10).max(Duration::from_secs(1)),
            groups: (0..groups as i64)
                .map(|key| Group { key, operations: 0, processes: Vec::new() })
                .collect(),
            next_key: groups as i64,
        }
    }
}

impl Workload for LinKv {
    fn operation(&mut self, worker: Worker, random: &mut Random) -> Op<Json> {
        let group = &mut self.groups[worker.index / self.group_size];
        let newcomer = !group.processes.contains(&worker.process);
        if group.operations >= self.key_limit
            || newcomer && group.processes.len() >= PROCESSES_PER_KEY.max(self.group_size)
        {
            *group = Group { key: self.next_key, operations: 0, processes: Vec::new() };
            self.next_key += 1;
        }
        if !group.processes.contains(&worker.process) {
            group.processes.push(worker.process);
        }
        group.operations += 1;
        let key = Json::from(group.key);
        let place = worker.index % self.group_size;
        let reads = match self.group_size {
            1 => random.chance(0.5),
            size => place < size / 2,
        };
        if reads {
            return Op::Read { key, value: None };
        }
        let mut value = || Json::from(random.below(5) as i64);
        let (from, to) = (value(), value());
        if random.below(3) == 0 { Op::Write { key, value: to } } else { Op::Cas { key, from, to } }
    }

    fn on_error(&self, op: &Op<Json>) -> OnError {
        match op {
            Op::Read { .. } => OnError::Idempotent,
            _ => OnError::AsTheCodeSays,
        }
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn keeps_clients(&self) -> bool {
        true
    }

    fn check(&self, history: &[Event<Json>], stop: &mut dyn FnMut() -> bool) -> Checked {
        let mut limit = WorkLimit { states_max: self.max_states, stop };
        let result = match checkers::linearizable::check(history, &mut limit) {
            Ok(result) => result,
            Err(error) => return Checked::malformed(&error),
        };
        let mut checked = Checked::new(result.verdict, &result, || {
            let bad = result.results.iter().filter(|key| key.verdict != Verdict::Valid);
            format!("{} of {} keys are not linearizable", bad.count(), result.results.len())
        });
        for key in &result.results {
            if let Some(counterexample) = &key.counterexample {
                checked.causes.push(format!("key {}: {}", key.key, counterexample.explanation));
            }
            if let Some(undecided) = key.undecided {
                checked.causes.push(format!("key {}: undecided ({undecided:?})", key.key));
            }
        }
        checked
    }
}
