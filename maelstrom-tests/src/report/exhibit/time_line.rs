//! Why operations have no order that explains them: one row a process, operations as bars from
//! beginning to end, the order that was tried, what the object held in it, and the operation that does
//! not fit.
//!
//! Events stand in their order, not to the scale of time: what overlaps is what matters.

use std::collections::BTreeMap;

use askama::Template;
use checkers::Kind;

use super::width_of;
use crate::exhibit::{Bar, TimeLine};
use crate::report::plots::DrawingError;
use crate::report::{palette, text};

/// Operations and steps of the order that are drawn.
const BARS_MAX: usize = 64;
/// A label and a state are cut after so many characters.
const LABEL_LENGTH_MAX: usize = 48;
const STATE_LENGTH_MAX: usize = 24;
const LEFT: i32 = 110;
const TOP: i32 = 70;
const ROW: i32 = 46;

/// Draws it, and says what is to be read.
pub(super) fn draw(time_line: &TimeLine) -> Result<(String, String), DrawingError> {
    let subject = text::line(&time_line.subject, 40);
    let told = format!(
        "Each bar lasts from its beginning to its end, open ones run to the right edge. Numbered \
         points are the end of the longest order that explains all operations before the red one; \
         above stands what the {subject} holds after each. At the red line it can {}. Events \
         are in their order, not to scale.",
        held(time_line)
    );
    Ok((Drawing::lay_out(time_line).render()?, told))
}

fn held(time_line: &TimeLine) -> String {
    let states = time_line.states.iter().take(8).map(|state| text::line(state, STATE_LENGTH_MAX));
    let states: Vec<_> = states.collect();
    match &states[..] {
        [] => "be nothing that is known".to_owned(),
        _ => format!("only be {}", states.join(" or ")),
    }
}

/// A bar with what is shown of it.
struct Operation<'a> {
    bar: &'a Bar,
    process: String,
    label: String,
}

/// A step of the order with what is shown of it.
struct Step<'a> {
    bar: &'a Bar,
    state: Option<String>,
}

#[derive(Template)]
#[template(path = "time_line.svg")]
struct Drawing {
    width: i32,
    height: i32,
    ground: String,
    ink: String,
    grid: String,
    wrong: String,
    rows: Vec<Row>,
    bars: Vec<Shape>,
    subject: String,
    legend: Vec<Entry>,
    legend_y: i32,
    points: Vec<Point>,
    held: String,
    held_at: i32,
    register_line: i32,
}

struct Row {
    name: String,
    y: i32,
}

struct Shape {
    x: i32,
    y: i32,
    width: i32,
    label: String,
    hover: String,
    colour: String,
    is_wrong: bool,
    is_open: bool,
}

struct Point {
    number: usize,
    x: i32,
    y: i32,
    value: Option<String>,
}

/// A colour and what it stands for.
struct Entry {
    x: i32,
    text: &'static str,
    colour: String,
}

