//! The plots of a run, as SVG, each with a sentence that says what it shows.

pub(super) mod chart;
mod distribution;
mod over_time;

pub(crate) use distribution::quantile;
pub use distribution::quantile_curves;

use super::faults::Fault;
use crate::history::History;

/// A drawing with the words that belong to it.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its file in the run's directory.
    pub file: String,
    /// What it is.
    pub title: String,
    /// What it shows, for those who cannot see it too.
    pub caption: String,
    /// The drawing.
    pub svg: String,
}

/// Why a plot could not be drawn; does not happen with drawings in memory.
pub type DrawingError = Box<dyn std::error::Error + Send + Sync>;

/// The plots of latencies and rates that this run gives material for.
pub fn all(history: &History, faults: &[Fault]) -> Result<Vec<Plot>, DrawingError> {
    let mut plots = Vec::new();
    // In virtual time clients may be answered at once.
    if over_time::completed(history).any(|(_, latency)| latency > 0.0) {
        plots.push(over_time::latencies(history, faults)?);
        plots.push(over_time::quantiles(history, faults)?);
    }
    if !history.operations.is_empty() {
        plots.push(over_time::rate(history, faults)?);
    }
    Ok(plots)
}
