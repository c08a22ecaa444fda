//! Values over the time of a run.

use serde::{Deserialize, Serialize};

/// Points over time, in groups; the faults of the run are shaded behind them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Series {
    /// What the vertical axis has.
    pub axis: String,
    /// What stands beside 0, 1, 2 ... on that axis; if there are none, the numbers.
    pub places: Vec<String>,
    /// The points.
    pub groups: Vec<Group>,
}

/// Points that belong together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Group {
    /// What they are.
    pub name: String,
    /// How they are drawn.
    pub style: Style,
    /// Nanoseconds since the run started, and the value.
    pub points: Vec<(u64, f64)>,
}

/// How a group of points is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// Each by itself.
    Marks,
    /// Joined in their order.
    Line,
    /// Each by itself, as what is wrong.
    Wrong,
}
