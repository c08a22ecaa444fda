//! What a run came to, in the few words that a sweep and the shrinker need.

use std::fmt;

use checkers::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::Results;
use crate::world::ProblemKind;

/// What a run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All is well.
    Valid,
    /// Nobody can say; why.
    Unknown(String),
    /// It failed.
    Invalid(Failure),
}

/// How a run failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What part of the verdict failed, the gravest one if there are several.
    pub kind: FailureKind,
    /// The first cause, for people.
    pub cause: String,
}

impl Failure {
    /// Whether this run failed in the way in which another one did: in the same part of the verdict, for a
    /// cause that differs in its numbers only, and where that is a list of what was found, for some of it.
    pub fn is_like(&self, other: &Self) -> bool {
        let [(kind, cause), (other_kind, other_cause)] = [self, other].map(Self::sort);
        let [(head, found), (other_head, all)] = [&cause, &other_cause].map(|cause| parts(cause));
        kind == other_kind
            && head == other_head
            && found.split(", ").all(|one| all.split(", ").any(|other| other == one))
    }

    /// What failures that are alike have in common, and others have not.
    pub fn sort(&self) -> (FailureKind, String) {
        (self.kind, shape(&self.cause))
    }
}

/// A cause before and after its last colon.
fn parts(cause: &str) -> (&str, &str) {
    cause.rsplit_once(": ").unwrap_or(("", cause))
}

/// A text with every number in it made the same, without how often it was so.
pub fn shape(text: &str) -> String {
    let shape = without_numbers(text);
    shape.strip_suffix(" (# times)").map(str::to_owned).unwrap_or(shape)
}

fn without_numbers(text: &str) -> String {
    let mut shape = String::new();
    for character in text.chars() {
        match character {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => shape.push('#'),
            other => shape.push(other),
        }
    }
    shape
}

/// What can fail, the gravest first: a shrunk run has to fail in the same part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The node's logic panicked (virtual time only).
    Panic,
    /// The run never got to its first operation.
    SetUp,
    /// What must hold at every moment did not.
    Invariant,
    /// What the clients saw is wrong.
    Workload,
    /// A node wrote garbage, died, or the like.
    Node,
    /// A node did nothing after everything was healed.
    Unsettled,
    /// Too many operations failed.
    Availability,
    /// Not one operation of some function succeeded.
    Stats,
    /// A figure is beyond its limit.
    Expectation,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panic => "panic",
            Self::SetUp => "set-up",
            Self::Invariant => "invariant",
            Self::Workload => "workload",
            Self::Node => "node",
            Self::Unsettled => "unsettled",
            Self::Availability => "availability",
            Self::Stats => "stats",
            Self::Expectation => "expectation",
        })
    }
}

impl Outcome {
    /// A failure of this kind.
    pub fn invalid(kind: FailureKind, cause: impl Into<String>) -> Self {
        Self::Invalid(Failure { kind, cause: cause.into() })
    }

    /// What these results come to.
    pub fn of(results: &Results) -> Self {
        let first = results.judgement.causes.first();
        let cause = || first.map_or_else(|| "no cause was given".to_owned(), String::clone);
        match results.verdict() {
            Verdict::Valid => Self::Valid,
            Verdict::Unknown => Self::Unknown(cause()),
            Verdict::Invalid => Self::invalid(gravest(results), cause()),
        }
    }

    /// The failure, if it is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Invalid(failure) => Some(failure),
            Self::Valid | Self::Unknown(_) => None,
        }
    }
}

