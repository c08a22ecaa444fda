//! What a check comes to: verdict, anomalies, and the models that are ruled out.

use std::collections::BTreeMap;

use super::anomaly::Anomaly;
use super::call::Call;
use super::graph::{Edge, Graph};
use super::kind::{Kind, Order};
use super::model::{Model, boundary, order_needed, ruled_out};
use super::order::{process_edges, realtime_edges};
use super::search::{PATIENCE, Step as RawStep, cycles};
use super::versions::Versions;
use super::wording::Wording;
use crate::Verdict;

/// How many anomalies of each kind are explained; all are counted.
pub const EXAMPLES_MAX: usize = 16;

/// What a history is checked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The consistency models that must hold. They also decide how far the search goes: process
    /// order and real time are looked at only if one of the models speaks of them.
    pub models: Vec<Model>,
}

impl Default for Options {
    /// Strict serializability.
    fn default() -> Self {
        Self { models: vec![Model::STRICT_SERIALIZABLE] }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Invalid if an anomaly rules out one of the models asked for; unknown if no transaction
    /// depends on another.
    pub verdict: Verdict,
    /// Everything that was found, also what the models asked for allow.
    pub anomalies: BTreeMap<Kind, Found>,
    /// The weakest models that are ruled out (Elle's `not`).
    pub not: Vec<Model>,
    /// The other models that are ruled out with them (Elle's `also-not`).
    pub also_not: Vec<Model>,
}

impl Analysis {
    /// Whether the history cannot have come from a system of this model.
    #[must_use]
    pub fn rules_out(&self, model: Model) -> bool {
        self.not.contains(&model) || self.also_not.contains(&model)
    }
}

/// The anomalies of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many there are; of cycles, how many groups of transactions that are entangled have one.
    pub count: usize,
    /// The first [`EXAMPLES_MAX`] of them.
    pub examples: Vec<Anomaly>,
}

/// Anomalies while they are gathered.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    by_kind: BTreeMap<Kind, Found>,
}

impl Findings {
    /// Counts an anomaly, and keeps it if there is room.
    pub(super) fn add(&mut self, kind: Kind, anomaly: impl FnOnce() -> Anomaly) {
        let found = self.by_kind.entry(kind).or_default();
        found.count += 1;
        if found.examples.len() < EXAMPLES_MAX {
            found.examples.push(anomaly());
        }
    }

    /// Searches the graph of the data dependencies in `edges`, and whatever order the models need,
    /// for cycles, and sums up. Auxiliary nodes go up to `nodes`.
    pub(super) fn finish<K: std::fmt::Display, V: std::fmt::Display>(
        mut self,
        versions: &Versions<K, V>,
        mut edges: Vec<Edge>,
        mut nodes: u32,
        options: &Options,
        wording: Wording,
    ) -> Analysis {
        let highest = order_needed(&options.models);
        add_order(&versions.calls, highest, &mut edges, &mut nodes);
        let is_empty = edges.is_empty();
        let graph = Graph::new(versions.calls.len() as u32, nodes, &edges);
        drop(edges);
        let mut cyclic = graph.components(u8::MAX).cyclic;
        cyclic.sort_unstable_by_key(|component| component[0]);
        let mut local = vec![super::versions::NONE; graph.nodes() as usize];
        for component in cyclic {
            for cycle in cycles(&graph.induced(&component, &mut local), highest, PATIENCE) {
                let global = |node: u32| component[node as usize];
                let steps: Vec<RawStep> = cycle
                    .steps
                    .iter()
                    .map(|step| RawStep { from: global(step.from), to: global(step.to), ..*step })
                    .collect();
                self.add(cycle.kind, || wording.cycle(cycle.kind, &steps, versions));
            }
        }
        if is_empty {
            self.add(Kind::EmptyTransactionGraph, || Anomaly {
                explanation: "No transaction depends on another, so nothing can be said."
                    .to_owned(),
                ..Anomaly::default()
            });
        }
        self.sum_up(options)
    }

    fn sum_up(self, options: &Options) -> Analysis {
        let kinds = || self.by_kind.keys().copied();
        let (not, also_not) = boundary(&ruled_out(kinds()));
        let verdict = if kinds().any(|kind| options.models.iter().any(|model| model.forbids(kind)))
        {
            Verdict::Invalid
        } else if self.by_kind.contains_key(&Kind::EmptyTransactionGraph) {
            Verdict::Unknown
        } else {
            Verdict::Valid
        };
        Analysis { verdict, anomalies: self.by_kind, not, also_not }
    }
}

fn add_order(calls: &[Call], highest: Order, edges: &mut Vec<Edge>, nodes: &mut u32) {
    if highest >= Order::Process {
        process_edges(calls, edges);
    }
    if highest >= Order::Realtime {
        realtime_edges(calls, edges, nodes);
    }
}
