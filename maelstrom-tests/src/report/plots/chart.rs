//! What all plots are drawn with: ground and legend, a frame with axes and shaded faults, lines and
//! marks.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::DrawingError;
use crate::report::faults::Fault;
use crate::report::palette::{self, Colour};
use crate::report::text;

pub(in crate::report) const SIZE: (u32, u32) = (960, 340);
pub(in crate::report) const TEXT_SIZE: u32 = 16;
const LEGEND_LEFT: i32 = 64;
const LEGEND_LINE: u32 = 20;
/// The strip that shows when a kind of faults was on, with the gap below it.
const STRIP: u32 = 6;
/// Of the legend's letters, about.
const CHARACTER_WIDTH: i32 = 8;
/// Lower latencies (ms), such as the zeros of virtual time, are drawn at the bottom.
pub(super) const LATENCY_LOW: f64 = 0.01;

pub(in crate::report) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A mark or line in the legend.
pub(in crate::report) struct Entry {
    pub(in crate::report) text: String,
    pub(in crate::report) colour: Colour,
    pub(in crate::report) shape: Shape,
}

#[derive(Clone, Copy)]
pub(in crate::report) enum Shape {
    Line,
    Point(usize),
    /// What is wrong, by the place of its kind.
    Wrong(usize),
    Band,
}

/// Draws on a ground with a legend in the first line; the rest is for `draw`.
pub(in crate::report) fn picture(
    legend: &[Entry],
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawingError>,
) -> Result<String, DrawingError> {
    let mut svg = String::new();
    {
        // What the legend needs beyond its first line makes the picture higher, not the plot lower.
        let more = LEGEND_LINE * (legend_lines(legend) - 1);
        let size = (SIZE.0, SIZE.1 + more);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&palette::GROUND.rgb())?;
        let (top, rest) = root.split_vertically(26 + more);
        draw_legend(&top, legend)?;
        draw(&rest)?;
        root.present()?;
    }
    Ok(svg)
}

pub(super) fn draw_legend(area: &Area<'_>, legend: &[Entry]) -> Result<(), DrawingError> {
    let ink = palette::INK.rgb();
    let style =
        ("sans-serif", TEXT_SIZE).into_font().color(&ink).pos(Pos::new(HPos::Left, VPos::Center));
    for (entry, (left, line)) in legend.iter().zip(legend_places(legend)) {
        let (colour, middle) = (entry.colour.rgb(), 14 + (line * LEGEND_LINE) as i32);
        match entry.shape {
            Shape::Line => area.draw(&PathElement::new(
                [(left, middle), (left + 18, middle)],
                colour.stroke_width(2),
            ))?,
            Shape::Band => area.draw(&Rectangle::new(
                [(left, middle - 6), (left + 18, middle + 6)],
                colour.mix(0.7).filled(),
            ))?,
            Shape::Point(shape) => draw_mark(area, (left + 9, middle), shape, &colour)?,
            Shape::Wrong(shape) => draw_wrong(area, (left + 9, middle), shape, &colour)?,
        }
        area.draw(&Text::new(entry.text.clone(), (left + 24, middle), style.clone()))?;
    }
    Ok(())
}

/// Where each entry of a legend begins, and on which line.
fn legend_places(legend: &[Entry]) -> Vec<(i32, u32)> {
    let (mut left, mut line) = (LEGEND_LEFT, 0);
    let place = |entry: &Entry| {
        let width = 44 + entry.text.chars().count() as i32 * CHARACTER_WIDTH;
        if left > LEGEND_LEFT && left + width > SIZE.0 as i32 {
            (left, line) = (LEGEND_LEFT, line + 1);
        }
        let here = (left, line);
        left += width;
        here
    };
    legend.iter().map(place).collect()
}

fn legend_lines(legend: &[Entry]) -> u32 {
    legend_places(legend).last().map_or(1, |(_, line)| line + 1)
}

/// Shapes of functions, by their order.
pub(in crate::report) fn draw_mark<DB: DrawingBackend, CT: plotters::coord::CoordTranslate>(
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

/// The large marks of what is wrong, told apart by their shapes, for they are all of one colour.
pub(in crate::report) fn draw_wrong(
    area: &Area<'_>,
    at: (i32, i32),
    shape: usize,
    colour: &RGBColor,
) -> Result<(), DrawingError> {
    let line = colour.stroke_width(2);
    match shape % 3 {
        0 => area.draw(&Cross::new(at, 5, line))?,
        1 => area.draw(&Circle::new(at, 6, line))?,
        _ => area.draw(&TriangleMarker::new(at, 7, line))?,
    }
    Ok(())
}

/// The kinds of faults, in the order of their first time.
pub(super) fn fault_kinds(faults: &[Fault]) -> Vec<&str> {
    let mut kinds: Vec<&str> = Vec::new();
    for fault in faults {
        if !kinds.contains(&fault.name.as_str()) {
            kinds.push(&fault.name);
        }
    }
    kinds
}

pub(in crate::report) fn fault_entries(faults: &[Fault]) -> impl Iterator<Item = Entry> {
    fault_kinds(faults).into_iter().enumerate().map(|(place, kind)| Entry {
        text: kind.to_owned(),
        colour: palette::fault(place),
        shape: Shape::Band,
    })
}

/// What a chart over time has along its sides.
pub(in crate::report) struct Axes {
    pub(super) seconds: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) is_logarithmic: bool,
    pub(super) unit: String,
    /// Names of 0, 1, 2 ..., where those stand beside the axis and not numbers.
    pub(super) names: Vec<String>,
}

