//! Explanations that a person understands.

use std::fmt::Display;

use super::anomaly::{Anomaly, Dependency, Step};
use super::kind::Kind;
use super::search::Step as RawStep;
use super::versions::{NONE, Versions};

/// What the objects are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// Lists that are appended to.
    List,
    /// Registers.
    Register,
}

impl Wording {
    /// An anomaly that is about one version of one key.
    pub(super) fn anomaly<K: Display, V: Display>(
        versions: &Versions<K, V>,
        version: u32,
        transactions: &[u32],
        explanation: String,
    ) -> Anomaly {
        Anomaly {
            transactions: transactions.iter().map(|&id| id as usize).collect(),
            key: Some(versions.key_name(version)),
            steps: Vec::new(),
            explanation,
        }
    }

    /// A cycle with its proof.
    pub(super) fn cycle<K: Display, V: Display>(
        self,
        kind: Kind,
        steps: &[RawStep],
        versions: &Versions<K, V>,
    ) -> Anomaly {
        let steps: Vec<Step> = steps.iter().map(|step| self.step(step, versions)).collect();
        let because: Vec<String> = steps
            .iter()
            .map(|step| format!("T{} comes before T{}: {}", step.from, step.to, step.explanation))
            .collect();
        Anomaly {
            transactions: steps.iter().map(|step| step.from).collect(),
            key: None,
            explanation: format!(
                "{kind}: {}. {}. So T{} would have to come before itself.",
                kind.description(),
                because.join(". "),
                steps[0].from
            ),
            steps,
        }
    }

    fn step<K: Display, V: Display>(self, step: &RawStep, versions: &Versions<K, V>) -> Step {
        let known = |version: u32| (version != NONE).then_some(version);
        let value = |version: u32| known(version).and_then(|version| versions.value(version));
        let (before, after) = (value(step.before), value(step.after));
        let key = known(step.before)
            .or_else(|| known(step.after))
            .map(|version| versions.key_name(version));
        let dependency = Dependency::from(step.label);
        Step {
            from: step.from as usize,
            to: step.to as usize,
            dependency,
            explanation: self.explain(step, dependency, [&key, &before, &after], versions),
            key,
            before,
            after,
        }
    }

    fn explain<K, V>(
        self,
        step: &RawStep,
        dependency: Dependency,
        [key, before, after]: [&Option<String>; 3],
        versions: &Versions<K, V>,
    ) -> String {
        let RawStep { from, to, .. } = step;
        let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "nothing".to_owned());
        let (k, b, a) = (text(key), text(before), text(after));
        let calls = [&versions.calls[*from as usize], &versions.calls[*to as usize]];
        match (dependency, self, before.is_some()) {
            (Dependency::WriteWrite, Self::List, _) => {
                format!("T{to} appended {a} to key {k} after T{from} had appended {b}")
            }
            (Dependency::WriteWrite, Self::Register, _) => {
                format!("T{to} set key {k} to {a} after T{from} had set it to {b}")
            }
            (Dependency::WriteRead, Self::List, _) => {
                format!("T{to} read T{from}'s append of {b} to key {k}")
            }
            (Dependency::WriteRead, Self::Register, _) => {
                format!("T{to} read {b} from key {k}, which T{from} wrote")
            }
            (Dependency::ReadWrite, Self::List, true) => {
                format!("T{from} read key {k} up to {b} and did not see that T{to} appended {a}")
            }
            (Dependency::ReadWrite, Self::List, false) => {
                format!("T{from} read key {k} as empty and did not see that T{to} appended {a}")
            }
            (Dependency::ReadWrite, Self::Register, true) => {
                format!("T{from} read {b} from key {k}, which T{to} replaced by {a}")
            }
            (Dependency::ReadWrite, Self::Register, false) => {
                format!("T{from} read key {k} as unset, and T{to} set it to {a}")
            }
            (Dependency::Process, ..) => {
                format!("process {} did T{from} and then T{to}", calls[0].process)
            }
            (Dependency::Realtime, ..) => format!(
                "T{from} had returned (event {}) when T{to} began (event {})",
                calls[0].completed, calls[1].invoked
            ),
        }
    }
}