impl Drawing {
    fn lay_out(time_line: &TimeLine) -> Self {
        let bars = &time_line.bars[..time_line.bars.len().min(BARS_MAX)];
        let operations: Vec<Operation<'_>> = bars
            .iter()
            .map(|bar| Operation {
                bar,
                process: bar.process.to_string(),
                label: text::line(&bar.label, LABEL_LENGTH_MAX),
            })
            .collect();
        let step = |step: &crate::exhibit::OrderStep| {
            let state = step.state.as_ref().map(|state| text::line(state, STATE_LENGTH_MAX));
            Some(Step { bar: bars.get(step.bar)?, state })
        };
        let order: Vec<_> = time_line.order.iter().take(BARS_MAX).filter_map(step).collect();
        let rows = rows(&operations);
        let ranks = ranks(bars);
        let slots = slots(&order, &ranks);
        let (event_x, point_x) = positions(&operations, &ranks, &order, &slots);

        let wrong = bars.iter().find(|bar| bar.is_wrong);
        let cut_off = wrong.and_then(|bar| bar.end).map_or(u64::MAX, |end| end.index);
        let text_right = operations
            .iter()
            .map(|operation| event_x[&operation.bar.start.index] + width_of(&operation.label) + 24);
        let held = held(time_line);
        let last = event_x.values().copied().max().unwrap_or(LEFT);
        let held_at = event_x.get(&cut_off).copied().unwrap_or(last);
        let right =
            text_right.max().unwrap_or(0).max(last + 30).max(held_at + width_of(&held) + 120);
        let row_of =
            |process: &str| rows.iter().find(|row| row.name == process).map_or(TOP, |row| row.y);
        let shapes = operations.iter().map(|operation| {
            let bar = operation.bar;
            let x = event_x[&bar.start.index];
            let end = bar.end.filter(|_| bar.outcome != Kind::Info);
            let end = end.and_then(|end| event_x.get(&end.index).copied());
            Shape {
                x,
                y: row_of(&operation.process),
                width: (end.unwrap_or(right - 8) - x).max(2),
                label: operation.label.clone(),
                hover: hover(operation),
                colour: colour(bar).code(),
                is_wrong: bar.is_wrong,
                is_open: end.is_none(),
            }
        });
        let points = order.iter().zip(point_x).enumerate();
        let points = points.map(|(place, (step, x))| Point {
            number: place + 1,
            x,
            y: row_of(&step.bar.process.to_string()),
            value: step.state.clone(),
        });
        let legend = legend(bars);
        let legend_right = legend.last().map_or(0, |entry| entry.x + 24 + width_of(entry.text));
        let below = TOP + rows.len() as i32 * ROW;
        Self {
            width: right.max(legend_right + 8),
            height: below + 40,
            ground: palette::GROUND.code(),
            ink: palette::INK.code(),
            grid: palette::GRID.code(),
            wrong: palette::WRONG.code(),
            bars: shapes.collect(),
            points: points.collect(),
            subject: text::line(&time_line.subject, 10),
            legend,
            legend_y: below + 22,
            held,
            held_at,
            register_line: 34,
            rows,
        }
    }
}

const fn colour(bar: &Bar) -> palette::Colour {
    if bar.is_wrong { palette::WRONG } else { palette::outcome(bar.outcome, 0) }
}

/// What the colours of the bars mean, those that there are.
fn legend(bars: &[Bar]) -> Vec<Entry> {
    let mut legend: Vec<Entry> = Vec::new();
    let mut x = 8;
    for bar in bars {
        let text = match (bar.is_wrong, bar.outcome) {
            (true, _) => "does not fit",
            (false, Kind::Ok) => "succeeded",
            (false, Kind::Fail) => "failed",
            (false, Kind::Info | Kind::Invoke) => "of unknown outcome",
        };
        if legend.iter().all(|entry| entry.text != text) {
            legend.push(Entry { x, text, colour: colour(bar).code() });
            x += 44 + width_of(text);
        }
    }
    legend
}

fn hover(Operation { bar, process, label }: &Operation<'_>) -> String {
    let end = match bar.end {
        Some(end) => format!("to event {} at {}", end.index, text::seconds(end.time)),
        None => "and never ended".to_owned(),
    };
    let start = format!("from event {} at {}", bar.start.index, text::seconds(bar.start.time));
    format!("{process}: {label}, {start} {end}, {}", palette::name(bar.outcome))
}

fn rows(operations: &[Operation<'_>]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for operation in operations {
        if !rows.iter().any(|row| row.name == operation.process) {
            let y = TOP + rows.len() as i32 * ROW;
            rows.push(Row { name: operation.process.clone(), y });
        }
    }
    rows
}

/// Event indices that are drawn, with their places in order. What ends after all of them, or with
/// an unknown outcome, is drawn open.
fn ranks(bars: &[Bar]) -> BTreeMap<u64, usize> {
    let mut events: Vec<u64> = bars
        .iter()
        .flat_map(|bar| {
            let end = bar.end.filter(|_| bar.outcome != Kind::Info);
            [Some(bar.start.index), end.map(|end| end.index)]
        })
        .flatten()
        .collect();
    events.sort_unstable();
    events.dedup();
    events.into_iter().zip(0..).collect()
}