impl Axes {
    pub(in crate::report) fn linear(seconds: f64, high: f64, unit: &str) -> Self {
        let (unit, names) = (unit.to_owned(), Vec::new());
        Self { seconds, low: 0.0, high: high * 1.08, is_logarithmic: false, unit, names }
    }

    /// One place for each of these names, from the bottom to the top.
    pub(in crate::report) fn places(seconds: f64, names: Vec<String>, unit: String) -> Self {
        let high = names.len() as f64 - 0.4;
        Self { seconds, low: -0.6, high, is_logarithmic: false, unit, names }
    }

    /// From the lowest to the highest of these latencies in milliseconds.
    pub(super) fn latencies(seconds: f64, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::MAX, 0.0_f64), |(low, high), value| {
            (low.min(value.max(LATENCY_LOW)), high.max(value))
        });
        let (low, high) = (low.min(high).max(LATENCY_LOW), high.max(LATENCY_LOW * 2.0));
        let (unit, names) = ("latency in ms (log)".to_owned(), Vec::new());
        Self { seconds, low: low * 0.8, high: high * 1.3, is_logarithmic: true, unit, names }
    }
}

impl Axes {
    fn horizontal(&self) -> Scale {
        Scale { low: 0.0, high: self.seconds, labelled: round_numbers(self.seconds, 8.0) }
    }

    /// Labels are at 1, 2 and 5 times powers of ten if there are few, else at the powers alone.
    fn vertical(&self) -> Scale {
        if !self.names.is_empty() {
            // As many as have room.
            let step = self.names.len().div_ceil(14);
            let labelled = (0..self.names.len()).step_by(step).map(|place| place as f64).collect();
            return Scale { low: self.low, high: self.high, labelled };
        }
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
pub(super) fn round_numbers(high: f64, count: f64) -> Vec<f64> {
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
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) labelled: Vec<f64>,
}

/// A horizontal axis with its name and the names of its places.
pub(super) struct Along<'a> {
    pub(super) scale: Scale,
    pub(super) title: &'a str,
    pub(super) label: &'a dyn Fn(&f64) -> String,
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
pub(in crate::report) fn over_time(
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
pub(super) fn frame(
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
    let kinds = fault_kinds(faults);
    let strips = if kinds.is_empty() { 0 } else { STRIP * kinds.len() as u32 + 2 };
    let mut chart = ChartBuilder::on(area)
        .margin(4)
        .margin_top(4 + strips)
        .margin_right(26)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(along.scale, axes.vertical())?;
    let ground = chart.plotting_area();
    for fault in faults {
        let place = kinds.iter().position(|kind| *kind == fault.name).unwrap_or(0);
        let colour = palette::fault(place).rgb();
        let band = [(fault.start as f64 / 1e9, low), (fault.end as f64 / 1e9, high)];
        ground.draw(&Rectangle::new(band, colour.mix(0.08).filled()))?;
        // What is on together is told apart by strips above the plot, one a kind.
        let [(left, top), (right, _)] =
            [(band[0].0, high), (band[1].0, high)].map(|at| local(area, chart.backend_coord(&at)));
        let top = top - 2 - STRIP as i32 * (place as i32 + 1);
        let strip = [(left, top), (right.max(left + 2), top + STRIP as i32 - 2)];
        area.draw(&Rectangle::new(strip, colour.mix(0.8).filled()))?;
    }
    let style = ("sans-serif", TEXT_SIZE).into_font().color(&ink);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(palette::GRID.rgb())
        .axis_style(ink)
        .label_style(style)
        .x_desc(along.title)
        .y_desc(axes.unit.as_str())
        .y_labels(16)
        .x_label_formatter(&along.label)
        .y_label_formatter(&|value| match axes.names.get(value.round() as usize) {
            Some(name) => name.clone(),
            None => text::decimal(unscale(*value)),
        })
        .draw()?;
    draw(area, &|seconds, value| {
        let value = value.clamp(axes.low, axes.high);
        chart.backend_coord(&(seconds, scale(value)))
    })
}

/// Turns positions of the whole picture into those of an area of it.
pub(in crate::report) fn local(area: &Area<'_>, (x, y): (i32, i32)) -> (i32, i32) {
    let (left, top) = area.get_base_pixel();
    (x - left, y - top)
}

pub(in crate::report) fn draw_line(
    area: &Area<'_>,
    points: impl IntoIterator<Item = (i32, i32)>,
    colour: Colour,
) -> Result<(), DrawingError> {
    let points: Vec<_> = points.into_iter().map(|point| local(area, point)).collect();
    for &point in points.iter().filter(|_| points.len() < 40) {
        area.draw(&Circle::new(point, 2, colour.rgb().filled()))?;
    }
    if points.len() > 1 {
        area.draw(&PathElement::new(points, colour.rgb().stroke_width(2)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_that_is_too_long_for_a_line_goes_on_in_the_next() {
        let entry = |text: &str| Entry {
            text: text.to_owned(),
            colour: palette::fault(0),
            shape: Shape::Band,
        };
        let few: Vec<_> = ["read ok", "write ok"].map(entry).into();
        assert_eq!(legend_lines(&few), 1);
        let many: Vec<_> = (0..16).map(|number| entry(&format!("operation {number} ok"))).collect();
        let width = |entry: &Entry| 24 + entry.text.chars().count() as i32 * CHARACTER_WIDTH;
        for (entry, (left, _)) in many.iter().zip(legend_places(&many)) {
            assert!(left + width(entry) <= SIZE.0 as i32, "{}", entry.text);
        }
        assert!(legend_lines(&many) > 2);
        assert_eq!(legend_lines(&[]), 1);
    }
}
