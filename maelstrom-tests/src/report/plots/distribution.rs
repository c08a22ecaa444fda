//! How a figure is distributed: quantile curves of several runs.

use super::DrawingError;
use super::chart::{Along, Axes, Entry, Scale, Shape, draw_line, frame, picture};
use crate::report::palette;
use crate::report::text;

/// The value at place floor(n · p), at most n - 1, of sorted values, as Jepsen takes it.
pub(crate) fn quantile(sorted: &[f64], point: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = ((sorted.len() as f64 * point) as usize).min(last);
    sorted.get(place).copied().unwrap_or(0.0)
}

/// Quantile curves of several runs in one plot; each run is a name and its latencies in
/// milliseconds in ascending order.
pub fn quantile_curves(runs: &[(String, Vec<f64>)]) -> Result<String, DrawingError> {
    let all = runs.iter().flat_map(|(_, latencies)| latencies.iter().copied());
    // The horizontal axis counts nines, so that the slow end, which matters, has room.
    let (most, unit) = (3.0, String::new());
    let axes = Axes { unit, ..Axes::latencies(most, all) };
    let legend: Vec<_> = runs
        .iter()
        .zip(palette::SERIES)
        .map(|((name, _), colour)| Entry { text: name.clone(), colour, shape: Shape::Line })
        .collect();
    let labelled = [0.0, 0.5, 0.9, 0.95, 0.99, 0.995, 0.999].map(|part: f64| -(1.0 - part).log10());
    let nines = Scale { low: 0.0, high: most, labelled: labelled.into() };
    picture(&legend, |area| {
        let label =
            |nines: &f64| format!("{} %", text::decimal(100.0 - 100.0 * 10_f64.powf(-nines)));
        frame(
            area,
            &axes,
            &[],
            Along {
                scale: nines,
                title: "part of the operations that took no longer",
                label: &label,
            },
            |area, place| {
                for ((_, latencies), colour) in runs.iter().zip(palette::SERIES) {
                    let steps = (0..=120).map(|step| f64::from(step) * most / 120.0);
                    let line = steps
                        .map(|nines| place(nines, quantile(latencies, 1.0 - 10_f64.powf(-nines))));
                    draw_line(area, line, colour)?;
                }
                Ok(())
            },
        )
    })
}
