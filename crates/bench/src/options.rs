//! Everything that determines a run, as the command line gives it and as `results.json` keeps it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use checkers::stats::Requirement;
use proto::NodeId;
use serde::{Serialize, Serializer};
pub use simulator::{Chance, Numbers, Source};
use simulator::{LatencyDistribution, NetworkOptions, Random};

pub use crate::compat::Compat;
pub use crate::fault::FaultKind;
pub use crate::reseeds::Reseeds;
pub use crate::workload::WorkloadName;
use crate::workload::{Conditions, Settings};

/// The least mean time between steps of the nemesis: where one comes after the other at once, nothing else does.
pub const NEMESIS_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// A run: what to do, to how many nodes, how fast, and with which faults.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Options {
    /// What clients do and what is checked.
    pub workload: WorkloadName,
    /// The names of the nodes.
    pub nodes: Vec<NodeId>,
    /// How many client workers there are.
    pub concurrency: usize,
    /// Mean client operations a second, over the whole cluster.
    pub rate: f64,
    /// How long the main phase lasts, from the first operation on.
    #[serde(serialize_with = "seconds")]
    pub time_limit: Duration,
    /// Mean latency of a message between servers, in milliseconds.
    #[serde(serialize_with = "milliseconds")]
    pub latency: Duration,
    /// How latencies are distributed.
    pub latency_dist: LatencyDistribution,
    /// Probability that a message between servers is lost, all the time.
    pub loss: f64,
    /// Probability that a message between servers arrives twice, all the time.
    pub duplicate: f64,
    /// Probability that a message to or from a client is lost, all the time.
    pub loss_clients: f64,
    /// Whom to follow in what is done better here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compat: Option<Compat>,
    /// The kinds of faults that come and go.
    pub nemesis: Vec<FaultKind>,
    /// Mean seconds between two steps of the nemesis.
    #[serde(serialize_with = "seconds")]
    pub nemesis_interval: Duration,
    /// What part of the operations has to succeed.
    #[serde(serialize_with = "requirement")]
    pub availability: Option<Requirement>,
    /// After the time limit everything is healed and clients go on for so many seconds, in which
    /// every node has to complete an operation.
    #[serde(serialize_with = "seconds")]
    pub settle: Duration,
    /// The pause between healing and the final reads, in seconds.
    #[serde(serialize_with = "seconds")]
    pub recovery_time: Duration,
    /// How many nodes the fault `byzantine` makes so; as many as `(n-1)/3` where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byzantine_nodes: Option<usize>,
    /// Most operations of the main phase.
    pub max_operations: Option<u64>,
    /// Most faults that the nemesis brings.
    pub max_faults: Option<u64>,
    /// Operations of the main phase that nobody asks for, by their numbers from 0; all else is drawn as if
    /// somebody did.
    #[serde(skip_serializing_if = "Numbers::is_empty")]
    pub omit_operations: Numbers,
    /// Faults that the nemesis does not bring, by their numbers from 0; all else is drawn as if it did.
    #[serde(skip_serializing_if = "Numbers::is_empty")]
    pub omit_faults: Numbers,
    /// Messages that are lost, by their numbers from 0, whatever chance says.
    #[serde(skip_serializing_if = "Numbers::is_empty")]
    pub lose_messages: Numbers,
    /// What is left to chance.
    #[serde(skip_serializing_if = "Chance::is_all")]
    pub chance: Chance,
    /// When all chance is drawn anew in the main phase, and from which seeds.
    #[serde(skip_serializing_if = "Reseeds::is_empty")]
    pub reseeds: Reseeds,
    /// Whether the states that nodes go through are noted, which changes nothing in the run.
    #[serde(skip)]
    pub cover: bool,
    /// When a thread of a program in virtual time loses its turn.
    #[serde(skip_serializing_if = "Preempt::is_usual")]
    pub preempt: Preempt,
    /// Decides what a program in virtual time draws before it first reads its input.
    #[serde(skip_serializing_if = "is_zero")]
    pub boot_seed: u64,
    /// Flags of the workload that are not left to their defaults.
    #[serde(skip)]
    pub settings: Settings,
    /// Where all chance comes from.
    pub seed: u64,
}

impl Options {
    /// A run of a workload on `n0` to `n4`, with Maelstrom's defaults.
    pub fn new(workload: WorkloadName) -> Self {
        Self {
            workload,
            nodes: numbered_nodes(5),
            concurrency: workload.default_concurrency(5),
            rate: 5.0,
            time_limit: Duration::from_secs(60),
            latency: Duration::ZERO,
            latency_dist: LatencyDistribution::Constant,
            loss: 0.0,
            duplicate: 0.0,
            loss_clients: 0.0,
            compat: None,
            nemesis: Vec::new(),
            nemesis_interval: Duration::from_secs(10),
            availability: None,
            settle: Duration::ZERO,
            recovery_time: Duration::from_secs(10),
            byzantine_nodes: None,
            max_operations: None,
            max_faults: None,
            omit_operations: Numbers::default(),
            omit_faults: Numbers::default(),
            lose_messages: Numbers::default(),
            chance: Chance::default(),
            reseeds: Reseeds::default(),
            cover: false,
            preempt: Preempt::default(),
            boot_seed: 0,
            settings: Settings::default(),
            seed: 0,
        }
    }

    /// The same with `count` nodes `n0`, `n1`, ... and the workload's concurrency for so many.
    #[must_use]
    pub fn with_nodes(mut self, count: usize) -> Self {
        self.nodes = numbered_nodes(count);
        self.concurrency = self.workload.default_concurrency(count);
        self
    }

