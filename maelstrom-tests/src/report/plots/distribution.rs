//! How a figure is distributed: quantile curves of several runs, and the spread of stable latencies.

use std::fmt::Display;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Along, Axes, Entry, SIZE, Scale, Shape, TEXT_SIZE, draw_line, frame, picture};
use super::{DrawingError, Plot};
use crate::report::palette::{self, Colour};
use crate::report::results::{Results, percent};
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
    let (most, unit) = (3.0, "");
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

/// For set workloads, how long it took until everybody saw an element.
pub(super) fn stable_latencies(results: Results<'_>) -> Result<Option<Plot>, DrawingError> {
    let spread = results.at(&["workload", "stable-latencies"]);
    let points: Vec<(String, f64)> =
        [("0", "min"), ("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"), ("1", "max")]
            .into_iter()
            .filter_map(|(point, name)| Some((name.to_owned(), spread.get(point)?.as_f64()?)))
            .collect();
    if points.is_empty() {
        return Ok(None);
    }
    let svg = bars(&points, "ms", palette::SERIES[0])?;
    let stable = results.at(&["workload", "stable-count"]).as_u64().unwrap_or(0);
    let stale = results.at(&["workload", "stale-count"]).as_u64().unwrap_or(0);
    let share = if stable == 0 { 1.0 } else { 1.0 - stale as f64 / stable as f64 };
    let values: Vec<_> = points
        .iter()
        .map(|(name, value)| format!("{name} {}", text::milliseconds(*value)))
        .collect();
    let caption = format!(
        "How long after an element was known a read could still miss it: {}. {} of {} stable \
         elements were never missed ({}).",
        values.join(", "),
        text::grouped(stable.saturating_sub(stale)),
        text::grouped(stable),
        percent(share)
    );
    Ok(Some(Plot {
        file: "stable-latencies.svg",
        title: "Spread of stable latencies",
        caption,
        svg,
    }))
}

/// Horizontal bars with their values written beside them.
fn bars<N: Display>(
    points: &[(N, f64)],
    unit: &str,
    colour: Colour,
) -> Result<String, DrawingError> {
    const BAR: u32 = 34;
    let highest = points.iter().map(|point| point.1).fold(0.0, f64::max).max(1e-9);
    let mut svg = String::new();
    {
        let size = (SIZE.0, BAR * points.len() as u32 + 12);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&palette::GROUND.rgb())?;
        let ink = palette::INK.rgb();
        let style = ("sans-serif", TEXT_SIZE).into_font().color(&ink);
        for (row, (name, value)) in (0_i32..).zip(points) {
            let (top, left) = (row * BAR as i32 + 8, 64);
            let length = (value / highest * f64::from(SIZE.0 - 220)) as i32;
            let name_style = style.clone().pos(Pos::new(HPos::Right, VPos::Center));
            root.draw(&Text::new(name.to_string(), (left - 10, top + 12), name_style))?;
            let bar = [(left, top), (left + length.max(2), top + 24)];
            root.draw(&Rectangle::new(bar, colour.rgb().mix(0.8).filled()))?;
            let value_style = style.clone().pos(Pos::new(HPos::Left, VPos::Center));
            let value = format!("{} {unit}", text::decimal(*value));
            root.draw(&Text::new(value, (left + length + 10, top + 12), value_style))?;
        }
        root.present()?;
    }
    Ok(svg)
}
