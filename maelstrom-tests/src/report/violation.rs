//! Why a key is not linearizable, drawn: one row a process, operations as bars from beginning to end,
//! the order that was tried, what the register held in it, and the operation that does not fit.
//!
//! Events stand in their order, not to the scale of time: what overlaps is what matters.

use std::collections::BTreeMap;

use askama::Template;
use serde_json::Value;

use super::history::Outcome;
use super::palette;
use super::plots::{DrawingError, Plot};
use super::results::{Record, Results, array};
use super::text;

/// Operations that were open at the same time are drawn up to this number, the latest first.
const CONCURRENT_MAX: usize = 24;
/// Of the order that was found so many operations are drawn, the last.
const ORDER_MAX: usize = 8;
/// A value is cut after so many characters.
const VALUE_LENGTH_MAX: usize = 18;
const CHARACTER_WIDTH: i32 = 8;
const LEFT: i32 = 110;
const TOP: i32 = 70;
const ROW: i32 = 46;

/// A key that is not linearizable, as the checker explains it.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The key, as a name in the results.
    pub key: String,
    /// In a sentence or two, what cannot be.
    pub explanation: String,
    /// The operation that cannot be explained.
    pub operation: Record,
    /// Operations that were open while it was.
    concurrent: Vec<Record>,
    /// The last operations of the order that was found for all before.
    order: Vec<Record>,
    /// What the register can hold.
    states: Vec<String>,
}

impl Violation {
    /// The first violation in the results, if there is one.
    pub fn find(results: Results<'_>) -> Option<Self> {
        let keys = results.at(&["workload", "results"]).as_object()?;
        keys.iter().find_map(|(key, result)| {
            let counterexample = result.get("counterexample")?;
            let records = |name| -> Vec<Record> {
                array(Results(counterexample).at(&[name])).iter().filter_map(record).collect()
            };
            let mut order = records("linearization-end");
            order.drain(..order.len().saturating_sub(ORDER_MAX));
            let states = array(Results(counterexample).at(&["states"]));
            let explanation = counterexample.get("explanation").and_then(Value::as_str);
            Some(Self {
                key: text::line(key, 60),
                explanation: text::line(explanation.unwrap_or_default(), 600),
                operation: record(counterexample.get("operation")?)?,
                concurrent: records("concurrent"),
                order,
                states: states
                    .iter()
                    .map(|state| text::line(&state.to_string(), VALUE_LENGTH_MAX))
                    .collect(),
            })
        })
    }

    /// Draws it.
    pub fn draw(&self) -> Result<Plot, DrawingError> {
        let drawing = Drawing::lay_out(self);
        let caption = format!(
            "Operations on key {}: each bar lasts from its beginning to its end, open ones run to \
             the right edge. Numbered points are the end of the longest order that explains all operations \
             before the red one; above stands what the register holds after each. Red: {} of \
             process {}, for which the register would have to hold something else than {}. Events \
             are in their order, not to scale.",
            self.key,
            self.operation.label,
            self.operation.process,
            self.held()
        );
        Ok(Plot {
            file: "violation.svg",
            title: "Why this is not linearizable",
            caption,
            svg: drawing.render()?,
        })
    }

    fn held(&self) -> String {
        if self.states.is_empty() { "anything known".to_owned() } else { self.states.join(" or ") }
    }

    /// All operations that are drawn, in the order of their beginnings.
    fn operations(&self) -> Vec<&Record> {
        let skipped = self.concurrent.len().saturating_sub(CONCURRENT_MAX);
        let mut by_start: BTreeMap<u64, &Record> = BTreeMap::new();
        for record in self.order.iter().chain(&self.concurrent[skipped..]).chain([&self.operation])
        {
            by_start.insert(record.start.0, record);
        }
        by_start.into_values().collect()
    }
}

/// A record without its key: that is the same for all.
fn record(value: &Value) -> Option<Record> {
    let mut value = value.clone();
    value.as_object_mut()?.shift_remove("key");
    let mut record = Record::read(&value)?;
    record.label = text::cut(&record.label, 2 * VALUE_LENGTH_MAX).into_owned();
    record.written =
        record.written.map(|written| text::cut(&written, VALUE_LENGTH_MAX).into_owned());
    Some(record)
}

