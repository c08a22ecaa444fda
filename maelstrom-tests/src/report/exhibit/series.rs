//! Values over the time of a run, with the faults shaded behind them.

use super::width_of;
use crate::exhibit::{Series, Style};
use crate::report::faults::Fault;
use crate::report::plots::DrawingError;
use crate::report::plots::chart::{
    Axes, Entry, Shape, draw_line, draw_mark, draw_wrong, fault_entries, local, over_time, picture,
};
use crate::report::{palette, text};

/// Groups that are drawn, and points of each.
const GROUPS_MAX: usize = 8;
const POINTS_MAX: usize = 5000;
/// Names beside the axis have room for this many pixels.
const NAME_WIDTH_MAX: i32 = 56;
/// The marks of what is right: all but the cross, which stands for what is wrong.
const MARKS: [usize; 3] = [0, 3, 2];

/// Draws it, and says what is to be read.
pub(super) fn draw(
    series: &Series,
    faults: &[Fault],
    end: u64,
) -> Result<(String, String), DrawingError> {
    let groups = || series.groups.iter().take(GROUPS_MAX).enumerate();
    let names: Vec<_> = series.places.iter().take(1000).map(|name| text::line(name, 20)).collect();
    let times = || groups().flat_map(|(_, group)| group.points.iter().take(POINTS_MAX));
    let last = times().map(|point| point.0).max().unwrap_or(0).max(end);
    let seconds = (last as f64 / 1e9).max(0.001);
    // Long names stand for themselves no more: their places do, which the caption has to say.
    let is_wide = names.iter().any(|name| width_of(name) > NAME_WIDTH_MAX);
    let axis = text::line(&series.axis, 40);
    let highest = times().map(|point| point.1).fold(0.0, f64::max);
    let axes = match names.is_empty() || is_wide {
        true => Axes::linear(seconds, highest.max(1.0), &axis),
        false => Axes::places(seconds, names.clone(), axis),
    };
    let colour = |place: usize, style| match style {
        Style::Wrong => palette::WRONG,
        Style::Marks | Style::Line => palette::series(place),
    };
    // Kinds of what is wrong are of one colour, and told apart by their shapes.
    let wrong = |number: usize| {
        let before = series.groups.iter().take(number);
        before.filter(|group| matches!(group.style, Style::Wrong)).count()
    };
    let legend: Vec<_> = groups()
        .map(|(place, group)| Entry {
            text: text::line(&group.name, 40),
            colour: colour(place, group.style),
            shape: match group.style {
                Style::Line => Shape::Line,
                Style::Marks => Shape::Point(MARKS[place % MARKS.len()]),
                Style::Wrong => Shape::Wrong(wrong(place)),
            },
        })
        .chain(fault_entries(faults))
        .collect();
    let svg = picture(&legend, |area| {
        over_time(area, &axes, faults, |area, place| {
            for (number, group) in groups() {
                let points = group.points.iter().take(POINTS_MAX);
                let points = points.map(|&(time, value)| place(time as f64 / 1e9, value));
                let colour = colour(number, group.style);
                match group.style {
                    Style::Line => draw_line(area, points, colour)?,
                    Style::Marks => {
                        for point in points {
                            let mark = MARKS[number % MARKS.len()];
                            draw_mark(area, local(area, point), mark, &colour.rgb())?;
                        }
                    }
                    Style::Wrong => {
                        for point in points {
                            let at = local(area, point);
                            draw_wrong(area, at, wrong(number), &colour.rgb())?;
                        }
                    }
                }
            }
            Ok(())
        })
    })?;
    let counts = groups().map(|(_, group)| {
        let count = text::grouped(group.points.len() as u64);
        format!("{}: {count}", text::line(&group.name, 40))
    });
    let mut told = format!("Points: {}.", counts.collect::<Vec<_>>().join(", "));
    if let (true, Some(first), Some(last)) = (is_wide, names.first(), names.last()) {
        told.push_str(&format!(" The axis counts places, from {first} to {last}."));
    }
    Ok((svg, told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhibit::Group;

    #[test]
    fn each_group_has_its_entry_and_what_is_wrong_its_colour() {
        let group = |name: &str, style| Group {
            name: name.to_owned(),
            style,
            points: vec![(1_000_000_000, 0.0), (2_000_000_000, 1.0)],
        };
        let series = Series {
            axis: "offset".to_owned(),
            places: vec!["1000".to_owned(), "70000".to_owned()],
            groups: vec![
                group("sent", Style::Marks),
                group("polled by <b>", Style::Line),
                group("skipped", Style::Wrong),
            ],
        };
        let (svg, told) = draw(&series, &[], 3_000_000_000).unwrap();
        for text in ["sent", "polled by &lt;b&gt;", "skipped", "1000", "70000", "offset"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(svg.contains(&palette::WRONG.code()));
        assert_eq!(told, "Points: sent: 2, polled by <b>: 2, skipped: 2.");
        let empty = Series { axis: String::new(), places: Vec::new(), groups: Vec::new() };
        assert!(draw(&empty, &[], 0).is_ok());
        let wide = Series { places: vec!["x".repeat(30)], ..series };
        assert!(draw(&wide, &[], 0).unwrap().1.contains("The axis counts places"));
    }
}
