//! Task 7-2-5: a cluster of this very node in virtual time, cut into majority
//! and minority and healed, with clients everywhere and a real check at the end.
//!
//! Every node has some clients, each of which does one operation after
//! another. Operations are numbered as they begin and dealt to the clients in
//! turn, so that the minority gets its share. Before the cut and before it is
//! healed all operations under way are waited for: what is refused during the
//! cut is refused because of it. A client on the majority side that is refused
//! asks again until there is a leader; one on the minority side takes no for
//! an answer. The run is worked off in slices ([`PartitionRun::work`]), so
//! that the node around it stays responsive.

use std::time::Duration;

use bench::lab::registers::{Outcome, Recorder, draw_operation, request};
use bench::lab::{Completion, Lab};
use checkers::Verdict;
use checkers::linearizable::RegisterOp;
use proto::{Error, ErrorCode, Json, Time};
use simulator::{ClusterOptions, Cut, NetworkOptions, Random};

use crate::body::{PartitionTest, PartitionTestOk};
use crate::lin_kv::KeyValues;
use crate::node::RaftNode;
use crate::settings::Settings;

/// The seed of a run whose request names none.
const DEFAULT_SEED: u64 = 725;
/// One-way latency between nodes.
const LATENCY: Duration = Duration::from_millis(10);
/// How long a client waits for an answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client on the majority side waits before it asks again, and how
/// often it does: for a minute of virtual time.
const RETRY_AFTER: Duration = Duration::from_millis(50);
const RETRIES_MAX: u32 = 1200;
const CLIENTS_PER_NODE: usize = 4;
const CLUSTER_SIZE_MAX: u64 = 25;
const OPERATIONS_MAX: u64 = 1_000_000;
/// Keys that are in use at a time, and operations after which they are left
/// for others: short histories of many keys are quick to check.
const KEYS_AT_A_TIME: u64 = 4;
const OPERATIONS_PER_KEYS: u64 = 1000;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Before,
    Cut,
    After,
    /// All operations are done; so many keys are checked.
    Checking(usize),
}

/// What one client is doing.
#[derive(Debug, Clone)]
struct Client {
    node: usize,
    current: Option<Current>,
}

#[derive(Debug, Clone)]
struct Current {
    operation: RegisterOp<Json>,
    retries: u32,
    /// When a refused operation is tried again.
    retry_at: Option<Time>,
}

/// A `partition_test` under way.
#[derive(Debug)]
pub struct PartitionRun {
    test: PartitionTest,
    lab: Lab<RaftNode<KeyValues>>,
    random: Random,
    clients: Vec<Client>,
    on_minority: Vec<bool>,
    phase: Phase,
    /// The order in which clients get operations in this phase.
    turns: Vec<usize>,
    begun: u64,
    done: u64,
    recorder: Recorder,
    succeeded: u64,
    rejected: u64,
    verdict: Verdict,
}

impl PartitionRun {
    /// Sets up a run.
    ///
    /// # Errors
    ///
    /// Error 12 that names the impossible parameter.
    pub fn new(test: PartitionTest, settings: &Settings) -> Result<Self, Error> {
        let impossible = |text: String| Err(Error::malformed_request(text));
        if !(2..=CLUSTER_SIZE_MAX).contains(&test.cluster_size) {
            let limit = CLUSTER_SIZE_MAX;
            return impossible(format!("`cluster_size` has to be between 2 and {limit}"));
        }
        if !(1..=OPERATIONS_MAX).contains(&test.operations) {
            return impossible(format!("`operations` has to be between 1 and {OPERATIONS_MAX}"));
        }
        if test.heal_after_op > test.operations {
            return impossible("`heal_after_op` has to be at most `operations`".to_owned());
        }
        if test.partition_after_op > test.heal_after_op {
            let text = "`partition_after_op` has to be at most `heal_after_op`";
            return impossible(text.to_owned());
        }
        let seed = test.seed.unwrap_or(DEFAULT_SEED);
        let nodes = test.cluster_size as usize;
        let mut random = Random::new(seed, "partition_test");
        let mut options = ClusterOptions::new(nodes, seed);
        options.network = NetworkOptions { latency: LATENCY, ..NetworkOptions::default() };
        let count = nodes * CLIENTS_PER_NODE;
        let settings = settings.clone();
        let make = move |_| RaftNode::new(settings.clone());
        let lab = Lab::new(options, make, count, CLIENT_TIMEOUT);
        let clients = (0..count).map(|client| Client { node: client % nodes, current: None });
        let mut order: Vec<usize> = (0..nodes).collect();
        random.shuffle(&mut order);
        let mut on_minority = vec![false; nodes];
        let minority = ((nodes - 1) / 2).max(1);
        order.iter().take(minority).for_each(|&node| on_minority[node] = true);
        Ok(Self {
            lab,
            random,
            clients: clients.collect(),
            on_minority,
            phase: Phase::Before,
            turns: (0..count).collect(),
            begun: 0,
            done: 0,
            recorder: Recorder::new(count),
            succeeded: 0,
            rejected: 0,
            verdict: Verdict::Valid,
            test,
        })
    }