fn gravest(results: &Results) -> FailureKind {
    let has = |kind| results.problems.iter().any(|problem| problem.kind == kind);
    let is_invalid = |verdict: Option<Verdict>| verdict == Some(Verdict::Invalid);
    if has(ProblemKind::NotStarted) {
        FailureKind::SetUp
    } else if has(ProblemKind::Panicked) {
        FailureKind::Panic
    } else if has(ProblemKind::Invariant) {
        FailureKind::Invariant
    } else if results.workload["valid?"] == Value::Bool(false) {
        FailureKind::Workload
    } else if results.problems.iter().any(|problem| problem.kind.is_fatal()) {
        FailureKind::Node
    } else if !results.unsettled.is_empty() {
        FailureKind::Unsettled
    } else if is_invalid(results.availability.map(|availability| availability.verdict)) {
        FailureKind::Availability
    } else if is_invalid(results.stats.as_ref().map(|stats| stats.all.verdict)) {
        FailureKind::Stats
    } else {
        FailureKind::Expectation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problem(kind: &str) -> Value {
        json!({"node": "n1", "time": 0, "kind": kind, "text": "", "count": 1})
    }

    fn kind(json: Value) -> FailureKind {
        let mut results: Results = serde_json::from_value(json).unwrap();
        results.valid = Some(Verdict::Invalid);
        let outcome = Outcome::of(&results);
        outcome.failure().unwrap().kind
    }

    #[test]
    fn failures_are_alike_that_differ_in_numbers_only() {
        use FailureKind::{Stats, Workload};
        let failure = |kind, cause: &str| Failure { kind, cause: cause.to_owned() };
        let lost = failure(Workload, "3 of 120 elements were there and are gone");
        let fewer = failure(Workload, "1 of 7 elements were there and are gone");
        let twice = failure(Workload, "1 elements came twice in one read");
        assert!(lost.is_like(&fewer) && fewer.is_like(&lost));
        assert!(!lost.is_like(&twice));
        assert!(!lost.is_like(&failure(Stats, &lost.cause)));
        // How often an invariant did not hold says nothing.
        let once = failure(Workload, "n1: two leaders in term 3");
        let often = failure(Workload, "n2: two leaders in term 17 (61 times)");
        assert!(once.is_like(&often) && often.is_like(&once) && once.sort() == often.sort());
    }

    #[test]
    fn a_failure_with_some_of_the_anomalies_of_another_is_like_it_but_not_one_with_others() {
        let failure =
            |cause: &str| Failure { kind: FailureKind::Workload, cause: cause.to_owned() };
        let both = failure("not strict-serializable: G0 (2), G-single-item (14)");
        let one = failure("not strict-serializable: G-single-item (1)");
        assert!(one.is_like(&both) && !both.is_like(&one) && both.is_like(&both));
        for other in ["not strict-serializable: G2-item (1)", "not serializable: G0 (2)", "G0 (2)"]
        {
            assert!(!failure(other).is_like(&both), "{other}");
        }
    }

    #[test]
    fn the_gravest_part_gives_the_kind() {
        let results = json!({
            "problems": [problem("late-reply"), problem("invariant")],
            "workload": {"valid?": false},
            "unsettled": ["n1"],
            "availability": {"valid?": false, "ok-fraction": 0.5},
            "stats": {"valid?": false},
        });
        let without = |names: &[&str]| {
            let mut results = results.clone();
            names.iter().for_each(|name| drop(results.as_object_mut().unwrap().remove(*name)));
            kind(results)
        };
        assert_eq!(without(&[]), FailureKind::Invariant);
        assert_eq!(without(&["problems"]), FailureKind::Workload);
        assert_eq!(without(&["problems", "workload"]), FailureKind::Unsettled);
        let healthy = ["problems", "workload", "unsettled"];
        assert_eq!(without(&healthy), FailureKind::Availability);
        assert_eq!(kind(json!({"stats": {"valid?": false}})), FailureKind::Stats);
        assert_eq!(kind(json!({"workload": {"valid?": "unknown"}})), FailureKind::Expectation);
        assert_eq!(kind(json!({"problems": [problem("died")]})), FailureKind::Node);
        assert_eq!(kind(json!({"problems": [problem("panicked")]})), FailureKind::Panic);
        assert_eq!(kind(json!({"problems": [problem("other-source")]})), FailureKind::Expectation);
        assert_eq!(
            kind(json!({"problems": [problem("died"), problem("not-started")]})),
            FailureKind::SetUp
        );
    }
}
