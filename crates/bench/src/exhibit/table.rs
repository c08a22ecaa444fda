//! Names with numbers.

use serde::{Deserialize, Serialize};

/// A few numbers that are held against each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    /// What they are numbers of, such as `ms`.
    pub unit: String,
    /// Name and number.
    pub rows: Vec<(String, f64)>,
}