/// For each step of the order, after which event it can take effect at the earliest.
fn slots(order: &[Step<'_>], ranks: &BTreeMap<u64, usize>) -> Vec<usize> {
    let mut slot = 0;
    let mut slots = Vec::with_capacity(order.len());
    for step in order {
        slot = slot.max(ranks.get(&step.bar.start.index).copied().unwrap_or(0));
        slots.push(slot);
    }
    slots
}

/// Pixels of events and of the points of the order, so far apart that all texts have room.
fn positions(
    operations: &[Operation<'_>],
    ranks: &BTreeMap<u64, usize>,
    order: &[Step<'_>],
    slots: &[usize],
) -> (BTreeMap<u64, i32>, Vec<i32>) {
    const GAP: i32 = 22;
    let mut event_x = BTreeMap::new();
    let mut point_x = Vec::new();
    let mut x = LEFT;
    for (&event, &rank) in ranks {
        let ends = |it: &&Operation<'_>| it.bar.end.is_some_and(|end| end.index == event);
        if let Some(ended) = operations.iter().find(ends)
            && let Some(start) = event_x.get(&ended.bar.start.index)
        {
            x = x.max(start + width_of(&ended.label) + 16);
        }
        event_x.insert(event, x);
        x += GAP;
        for (step, _) in order.iter().zip(slots).filter(|(_, slot)| **slot == rank) {
            point_x.push(x);
            x += GAP.max(step.state.as_deref().map_or(0, width_of) + 14);
        }
    }
    (event_x, point_x)
}

#[cfg(test)]
mod tests {
    use checkers::Process;

    use super::*;
    use crate::exhibit::{Moment, OrderStep};

    fn bar(process: u64, label: &str, start: u64, end: Option<u64>) -> Bar {
        let moment = |index| Moment { index, time: index * 1000 };
        Bar {
            process: Process::Client(process),
            label: label.to_owned(),
            outcome: if end.is_some() { Kind::Ok } else { Kind::Info },
            start: moment(start),
            end: end.map(moment),
            is_wrong: label == "read → 1",
        }
    }

    fn stale_read() -> TimeLine {
        let step = |bar, state: &str| OrderStep { bar, state: Some(state.to_owned()) };
        TimeLine {
            subject: "register".to_owned(),
            bars: vec![
                bar(0, "write 1", 0, Some(1)),
                bar(0, "write \"<b>&\"", 2, Some(5)),
                bar(2, "write 9", 3, None),
                bar(1, "read → 1", 6, Some(7)),
            ],
            order: vec![step(0, "1"), step(1, "\"<b>&\"")],
            states: vec!["<b>&".to_owned(), "9".to_owned()],
        }
    }

    #[test]
    fn a_violation_is_drawn_with_the_order_that_was_tried() {
        let drawing = Drawing::lay_out(&stale_read());
        assert_eq!(drawing.rows.len(), 3);
        assert_eq!(drawing.bars.iter().filter(|bar| bar.is_wrong).count(), 1);
        assert_eq!(drawing.bars.iter().filter(|bar| bar.is_open).count(), 1);
        for (bar, label) in drawing.bars.iter().map(|bar| (bar, &bar.label)) {
            assert!(bar.width > width_of(label), "{label} has room");
        }
        let legend: Vec<_> = drawing.legend.iter().map(|entry| entry.text).collect();
        assert_eq!(legend, ["succeeded", "of unknown outcome", "does not fit"]);
        let (svg, told) = draw(&stale_read()).unwrap();
        assert!(svg.contains("can only be") && !svg.contains("<b>"));
        assert!(told.contains("it can only be <b>& or 9."), "{told}");
    }

    #[test]
    fn points_of_the_order_lie_within_their_operations() {
        let time_line = stale_read();
        let drawing = Drawing::lay_out(&time_line);
        for (point, step) in drawing.points.iter().zip(&time_line.order) {
            let bar = &drawing.bars[step.bar];
            assert!(bar.x < point.x && point.x < bar.x + bar.width, "{}", bar.label);
        }
    }

    #[test]
    fn what_makes_no_sense_is_drawn_as_far_as_it_does() {
        let mut odd = stale_read();
        odd.order.push(OrderStep { bar: 99, state: None });
        odd.bars[1].end = Some(Moment { index: 0, time: 0 });
        assert!(draw(&odd).is_ok());
        odd.bars = vec![odd.bars[0].clone(); 1000];
        assert!(draw(&odd).unwrap().0.len() < 100_000);
        assert!(draw(&TimeLine { bars: Vec::new(), ..odd }).is_ok());
    }
}