    /// The fewest nodes with which the faults mean what they say.
    pub(crate) fn nodes_min(&self) -> usize {
        let has_faults = self.loss + self.duplicate > 0.0 || !self.lose_messages.is_empty();
        let of_links = if has_faults { 2 } else { 1 };
        self.nemesis.iter().map(|kind| kind.nodes_min()).fold(of_links, usize::max)
    }

    /// The nodes that the fault `byzantine` makes so, whenever it comes: what they have said stays said,
    /// and more than these never lie.
    pub fn liars(&self) -> Vec<usize> {
        if !self.nemesis.contains(&FaultKind::Byzantine) {
            return Vec::new();
        }
        let most = self.nodes.len().saturating_sub(1) / 3;
        let count = self.byzantine_nodes.unwrap_or(most);
        let mut liars: Vec<usize> = (0..self.nodes.len()).collect();
        let spared = self.chance.spared(Source::Liars);
        Random::new(self.seed, "byzantine").sparing(spared).shuffle(&mut liars);
        liars.truncate(count);
        liars.sort_unstable();
        liars
    }

    /// Whether it is left to chance what becomes of messages.
    pub(crate) fn draws_fates(&self) -> bool {
        let has_latency =
            self.latency_dist != LatencyDistribution::Constant && !self.latency.is_zero();
        let has_faults = self.nemesis.iter().any(|kind| kind.is_left_to_chance());
        has_latency || has_faults || self.loss + self.duplicate + self.loss_clients > 0.0
    }

    /// Whether messages are lost at random.
    pub(crate) fn loses_at_random(&self) -> bool {
        self.loss + self.loss_clients > 0.0 || self.nemesis.contains(&FaultKind::Loss)
    }

    /// Loses these messages, and leaves nothing else that becomes of messages to chance.
    pub(crate) fn lose_by_name(&mut self, numbers: &[u64]) {
        self.calm_network();
        if self.nemesis.iter().all(|kind| kind.is_left_to_chance()) {
            self.forget_faults();
        }
        // Those that come and go with others would be drawn.
        let spare = if self.draws_fates() { Numbers::only(&[]) } else { Numbers::default() };
        self.chance.spare(Source::Messages, spare);
        self.lose_messages = numbers.iter().copied().collect();
    }

    /// Leaves out all operations but these, which rise and are below `most`.
    pub(crate) fn leave_operations(&mut self, operations: &[u64], most: u64) {
        self.max_operations = Some(most);
        self.omit_operations = Numbers::all_but(operations, most);
    }

    /// Takes away what is drawn for each message all the time.
    pub(crate) fn calm_network(&mut self) {
        (self.loss, self.duplicate, self.loss_clients) = (0.0, 0.0, 0.0);
        self.latency_dist = LatencyDistribution::Constant;
    }

    /// Takes all faults that come and go away.
    pub(crate) fn forget_faults(&mut self) {
        self.nemesis = Vec::new();
        (self.max_faults, self.omit_faults) = (None, Numbers::default());
    }

    /// How many operations the main phase has at most, and how many faults the run has, where that is said;
    /// each message that is to be lost is one.
    pub fn size(&self) -> (Option<u64>, Option<u64>) {
        let faults = if self.nemesis.is_empty() { Some(0) } else { self.max_faults };
        (
            self.max_operations.map(|most| self.omit_operations.left_below(most)),
            faults.map(|most| {
                self.omit_faults.left_below(most).saturating_add(self.lose_messages.count())
            }),
        )
    }

    /// What the workload needs to know.
    pub fn conditions(&self) -> Conditions<'_> {
        Conditions {
            nodes: &self.nodes,
            concurrency: self.concurrency,
            latency: self.latency,
            compat: self.compat,
            settings: &self.settings,
        }
    }

    /// What the network model needs to know.
    pub fn network(&self) -> NetworkOptions {
        NetworkOptions {
            latency: self.latency,
            distribution: self.latency_dist,
            loss: self.loss,
            duplicate: self.duplicate,
            loss_clients: self.loss_clients,
            in_turn: self.compat == Some(Compat::Maelstrom),
            chance: self.chance.clone(),
            lost: self.lose_messages.clone(),
        }
    }
}

/// When a thread of a program in virtual time loses its turn before it waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preempt {
    /// At each system call that stops, with this chance in thousandths.
    Calls(u32),
    /// Now and then, and after a number of single instructions that is drawn as well, so that threads
    /// change places between calls too.
    Deep,
}

impl Preempt {
    /// Whether this is what holds if nothing is said.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Preempt {
    fn default() -> Self {
        Self::Calls(20)
    }
}

impl fmt::Display for Preempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls(share) => write!(f, "{share}"),
            Self::Deep => f.write_str("deep"),
        }
    }
}

impl FromStr for Preempt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("deep", _) => Ok(Self::Deep),
            (_, Ok(share)) if share <= 1000 => Ok(Self::Calls(share)),
            _ => Err("has to be a number of thousandths, from 0 to 1000, or `deep`".to_owned()),
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// `n0`, `n1`, ... as Maelstrom names them with `--node-count`.
pub fn numbered_nodes(count: usize) -> Vec<NodeId> {
    (0..count).map(|index| NodeId::new(&format!("n{index}"))).collect()
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1e3)
}

fn requirement<S: Serializer>(
    required: &Option<Requirement>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match required {
        None => serializer.serialize_none(),
        Some(Requirement::Total) => serializer.serialize_str("total"),
        Some(Requirement::Fraction(fraction)) => serializer.serialize_f64(*fraction),
    }
}
