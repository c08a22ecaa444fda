//! The plots of a run, as SVG, each with a sentence that says what it shows.

mod chart;
mod distribution;
mod over_time;

pub(crate) use distribution::quantile;
pub use distribution::quantile_curves;

use super::history::History;
use super::results::Results;

/// A drawing with the words that belong to it.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its file in the run's directory.
    pub file: &'static str,
    /// What it is.
    pub title: &'static str,
    /// What it shows, for those who cannot see it too.
    pub caption: String,
    /// The drawing.
    pub svg: String,
}

/// Why a plot could not be drawn; does not happen with drawings in memory.
pub type DrawingError = Box<dyn std::error::Error + Send + Sync>;

/// All plots that this run gives material for.
pub fn all(history: &History, results: Results<'_>) -> Result<Vec<Plot>, DrawingError> {
    let mut plots: Vec<_> = distribution::stable_latencies(results)?.into_iter().collect();
    // In virtual time clients may be answered at once.
    if over_time::completed(history).any(|(_, latency)| latency > 0.0) {
        plots.push(over_time::latencies(history)?);
        plots.push(over_time::quantiles(history)?);
    }
    if !history.operations.is_empty() {
        plots.push(over_time::rate(history)?);
    }
    Ok(plots)
}
