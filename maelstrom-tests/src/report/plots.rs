//! The plots over time and of distributions, as SVG, each with a sentence that says what it shows.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::history::{Fault, History, Operation, Outcome};
use super::palette::{self, Colour};
use super::results::{Results, percent};
use super::text;

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

const SIZE: (u32, u32) = (960, 340);
/// Points of a plot that fall into the same square of this many pixels are drawn once.
const POINT_GRID: f64 = 3.0;
const TEXT_SIZE: u32 = 16;
/// Quantiles over time are those of about so many windows.
const QUANTILE_WINDOWS: u64 = 30;
/// Rates over time are those of at most about so many windows, with so many operations in each.
const RATE_WINDOWS: u64 = 60;
const RATE_OPERATIONS: u64 = 25;
/// Lower latencies (ms), such as the zeros of virtual time, are drawn at the bottom.
const LATENCY_LOW: f64 = 0.01;
/// The curves of quantiles over time.
const QUANTILES: [(f64, &str); 4] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99"), (1.0, "max")];

/// All plots that this run gives material for.
pub fn all(history: &History, results: Results<'_>) -> Result<Vec<Plot>, DrawingError> {
    let mut plots: Vec<_> = stable_latencies(results)?.into_iter().collect();
    // In virtual time clients may be answered at once.
    if completed(history).any(|(_, latency)| latency > 0.0) {
        plots.push(latencies(history)?);
        plots.push(quantiles(history)?);
    }
    if !history.operations.is_empty() {
        plots.push(rate(history)?);
    }
    Ok(plots)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A mark or line in the legend.
struct Entry {
    text: String,
    colour: Colour,
    shape: Shape,
}

#[derive(Clone, Copy)]
enum Shape {
    Line,
    Point(usize),
    Band,
}

/// Draws on a ground with a legend in the first line; the rest is for `draw`.
fn picture(
    legend: &[Entry],
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawingError>,
) -> Result<String, DrawingError> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&palette::GROUND.rgb())?;
        let (top, rest) = root.split_vertically(26);
        draw_legend(&top, legend)?;
        draw(&rest)?;
        root.present()?;
    }
    Ok(svg)
}

fn draw_legend(area: &Area<'_>, legend: &[Entry]) -> Result<(), DrawingError> {
    let ink = palette::INK.rgb();
    let style =
        ("sans-serif", TEXT_SIZE).into_font().color(&ink).pos(Pos::new(HPos::Left, VPos::Center));
    let mut left = 64;
    for entry in legend {
        let (colour, middle) = (entry.colour.rgb(), 14);
        match entry.shape {
            Shape::Line => area.draw(&PathElement::new(
                [(left, middle), (left + 18, middle)],
                colour.stroke_width(2),
            ))?,
            Shape::Band => area.draw(&Rectangle::new(
                [(left, middle - 6), (left + 18, middle + 6)],
                colour.mix(0.25).filled(),
            ))?,
            Shape::Point(shape) => draw_mark(area, (left + 9, middle), shape, &colour)?,
        }
        area.draw(&Text::new(entry.text.clone(), (left + 24, middle), style.clone()))?;
        left += 44 + entry.text.chars().count() as i32 * 7;
    }
    Ok(())
}

/// Shapes of functions, by their order.
fn draw_mark<DB: DrawingBackend, CT: plotters::coord::CoordTranslate>(
    area: &DrawingArea<DB, CT>,
    at: CT::From,
    shape: usize,
    colour: &RGBColor,
) -> Result<(), DrawingError>
where
    CT::From: Clone + 'static,
    DB::ErrorType: 'static,
{
    let faint = colour.mix(0.75);
    let drawn = match shape % 4 {
        0 => area.draw(&Circle::new(at, 2.5, faint.filled())),
        1 => area.draw(&Cross::new(at, 3, faint.stroke_width(1))),
        2 => area.draw(&TriangleMarker::new(at, 4, faint.filled())),
        _ => area.draw(&Circle::new(at, 3, faint.stroke_width(1))),
    };
    drawn.map_err(|error| error.to_string().into())
}