    /// Goes on for about so many steps; the result, once it is there.
    ///
    /// # Errors
    ///
    /// Error 0 if the history cannot be judged within the checker's bound of work.
    pub fn work(&mut self, steps: u32) -> Option<Result<PartitionTestOk, Error>> {
        for _ in 0..steps {
            match self.phase {
                Phase::Checking(key) => match self.recorder.check_key(key) {
                    Some(verdict) => {
                        self.verdict = self.verdict.and(verdict);
                        self.phase = Phase::Checking(key + 1);
                        // Checking a key takes about as long as a slice of the run.
                        return None;
                    }
                    None => return Some(self.result()),
                },
                Phase::Before | Phase::Cut | Phase::After => self.step(),
            }
        }
        None
    }

    fn result(&self) -> Result<PartitionTestOk, Error> {
        let linearizable = match self.verdict {
            Verdict::Valid => true,
            Verdict::Invalid => false,
            Verdict::Unknown => {
                let text = "the history is too tangled to be judged";
                return Err(Error::new(ErrorCode::Timeout, text));
            }
        };
        Ok(PartitionTestOk {
            total_ops: self.done,
            ops_during_partition: self.test.heal_after_op - self.test.partition_after_op,
            ops_succeeded: self.succeeded,
            ops_rejected: self.rejected,
            linearizable,
        })
    }

    /// The number of operations after which the phase ends.
    fn phase_end(&self) -> u64 {
        match self.phase {
            Phase::Before => self.test.partition_after_op,
            Phase::Cut => self.test.heal_after_op,
            Phase::After | Phase::Checking(_) => self.test.operations,
        }
    }

    fn step(&mut self) {
        if self.done == self.phase_end() {
            self.next_phase();
            return;
        }
        self.begin_operations();
        let retry = self
            .clients
            .iter()
            .enumerate()
            .filter_map(|(client, state)| Some((state.current.as_ref()?.retry_at?, client)));
        let retry = retry.min();
        if let Some((at, client)) = retry
            && self.lab.next_time().is_none_or(|next| at <= next)
        {
            self.lab.cluster().advance_to(at);
            self.submit(client);
            return;
        }
        if let (_, Some(completion)) = self.lab.step() {
            self.complete(completion);
        }
    }

    fn next_phase(&mut self) {
        let nodes = self.on_minority.len();
        self.phase = match self.phase {
            Phase::Before => {
                let side = self.on_minority.clone();
                let cut = Cut::halves(nodes, |node| side[node]);
                self.lab.cluster().network_mut().set_cut(cut);
                // A minority node begins, so that even a short cut meets one.
                self.turns.sort_by_key(|&client| {
                    let on_majority = !self.on_minority[self.clients[client].node];
                    (client / nodes, on_majority, client)
                });
                Phase::Cut
            }
            Phase::Cut => {
                self.lab.cluster().network_mut().set_cut(Cut::none(nodes));
                Phase::After
            }
            Phase::After | Phase::Checking(_) => Phase::Checking(0),
        };
        let begun = self.begun as usize % self.turns.len();
        // The next operation in number goes to the first in turn.
        self.turns.rotate_right(begun);
    }

    /// Gives operations to clients in turn, as long as the next in turn is free.
    fn begin_operations(&mut self) {
        while self.begun < self.phase_end() {
            let client = self.turns[self.begun as usize % self.turns.len()];
            if self.clients[client].current.is_some() {
                return;
            }
            self.begin(client);
        }
    }

    fn begin(&mut self, client: usize) {
        let generation = self.begun / OPERATIONS_PER_KEYS;
        let key = generation * KEYS_AT_A_TIME + self.random.below(KEYS_AT_A_TIME);
        self.begun += 1;
        let operation = draw_operation(key, &mut self.random);
        self.recorder.invoke(client, self.lab.now(), &operation);
        self.clients[client].current = Some(Current { operation, retries: 0, retry_at: None });
        self.submit(client);
    }

    fn submit(&mut self, client: usize) {
        let Client { node, current, .. } = &mut self.clients[client];
        if let Some(current) = current {
            current.retry_at = None;
            self.lab.submit(client, *node, &request(&current.operation));
        }
    }

    fn complete(&mut self, completion: Completion) {
        let (client, outcome) = (completion.client, completion.outcome());
        let now = self.lab.now();
        let state = &mut self.clients[client];
        let has_quorum = self.phase != Phase::Cut
            || (!self.on_minority[state.node] && self.on_minority.len() > 2);
        let Some(current) = &mut state.current else { return };
        if outcome == Outcome::Refused && has_quorum && current.retries < RETRIES_MAX {
            current.retries += 1;
            current.retry_at = Some(now + RETRY_AFTER);
            return;
        }
        state.current = None;
        self.done += 1;
        match outcome.is_answer() {
            true => self.succeeded += 1,
            false => self.rejected += 1,
        }
        self.recorder.complete(client, now, &outcome);
    }
}

#[cfg(test)]
mod tests;