#[derive(Template)]
#[template(path = "violation.svg")]
struct Drawing {
    width: i32,
    height: i32,
    ground: String,
    ink: String,
    grid: String,
    wrong: String,
    rows: Vec<Row>,
    bars: Vec<Bar>,
    points: Vec<Point>,
    held: String,
    held_at: i32,
    register_line: i32,
}

struct Row {
    name: String,
    y: i32,
}

struct Bar {
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

fn width_of(label: &str) -> i32 {
    label.chars().count() as i32 * CHARACTER_WIDTH
}

impl Drawing {
    fn lay_out(violation: &Violation) -> Self {
        let operations = violation.operations();
        let rows = rows(&operations);
        let ranks = ranks(&operations);
        let slots = slots(&violation.order, &ranks);
        let (event_x, point_x) = positions(&operations, &ranks, &violation.order, &slots);

        let cut_off = violation.operation.end.map_or(u64::MAX, |end| end.0);
        let text_right = operations
            .iter()
            .map(|operation| event_x[&operation.start.0] + width_of(&operation.label) + 24);
        let held = violation.held();
        let last = event_x.values().copied().max().unwrap_or(LEFT);
        let held_at = event_x.get(&cut_off).copied().unwrap_or(last);
        let right =
            text_right.max().unwrap_or(0).max(last + 30).max(held_at + width_of(&held) + 120);
        let row_of = |operation: &Record| {
            rows.iter().find(|row| row.name == operation.process).map_or(TOP, |row| row.y)
        };
        let bars = operations
            .iter()
            .map(|operation| {
                let x = event_x[&operation.start.0];
                let end = operation.end.filter(|_| operation.outcome != Outcome::Info);
                let end = end.and_then(|end| event_x.get(&end.0).copied());
                let is_wrong = operation.start == violation.operation.start;
                let colour = palette::outcome(operation.outcome, 0);
                Bar {
                    x,
                    y: row_of(operation),
                    width: end.unwrap_or(right - 8) - x,
                    label: operation.label.clone(),
                    hover: hover(operation),
                    colour: if is_wrong { palette::WRONG } else { colour }.code(),
                    is_wrong,
                    is_open: end.is_none(),
                }
            })
            .collect();
        let points = violation.order.iter().zip(point_x).enumerate();
        let points = points.map(|(place, (operation, x))| Point {
            number: place + 1,
            x,
            y: row_of(operation),
            value: operation.written.clone(),
        });
        Self {
            width: right,
            height: TOP + rows.len() as i32 * ROW + 16,
            ground: palette::GROUND.code(),
            ink: palette::INK.code(),
            grid: palette::GRID.code(),
            wrong: palette::WRONG.code(),
            points: points.collect(),
            bars,
            held,
            held_at,
            register_line: 34,
            rows,
        }
    }
}

fn hover(operation: &Record) -> String {
    let end = match operation.end {
        Some((index, time)) => format!("to event {index} at {}", text::seconds(time)),
        None => "and never ended".to_owned(),
    };
    let (index, time) = operation.start;
    let start = format!("from event {index} at {}", text::seconds(time));
    let outcome = operation.outcome.name();
    format!("process {}: {}, {start} {end}, {outcome}", operation.process, operation.label)
}

fn rows(operations: &[&Record]) -> Vec<Row> {
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
fn ranks(operations: &[&Record]) -> BTreeMap<u64, usize> {
    let mut events: Vec<u64> = operations
        .iter()
        .flat_map(|operation| {
            let end = operation.end.filter(|_| operation.outcome != Outcome::Info);
            [Some(operation.start.0), end.map(|end| end.0)]
        })
        .flatten()
        .collect();
    events.sort_unstable();
    events.dedup();
    events.into_iter().zip(0..).collect()
}

/// For each operation of the order, after which event it can take effect at the earliest.
fn slots(order: &[Record], ranks: &BTreeMap<u64, usize>) -> Vec<usize> {
    let mut slot = 0;
    let mut slots = Vec::with_capacity(order.len());
    for operation in order {
        slot = slot.max(ranks.get(&operation.start.0).copied().unwrap_or(0));
        slots.push(slot);
    }
    slots
}

/// Pixels of events and of the points of the order, so far apart that all texts have room.
fn positions(
    operations: &[&Record],
    ranks: &BTreeMap<u64, usize>,
    order: &[Record],
    slots: &[usize],
) -> (BTreeMap<u64, i32>, Vec<i32>) {
    const GAP: i32 = 22;
    let mut event_x = BTreeMap::new();
    let mut point_x = Vec::new();
    let mut x = LEFT;
    for (&event, &rank) in ranks {
        if let Some(ended) = operations.iter().find(|op| op.end.is_some_and(|end| end.0 == event))
            && let Some(start) = event_x.get(&ended.start.0)
        {
            x = x.max(start + width_of(&ended.label) + 16);
        }
        event_x.insert(event, x);
        x += GAP;
        for (operation, _) in order.iter().zip(slots).filter(|(_, slot)| **slot == rank) {
            point_x.push(x);
            x += GAP.max(operation.written.as_deref().map_or(0, width_of) + 14);
        }
    }
    (event_x, point_x)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(process: u64, f: &str, value: Value, start: u64, end: Option<u64>) -> Value {
        json!({"process": process, "f": f, "key": 1, "value": value,
            "outcome": if end.is_some() { "ok" } else { "info" },
            "start-index": start, "start-time": start * 1000, "end-index": end,
            "end-time": end.map(|end| end * 1000)})
    }

    fn stale_read() -> Value {
        let (first, second) = (
            operation(0, "write", json!(1), 0, Some(1)),
            operation(0, "write", json!("<b>&"), 2, Some(5)),
        );
        let lost = operation(2, "write", json!(9), 3, None);
        json!({"workload": {"results": {"0": {"valid?": true}, "1": {"valid?": false,
        "counterexample": {
            "explanation": "process 1 read 1, but the register holds 2",
            "prefix-end": 7,
            "operation": operation(1, "read", json!(1), 6, Some(7)),
            "concurrent": [lost],
            "states": ["<b>&", 9],
            "linearization": [0, 2],
            "linearization-end": [first, second],
        }}}}})
    }

    #[test]
    fn a_violation_is_drawn_with_the_order_that_was_tried() {
        let results = stale_read();
        let violation = Violation::find(Results(&results)).unwrap();
        assert_eq!((violation.key.as_str(), violation.operation.label.as_str()), ("1", "read → 1"));
        let drawing = Drawing::lay_out(&violation);
        assert_eq!(drawing.rows.len(), 3);
        assert_eq!(drawing.bars.iter().filter(|bar| bar.is_wrong).count(), 1);
        assert_eq!(drawing.bars.iter().filter(|bar| bar.is_open).count(), 1);
        for (bar, label) in drawing.bars.iter().map(|bar| (bar, &bar.label)) {
            assert!(bar.width > width_of(label), "{label} has room");
        }
        let svg = violation.draw().unwrap().svg;
        assert!(svg.contains("can hold") && !svg.contains("<b>"));
    }

    #[test]
    fn points_of_the_order_lie_within_their_operations() {
        let results = stale_read();
        let violation = Violation::find(Results(&results)).unwrap();
        let drawing = Drawing::lay_out(&violation);
        for point in &drawing.points {
            let label = &violation.order[point.number - 1].label;
            let bar = drawing.bars.iter().find(|bar| &bar.label == label).unwrap();
            assert!(bar.x < point.x && point.x < bar.x + bar.width, "{label}");
        }
    }

    #[test]
    fn results_without_a_counterexample_have_no_violation() {
        assert!(Violation::find(Results(&json!({"workload": {"results": {"1": {}}}}))).is_none());
        assert!(Violation::find(Results(&Value::Null)).is_none());
    }
}