/// The kinds of faults, in the order of their first time.
fn fault_kinds(faults: &[Fault]) -> Vec<&str> {
    let mut kinds: Vec<&str> = Vec::new();
    for fault in faults {
        if !kinds.contains(&fault.name.as_str()) {
            kinds.push(&fault.name);
        }
    }
    kinds
}

fn fault_entries(faults: &[Fault]) -> impl Iterator<Item = Entry> {
    fault_kinds(faults).into_iter().enumerate().map(|(place, kind)| Entry {
        text: kind.to_owned(),
        colour: palette::fault(place),
        shape: Shape::Band,
    })
}

/// What a chart over time has along its sides.
struct Axes {
    seconds: f64,
    low: f64,
    high: f64,
    is_logarithmic: bool,
    unit: &'static str,
}

impl Axes {
    fn linear(seconds: f64, high: f64, unit: &'static str) -> Self {
        Self { seconds, low: 0.0, high: high * 1.08, is_logarithmic: false, unit }
    }

    /// From the lowest to the highest of these latencies in milliseconds.
    fn latencies(seconds: f64, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::MAX, 0.0_f64), |(low, high), value| {
            (low.min(value.max(LATENCY_LOW)), high.max(value))
        });
        let (low, high) = (low.min(high).max(LATENCY_LOW), high.max(LATENCY_LOW * 2.0));
        let unit = "latency in ms (log)";
        Self { seconds, low: low * 0.8, high: high * 1.3, is_logarithmic: true, unit }
    }
}

impl Axes {
    fn horizontal(&self) -> Scale {
        Scale { low: 0.0, high: self.seconds, labelled: round_numbers(self.seconds, 8.0) }
    }

    /// Labels are at 1, 2 and 5 times powers of ten if there are few, else at the powers alone.
    fn vertical(&self) -> Scale {
        if !self.is_logarithmic {
            let labelled = round_numbers(self.high, 6.0);
            return Scale { low: self.low, high: self.high, labelled };
        }
        let powers = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let factors: &[f64] = if powers.clone().count() > 4 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let of_power = |power| factors.iter().map(move |factor| factor * 10_f64.powi(power));
        let all = powers.flat_map(of_power).filter(|value| (self.low..=self.high).contains(value));
        let labelled = all.map(f64::log10).collect();
        Scale { low: self.low.log10(), high: self.high.log10(), labelled }
    }
}

/// About so many multiples of 1, 2 or 5 times a power of ten, from zero on.
fn round_numbers(high: f64, count: f64) -> Vec<f64> {
    let least = (high / count).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = steps.into_iter().find(|step| *step >= least).unwrap_or(least);
    (0..=count as u32)
        .map(|number| f64::from(number) * step)
        .filter(|value| *value <= high)
        .collect()
}

/// An axis with labels at places of our choice.
struct Scale {
    low: f64,
    high: f64,
    labelled: Vec<f64>,
}

