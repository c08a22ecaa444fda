//! `--expect 'msgs-per-op<30'`: limits on figures of the results that become part of the verdict.

pub mod figures;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::options::WorkloadName;

/// A limit on one figure.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    text: String,
    figure: String,
    relation: Relation,
    limit: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
}

/// How a figure stands to its limit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// The expectation as it was given.
    pub expected: String,
    /// What was measured, if there is such a figure.
    pub measured: Option<f64>,
    /// Whether it holds. A figure that does not exist holds nothing.
    #[serde(rename = "valid?")]
    pub holds: bool,
    /// A sentence for people.
    pub text: String,
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not of the form FIGURE<NUMBER, such as `msgs-per-op<30` or `p50<=400ms`"
            )
        };
        let at = text.find(['<', '>', '=']).ok_or_else(wrong)?;
        let (figure, rest) = text.split_at(at);
        let relations = [
            ("<=", Relation::AtMost),
            (">=", Relation::AtLeast),
            ("==", Relation::Equal),
            ("<", Relation::Less),
            (">", Relation::Greater),
            ("=", Relation::Equal),
        ];
        let (relation, limit) = relations
            .iter()
            .find_map(|(sign, relation)| Some((*relation, rest.strip_prefix(sign)?.trim())))
            .ok_or_else(wrong)?;
        // Latencies are in milliseconds.
        let (number, unit) = match limit.strip_suffix("ms") {
            Some(number) => (number, 1.0),
            None => match limit.strip_suffix('s') {
                Some(number) => (number, 1000.0),
                None => (limit, 1.0),
            },
        };
        let limit: f64 = number.trim().parse().map_err(|_| wrong())?;
        let figure = figure.trim().to_owned();
        if figure.is_empty() {
            return Err(wrong());
        }
        Ok(Self { text: text.to_owned(), figure, relation, limit: limit * unit })
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expectation {
    /// Whether runs of this workload have such a figure, which is known before any is made.
    ///
    /// # Errors
    /// A sentence, and all figures there are.
    pub fn check(&self, workload: WorkloadName) -> Result<(), String> {
        if figures::is_known(workload, &self.figure) {
            return Ok(());
        }
        let (figure, name) = (&self.figure, workload.as_str());
        let known = figures::table(workload);
        Err(format!("there is no figure `{figure}` in a run of {name}; there are:\n{known}"))
    }

    /// Whether it is about how often something happened that nodes say should happen sometimes.
    pub fn is_of_condition(&self) -> bool {
        self.figure.starts_with("sometimes.")
    }

    /// Holds the figure against its limit.
    pub fn judge(&self, results: &Map<String, Value>, workload: WorkloadName) -> Outcome {
        let measured = self.find(results, workload);
        let holds = measured.is_some_and(|measured| match self.relation {
            Relation::Less => measured < self.limit,
            Relation::AtMost => measured <= self.limit,
            Relation::Greater => measured > self.limit,
            Relation::AtLeast => measured >= self.limit,
            Relation::Equal => measured == self.limit,
        });
        let text = match measured {
            None => format!("expected {}, but there is no such figure", self.text),
            Some(measured) => {
                format!("expected {}, measured {}", self.text, rounded(measured, self.limit))
            }
        };
        Outcome { expected: self.text.clone(), measured, holds, text }
    }

    fn find(&self, results: &Map<String, Value>, workload: WorkloadName) -> Option<f64> {
        look_up(results, figures::path(workload, &self.figure))
    }
}

/// A figure with three digits after the point, or as many more as show on which side of its limit
/// it is.
fn rounded(measured: f64, limit: f64) -> f64 {
    (3..17)
        .filter_map(|digits| format!("{measured:.digits$}").parse::<f64>().ok())
        .find(|rounded| rounded.partial_cmp(&limit) == measured.partial_cmp(&limit))
        .unwrap_or(measured)
}

/// A number in nested maps. A path's names are joined by dots and may hold dots themselves.
pub fn look_up(map: &Map<String, Value>, path: &str) -> Option<f64> {
    if let Some(value) = map.get(path) {
        return match value {
            Value::Bool(value) => Some(f64::from(u8::from(*value))),
            value => value.as_f64(),
        };
    }
    path.match_indices('.')
        .find_map(|(dot, _)| look_up(map.get(&path[..dot])?.as_object()?, &path[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::registry::named;

    fn judge(expectation: &str, workload: WorkloadName) -> (Option<f64>, bool) {
        let results = serde_json::json!({
            "net": { "servers": { "msgs-per-op": 29.5 } },
            "latencies": { "p50": 12.0 },
            "workload": { "lost-count": 0, "stable-latencies": { "0.5": 399, "1": 600 } },
        });
        let outcome = expectation
            .parse::<Expectation>()
            .unwrap()
            .judge(results.as_object().unwrap(), workload);
        (outcome.measured, outcome.holds)
    }

    #[test]
    fn figures_are_held_against_their_limits() {
        let [broadcast, lin_kv] = ["broadcast", "lin-kv"].map(named);
        assert_eq!(judge("msgs-per-op<30", broadcast), (Some(29.5), true));
        assert_eq!(judge("msgs-per-op < 29.5", broadcast), (Some(29.5), false));
        assert_eq!(judge("p50<400ms", broadcast), (Some(399.0), true));
        assert_eq!(judge("max<0.6s", broadcast), (Some(600.0), false));
        assert_eq!(judge("max<=0.6s", broadcast), (Some(600.0), true));
        assert_eq!(judge("p50>10", lin_kv), (Some(12.0), true));
        assert_eq!(judge("workload.lost-count=0", broadcast), (Some(0.0), true));
        assert_eq!(judge("workload.stable-latencies.0.5>=399", broadcast), (Some(399.0), true));
    }

    #[test]
    fn a_figure_is_told_as_exactly_as_its_limit_asks_for() {
        for (measured, limit, told) in [
            (23.379_310_344_827_587, 20.0, "23.379"),
            (1.000_04, 1.0, "1.00004"),
            (0.999_999_4, 1.0, "0.999999"),
            (1.0, 1.0, "1"),
            (1e300, 1.0, "1e300"),
        ] {
            let told: f64 = told.parse().unwrap();
            assert_eq!(rounded(measured, limit).to_string(), told.to_string());
        }
    }

    #[test]
    fn a_figure_that_does_not_exist_holds_nothing() {
        assert_eq!(judge("workload.absurd>=0", named("echo")), (None, false));
    }

    #[test]
    fn what_is_no_expectation_is_refused() {
        for text in ["", "p50", "<3", "p50<", "p50<many", "p50~3"] {
            assert!(text.parse::<Expectation>().is_err(), "{text}");
        }
    }
}
