//! Latencies, their quantiles and rates over the time of a run.

use std::collections::{BTreeMap, HashSet};

use checkers::Kind;
use plotters::prelude::*;

use super::chart::{
    Axes, Entry, LATENCY_LOW, Shape, draw_line, draw_mark, fault_entries, fault_kinds, local,
    over_time, picture,
};
use super::distribution::quantile;
use super::{DrawingError, Plot};
use crate::history::{History, Operation};
use crate::report::faults::Fault;
use crate::report::{palette, text};

/// Points of a plot that fall into the same square of this many pixels are drawn once.
const POINT_GRID: f64 = 3.0;
/// Quantiles over time are those of about so many windows.
const QUANTILE_WINDOWS: u64 = 30;
/// Rates over time are those of at most about so many windows, with so many operations in each.
const RATE_WINDOWS: u64 = 60;
const RATE_OPERATIONS: u64 = 25;
/// The curves of quantiles over time.
const QUANTILES: [(f64, &str); 4] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99"), (1.0, "max")];
fn span(history: &History) -> f64 {
    (history.end as f64 / 1e9).max(0.001)
}

fn ms(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// Completed operations with their latencies in milliseconds.
pub(super) fn completed(history: &History) -> impl Iterator<Item = (&Operation, f64)> {
    history.operations.iter().filter_map(|operation| Some((operation, ms(operation.latency()?))))
}

pub(super) fn latencies(history: &History, faults: &[Fault]) -> Result<Plot, DrawingError> {
    let mut counts: BTreeMap<(usize, Kind), usize> = BTreeMap::new();
    for (operation, _) in completed(history) {
        *counts.entry((operation.function, operation.outcome)).or_default() += 1;
    }
    let legend: Vec<_> = counts
        .keys()
        .map(|&(function, outcome)| Entry {
            text: format!("{} {}", history.functions[function], palette::name(outcome)),
            colour: palette::outcome(outcome, function),
            shape: Shape::Point(function),
        })
        .chain(fault_entries(faults))
        .collect();
    let axes = Axes::latencies(span(history), completed(history).map(|(_, latency)| latency));
    let svg = picture(&legend, |area| {
        over_time(area, &axes, faults, |area, place| {
            let mut taken = HashSet::new();
            for (operation, latency) in completed(history) {
                let pixel = place(operation.invoked.time as f64 / 1e9, latency);
                let square = |pixel: i32| (f64::from(pixel) / POINT_GRID) as i32;
                let kind = (operation.function, operation.outcome);
                if taken.insert((square(pixel.0), square(pixel.1), kind)) {
                    let colour = palette::outcome(operation.outcome, operation.function).rgb();
                    draw_mark(area, local(area, pixel), operation.function, &colour)?;
                }
            }
            Ok(())
        })
    })?;
    let is_low = completed(history).any(|(_, latency)| latency < LATENCY_LOW);
    let parts: Vec<_> = counts
        .iter()
        .map(|(&(function, outcome), &count)| {
            format!(
                "{} {} {}",
                text::grouped(count),
                history.functions[function],
                palette::name(outcome)
            )
        })
        .collect();
    let caption = format!(
        "Each mark is an operation at the time when it began: {}. {} Marks that fall on each other \
         are drawn once.{}",
        parts.join(", "),
        say_faults(faults),
        if is_low { " What took less than 0.01 ms stands at the bottom." } else { "" }
    );
    Ok(Plot {
        file: "latency-raw.svg".to_owned(),
        title: "Latency of operations".to_owned(),
        caption,
        svg,
    })
}

fn say_faults(faults: &[Fault]) -> String {
    if faults.is_empty() {
        return "There were no faults.".to_owned();
    }
    let kinds = fault_kinds(faults).into_iter().map(|kind| {
        let count = faults.iter().filter(|fault| fault.name == kind).count();
        format!("{kind} ({count}×)")
    });
    format!("Shaded, and in strips above: {}.", kinds.collect::<Vec<_>>().join(", "))
}

/// The length of a window in nanoseconds: 1, 2 or 5 times a power of ten, so that there are about
/// so many in the run.
fn window_length(history: &History, windows: u64) -> u64 {
    let least = (history.end / windows).max(1);
    let power = 10_u64.pow(least.ilog10());
    [1, 2, 5, 10]
        .into_iter()
        .map(|factor| factor * power)
        .find(|&length| length >= least)
        .unwrap_or(least)
}

pub(super) fn quantiles(history: &History, faults: &[Fault]) -> Result<Plot, DrawingError> {
    let length = window_length(history, QUANTILE_WINDOWS);
    let mut windows: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (operation, latency) in completed(history).filter(|(op, _)| op.outcome == Kind::Ok) {
        windows.entry(operation.invoked.time / length).or_default().push(latency);
    }
    let all = windows.values().flatten().copied();
    let axes = Axes::latencies(span(history), all);
    for latencies in windows.values_mut() {
        latencies.sort_unstable_by(f64::total_cmp);
    }
    let curves = QUANTILES.iter().zip(palette::SERIES);
    let legend: Vec<_> = curves
        .clone()
        .map(|((_, name), colour)| Entry { text: (*name).to_owned(), colour, shape: Shape::Line })
        .chain(fault_entries(faults))
        .collect();
    let windows: Vec<_> = windows.into_iter().collect();
    // A line across a window of which nothing is known would say something of it.
    let unbroken = || windows.chunk_by(|(before, _), (after, _)| before + 1 == *after);
    let svg = picture(&legend, |area| {
        over_time(area, &axes, faults, |area, place| {
            for ((point, _), colour) in curves {
                for windows in unbroken() {
                    let line = windows.iter().map(|(window, latencies)| {
                        let middle = (*window as f64 + 0.5) * length as f64 / 1e9;
                        place(middle.min(axes.seconds), quantile(latencies, *point))
                    });
                    draw_line(area, line, colour)?;
                }
            }
            Ok(())
        })
    })?;
    let caption = format!(
        "Median, 95th and 99th percentile and maximum of the latencies of operations that \
         succeeded, in windows of {}; where none did, no line is drawn, and where lines meet, the \
         higher percentile is on top. {}",
        length_text(length),
        say_faults(faults)
    );
    Ok(Plot {
        file: "latency-quantiles.svg".to_owned(),
        title: "Quantiles of latency".to_owned(),
        caption,
        svg,
    })
}

fn length_text(nanoseconds: u64) -> String {
    if nanoseconds >= 1_000_000_000 {
        format!("{} s", text::decimal(nanoseconds as f64 / 1e9))
    } else {
        text::milliseconds(ms(nanoseconds))
    }
}

pub(super) fn rate(history: &History, faults: &[Fault]) -> Result<Plot, DrawingError> {
    let windows = history.operations.len() as u64 / RATE_OPERATIONS;
    let length = window_length(history, windows.clamp(5, RATE_WINDOWS));
    // A window that has only begun would look like a drop.
    let last = ((history.end + length / 2) / length).max(1) - 1;
    let mut counts: BTreeMap<(usize, Kind), BTreeMap<u64, usize>> = BTreeMap::new();
    for operation in &history.operations {
        let end = operation.completed.unwrap_or(operation.invoked).time;
        let counted = counts.entry((operation.function, operation.outcome)).or_default();
        *counted.entry((end / length).min(last)).or_default() += 1;
    }
    let seconds = length as f64 / 1e9;
    let rate = |(&window, &count): (&u64, &usize)| {
        let end = if window == last { history.end } else { (window + 1) * length };
        count as f64 * 1e9 / (end - window * length).max(1) as f64
    };
    let highest = counts.values().flatten().map(rate).fold(0.0, f64::max);
    let axes = Axes::linear(span(history), highest, "operations per second");
    let legend: Vec<_> = counts
        .keys()
        .map(|&(function, outcome)| Entry {
            text: format!("{} {}", history.functions[function], palette::name(outcome)),
            colour: palette::outcome(outcome, function),
            shape: Shape::Point(function),
        })
        .chain(fault_entries(faults))
        .collect();
    let svg = picture(&legend, |area| {
        over_time(area, &axes, faults, |area, place| {
            for (&(function, outcome), windows) in &counts {
                let colour = palette::outcome(outcome, function);
                let line: Vec<_> = (0..=last)
                    .map(|window| {
                        let count = windows.get(&window).copied().unwrap_or(0);
                        let middle = (window as f64 + 0.5) * seconds;
                        place(middle.min(axes.seconds), rate((&window, &count)))
                    })
                    .collect();
                // Marks of nothing at all would cover the axis.
                for (_, &point) in (0..=last).zip(&line).filter(|(n, _)| windows.contains_key(n)) {
                    draw_mark(area, local(area, point), function, &colour.rgb())?;
                }
                let line: Vec<_> = line.into_iter().map(|point| local(area, point)).collect();
                area.draw(&PathElement::new(line, colour.rgb().stroke_width(1)))?;
            }
            Ok(())
        })
    })?;
    let ended = history.operations.iter().filter(|op| op.completed.is_some()).count();
    let caption = format!(
        "Operations per second by function and outcome, at the time when they ended, in windows of \
         {}; {} per second over the whole run. {}",
        length_text(length),
        text::decimal(ended as f64 / span(history)),
        say_faults(faults)
    );
    Ok(Plot { file: "rate.svg".to_owned(), title: "Rate".to_owned(), caption, svg })
}