/// A horizontal axis with its name and the names of its places.
struct Along<'a> {
    scale: Scale,
    title: &'a str,
    label: &'a dyn Fn(&f64) -> String,
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let part = (value - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE);
        start + (f64::from(end - start) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.labelled.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

/// Draws the frame of a chart over time with the faults shaded, see [`frame`].
fn over_time(
    area: &Area<'_>,
    axes: &Axes,
    faults: &[Fault],
    draw: impl FnOnce(&Area<'_>, &dyn Fn(f64, f64) -> (i32, i32)) -> Result<(), DrawingError>,
) -> Result<(), DrawingError> {
    let label = |seconds: &f64| text::decimal(*seconds);
    frame(
        area,
        axes,
        faults,
        Along { scale: axes.horizontal(), title: "seconds since the start", label: &label },
        draw,
    )
}

/// Draws the frame of a chart with the faults shaded, and hands on a function that maps a point in it
/// to pixels together with the area to draw on. `along` is the horizontal axis.
fn frame(
    area: &Area<'_>,
    axes: &Axes,
    faults: &[Fault],
    along: Along<'_>,
    draw: impl FnOnce(&Area<'_>, &dyn Fn(f64, f64) -> (i32, i32)) -> Result<(), DrawingError>,
) -> Result<(), DrawingError> {
    let ink = palette::INK.rgb();
    let scale = |value: f64| if axes.is_logarithmic { value.log10() } else { value };
    let unscale = |value: f64| if axes.is_logarithmic { 10_f64.powf(value) } else { value };
    let (low, high) = (scale(axes.low), scale(axes.high));
    let mut chart = ChartBuilder::on(area)
        .margin(4)
        .margin_right(26)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(along.scale, axes.vertical())?;
    let kinds = fault_kinds(faults);
    let ground = chart.plotting_area();
    for fault in faults {
        let place = kinds.iter().position(|kind| *kind == fault.name).unwrap_or(0);
        let colour = palette::fault(place).rgb();
        let band = [(fault.start as f64 / 1e9, low), (fault.end as f64 / 1e9, high)];
        ground.draw(&Rectangle::new(band, colour.mix(0.12).filled()))?;
    }
    let style = ("sans-serif", TEXT_SIZE).into_font().color(&ink);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(palette::GRID.rgb())
        .axis_style(ink)
        .label_style(style)
        .x_desc(along.title)
        .y_desc(axes.unit)
        .y_labels(16)
        .x_label_formatter(&along.label)
        .y_label_formatter(&|value| text::decimal(unscale(*value)))
        .draw()?;
    draw(area, &|seconds, value| {
        let value = value.clamp(axes.low, axes.high);
        chart.backend_coord(&(seconds, scale(value)))
    })
}

/// Turns positions of the whole picture into those of an area of it.
fn local(area: &Area<'_>, (x, y): (i32, i32)) -> (i32, i32) {
    let (left, top) = area.get_base_pixel();
    (x - left, y - top)
}

fn draw_line(
    area: &Area<'_>,
    points: impl IntoIterator<Item = (i32, i32)>,
    colour: Colour,
) -> Result<(), DrawingError> {
    let points: Vec<_> = points.into_iter().map(|point| local(area, point)).collect();
    for &point in points.iter().filter(|_| points.len() < 40) {
        area.draw(&Circle::new(point, 2, colour.rgb().filled()))?;
    }
    area.draw(&PathElement::new(points, colour.rgb().stroke_width(2)))?;
    Ok(())
}

fn span(history: &History) -> f64 {
    (history.end as f64 / 1e9).max(0.001)
}

fn ms(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// Completed operations with their latencies in milliseconds.
fn completed(history: &History) -> impl Iterator<Item = (&Operation, f64)> {
    history.operations.iter().filter_map(|operation| Some((operation, ms(operation.latency()?))))
}

fn latencies(history: &History) -> Result<Plot, DrawingError> {
    let mut counts: BTreeMap<(usize, Outcome), usize> = BTreeMap::new();
    for (operation, _) in completed(history) {
        *counts.entry((operation.function, operation.outcome)).or_default() += 1;
    }
    let legend: Vec<_> = counts
        .keys()
        .map(|&(function, outcome)| Entry {
            text: format!("{} {}", history.functions[function], outcome.name()),
            colour: palette::outcome(outcome),
            shape: Shape::Point(function),
        })
        .chain(fault_entries(&history.faults))
        .collect();
    let axes = Axes::latencies(span(history), completed(history).map(|(_, latency)| latency));
    let svg = picture(&legend, |area| {
        over_time(area, &axes, &history.faults, |area, place| {
            let mut taken = HashSet::new();
            for (operation, latency) in completed(history) {
                let pixel = place(operation.invoked.time as f64 / 1e9, latency);
                let square = |pixel: i32| (f64::from(pixel) / POINT_GRID) as i32;
                let kind = (operation.function, operation.outcome);
                if taken.insert((square(pixel.0), square(pixel.1), kind)) {
                    let colour = palette::outcome(operation.outcome).rgb();
                    draw_mark(area, local(area, pixel), operation.function, &colour)?;
                }
            }
            Ok(())
        })
    })?;
    let parts: Vec<_> = counts
        .iter()
        .map(|(&(function, outcome), &count)| {
            format!("{} {} {}", text::grouped(count), history.functions[function], outcome.name())
        })
        .collect();
    let caption = format!(
        "Each mark is an operation at the time when it began: {}. {} Marks that fall on each other \
         are drawn once.",
        parts.join(", "),
        say_faults(&history.faults)
    );
    Ok(Plot { file: "latency-raw.svg", title: "Latency of operations", caption, svg })
}

fn say_faults(faults: &[Fault]) -> String {
    if faults.is_empty() {
        return "There were no faults.".to_owned();
    }
    let kinds = fault_kinds(faults).into_iter().map(|kind| {
        let count = faults.iter().filter(|fault| fault.name == kind).count();
        format!("{kind} ({count}×)")
    });
    format!("Shaded: {}.", kinds.collect::<Vec<_>>().join(", "))
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

/// The value at place floor(n · p), at most n - 1, of sorted values, as Jepsen takes it.
pub(crate) fn quantile(sorted: &[f64], point: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = ((sorted.len() as f64 * point) as usize).min(last);
    sorted.get(place).copied().unwrap_or(0.0)
}

fn quantiles(history: &History) -> Result<Plot, DrawingError> {
    let length = window_length(history, QUANTILE_WINDOWS);
    let mut windows: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (operation, latency) in completed(history).filter(|(op, _)| op.outcome == Outcome::Ok) {
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
        .chain(fault_entries(&history.faults))
        .collect();
    let svg = picture(&legend, |area| {
        over_time(area, &axes, &history.faults, |area, place| {
            for ((point, _), colour) in curves {
                let line = windows.iter().map(|(window, latencies)| {
                    let middle = (*window as f64 + 0.5) * length as f64 / 1e9;
                    place(middle.min(axes.seconds), quantile(latencies, *point))
                });
                draw_line(area, line, colour)?;
            }
            Ok(())
        })
    })?;
    let caption = format!(
        "Median, 95th and 99th percentile and maximum of the latencies of operations that \
         succeeded, in windows of {}. {}",
        length_text(length),
        say_faults(&history.faults)
    );
    Ok(Plot { file: "latency-quantiles.svg", title: "Quantiles of latency", caption, svg })
}

fn length_text(nanoseconds: u64) -> String {
    if nanoseconds >= 1_000_000_000 {
        format!("{} s", text::decimal(nanoseconds as f64 / 1e9))
    } else {
        text::milliseconds(ms(nanoseconds))
    }
}

fn rate(history: &History) -> Result<Plot, DrawingError> {
    let windows = history.operations.len() as u64 / RATE_OPERATIONS;
    let length = window_length(history, windows.clamp(5, RATE_WINDOWS));
    // A window that has only begun would look like a drop.
    let last = ((history.end + length / 2) / length).max(1) - 1;
    let mut counts: BTreeMap<(usize, Outcome), BTreeMap<u64, usize>> = BTreeMap::new();
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
            text: format!("{} {}", history.functions[function], outcome.name()),
            colour: palette::outcome(outcome),
            shape: Shape::Point(function),
        })
        .chain(fault_entries(&history.faults))
        .collect();
    let svg = picture(&legend, |area| {
        over_time(area, &axes, &history.faults, |area, place| {
            for (&(function, outcome), windows) in &counts {
                let colour = palette::outcome(outcome);
                let line: Vec<_> = (0..=last)
                    .map(|window| {
                        let count = windows.get(&window).copied().unwrap_or(0);
                        let middle = (window as f64 + 0.5) * seconds;
                        place(middle.min(axes.seconds), rate((&window, &count)))
                    })
                    .collect();
                for &point in &line {
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
        say_faults(&history.faults)
    );
    Ok(Plot { file: "rate.svg", title: "Rate", caption, svg })
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
fn stable_latencies(results: Results<'_>) -> Result<Option<Plot>, DrawingError> {
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
