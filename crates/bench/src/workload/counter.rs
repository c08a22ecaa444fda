//! Workloads g-counter and pn-counter: `add {delta}` is answered by `add_ok {}`, `read {}` by
//! `read_ok {value}`; every worker reads at the end.

use checkers::counter::{CounterOp, CounterResult};
use checkers::{Event, Record};
use proto::Json;
use simulator::Random;

use super::{Checked, Expected, Headline, Kind, OnError, Step, Stored, Worker, Workload, capital};
use crate::exhibit::{Clue, Lead, describe, shorten};
use crate::wire::{Fields, Request};

const STRICTER: &str = "a malformed line of a node makes the run invalid";

/// The type of a request that adds.
const ADD: &str = "add";
/// Its field that says how much.
const DELTA: &str = "delta";

/// A counter that only grows.
pub(super) const G_COUNTER: Kind = Kind {
    name: "g-counter",
    summary: "a counter that only grows",
    workers_per_node: 1,
    flags: &[],
    figures: &[],
    headline: Headline::Operations,
    stricter: STRICTER,
    begin: |_| Box::new(Counter::new(true)),
};

/// A counter that grows and shrinks.
pub(super) const PN_COUNTER: Kind = Kind {
    name: "pn-counter",
    summary: "a counter that grows and shrinks",
    workers_per_node: 1,
    flags: &[],
    figures: &[],
    headline: Headline::Operations,
    stricter: STRICTER,
    begin: |_| Box::new(Counter::new(false)),
};

/// See the module.
struct Counter {
    /// Whether only additions of zero and more are made.
    grow_only: bool,
    has_read: Vec<bool>,
}

impl Counter {
    const fn new(grow_only: bool) -> Self {
        Self { grow_only, has_read: Vec::new() }
    }
}

impl Workload for Counter {
    type Op = CounterOp<Json>;

    fn operation(&mut self, _: Worker, random: &mut Random) -> CounterOp<Json> {
        // Maelstrom throws negative additions of a g-counter away and draws again, reads included.
        loop {
            if random.chance(0.5) {
                return CounterOp::Read { value: None };
            }
            let delta = random.below_or(10, 5) as i64 - 5;
            if delta >= 0 || !self.grow_only {
                return CounterOp::Add { delta };
            }
        }
    }

    fn has_final_phase(&self) -> bool {
        true
    }

    fn final_operation(&mut self, worker: Worker) -> Option<CounterOp<Json>> {
        super::once(&mut self.has_read, worker).then_some(CounterOp::Read { value: None })
    }

    fn on_error(&self, _: &CounterOp<Json>) -> OnError {
        OnError::AlwaysUnknown
    }

    fn request(&self, op: &CounterOp<Json>) -> Request {
        match op {
            CounterOp::Add { delta } => Request::new(ADD).with(DELTA, Json::from(*delta)),
            CounterOp::Read { .. } => Request::new("read"),
        }
    }

    fn accept(&self, op: &mut CounterOp<Json>, reply: &mut Fields<'_>) -> Result<(), String> {
        if let CounterOp::Read { value } = op {
            *value = Some(reply.json("value")?);
        }
        Ok(())
    }

    fn restore(
        &self,
        stored: &Stored,
        _: Option<&CounterOp<Json>>,
    ) -> Result<CounterOp<Json>, String> {
        match &*stored.f {
            "read" => Ok(CounterOp::Read { value: stored.came_back() }),
            "add" => match stored.value().as_i64() {
                Some(delta) => Ok(CounterOp::Add { delta }),
                None => Err(format!("{} is no integer", stored.text)),
            },
            _ => Err(stored.unknown()),
        }
    }

    fn examination(&self) -> Vec<Step<CounterOp<Json>>> {
        let add = |delta| Step::new(CounterOp::Add { delta }, Expected::Reply);
        let is_integer = |op: &CounterOp<Json>| matches!(op, CounterOp::Read { value: Some(value) } if value.as_i64().is_some());
        let expected = Expected::that("`value` is no integer", is_integer);
        let mut steps = vec![add(3)];
        if !self.grow_only {
            steps.push(add(-1));
        }
        steps.push(Step::new(CounterOp::Read { value: None }, expected));
        steps
    }

    fn check(&self, history: &[Event<CounterOp<Json>>], _: &mut dyn FnMut() -> bool) -> Checked {
        match checkers::counter::check(history, integer) {
            Ok(result) => {
                let mut checked = Checked::new(result.verdict, &result, || complaint(&result));
                checked.lead = result.errors.first().map(|error| lead(error, &result));
                if result.final_reads.is_empty() {
                    let note = "no final read succeeded (in a history: `final?` is true), and only those are \
                                held against the sum";
                    checked.notes.push(note.to_owned());
                }
                checked
            }
            Err(error) => Checked::malformed(&error),
        }
    }
}

/// The integer that a value is, if it is one. Sums are larger than what is added.
fn integer(value: &Json) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.text().parse().ok())
}

/// A final read that shows what cannot be.
fn lead(error: &Record<CounterOp<Json>>, result: &CounterResult<Json>) -> Lead {
    let got = match &error.op {
        CounterOp::Read { value: Some(value) } => value.clone(),
        _ => Json::null(),
    };
    let range = |(low, high): &(i128, i128)| match low == high {
        true => low.to_string(),
        false => format!("{low} to {high}"),
    };
    let can: Vec<_> = result.acceptable.iter().take(4).map(range).collect();
    let is_integer = integer(&got).is_some();
    let text = format!(
        "{} asked for the final sum and got {}{}, but the adds make {}.",
        capital(error.process),
        shorten(&got.to_string(), 80),
        if is_integer { "" } else { type_of(&got) },
        can.join(" or ")
    );
    let what = describe(&CounterOp::Read { value: None }, &error.op, error.outcome);
    if !is_integer {
        let text = format!("{text} A sum has to be an integer.");
        return Lead::of_record(text, error, what, Clue::None);
    }
    let (message, field) = (ADD.to_owned(), DELTA.to_owned());
    Lead::of_record(text, error, what, Clue::Sum { got: got.as_i64(), message, field })
}

/// What else than an integer a value is, to be said after it.
fn type_of(value: &Json) -> &'static str {
    match value.text().as_bytes().first() {
        Some(b'"') => ", a string",
        Some(b'-' | b'0'..=b'9') => ", a float",
        _ => ", no number",
    }
}

/// The first final read that is wrong, with what it could have shown, and whether adds are missing or
/// counted too often.
fn complaint(result: &CounterResult<Json>) -> String {
    let ranges: Vec<String> = result
        .acceptable
        .iter()
        .take(RANGES_SHOWN)
        .map(|(low, high)| if low == high { low.to_string() } else { format!("{low} to {high}") })
        .collect();
    let more = if result.acceptable.len() > RANGES_SHOWN { " and more" } else { "" };
    let acceptable = format!("{}{more}", ranges.join(", "));
    let count = result.errors.len();
    let Some(error) = result.errors.first() else {
        return format!("the sums that can be are too many to tell apart: {acceptable}");
    };
    let mut text = format!("{count} final reads show a sum that cannot be: {}", error.process);
    let CounterOp::Read { value: Some(value) } = &error.op else { return text };
    text.push_str(&format!(" read {value}, and what can be is {acceptable}"));
    if let Some(value) = integer(value)
        && let Some(difference) = nearest(&result.acceptable, value)
    {
        text.push_str(&match difference {
            0.. => format!("; adds worth {difference} are missing"),
            _ => format!("; that is {} too much", difference.unsigned_abs()),
        });
    }
    text
}

/// How many ranges of sums a sentence names.
const RANGES_SHOWN: usize = 3;

/// How much has to be added to a sum to make the nearest one that can be.
fn nearest(acceptable: &[(i128, i128)], sum: i128) -> Option<i128> {
    let distances = acceptable
        .iter()
        .flat_map(|(low, high)| [low.saturating_sub(sum), high.saturating_sub(sum)]);
    distances.min_by_key(|distance| distance.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use checkers::Kind;

    use super::*;

    fn causes(read: i64) -> Vec<String> {
        checked(Json::from(read)).causes
    }

    /// What is said of a final read after adds that make 8.
    fn checked(read: Json) -> Checked {
        let add = CounterOp::Add { delta: 4 };
        let (ask, got) = (None, Some(read));
        let events = [
            (1, Kind::Invoke, add.clone(), false),
            (1, Kind::Ok, add.clone(), false),
            (2, Kind::Invoke, add.clone(), false),
            (2, Kind::Ok, add, false),
            (3, Kind::Invoke, CounterOp::Read { value: ask }, true),
            (3, Kind::Ok, CounterOp::Read { value: got }, true),
        ];
        let event = |(index, (process, kind, op, is_final))| Event {
            is_final,
            ..Event::of_client(index, index, process, kind, op)
        };
        let history: Vec<_> = (0..).zip(events).map(event).collect();
        Counter::new(true).check(&history, &mut || false)
    }

    #[test]
    fn a_wrong_sum_is_told_with_the_numbers() {
        assert_eq!(causes(8), [""; 0]);
        assert_eq!(
            causes(4),
            ["1 final reads show a sum that cannot be: process 3 read 4, and what can be is 8; \
              adds worth 4 are missing"]
        );
        assert!(causes(35)[0].ends_with("read 35, and what can be is 8; that is 27 too much"));
    }

    #[test]
    fn a_sum_that_is_no_integer_is_said_to_be_of_another_type() {
        for (json, named) in
            [("\"8\"", "\"8\", a string"), ("8.0", "8.0, a float"), ("[8]", "[8], no number")]
        {
            let read: Json = serde_json::from_str(json).unwrap();
            let lead = checked(read.distinguishing_floats()).lead.unwrap();
            assert_eq!(
                lead.text,
                format!(
                    "Process 3 asked for the final sum and got {named}, but the adds make 8. A sum has to \
                     be an integer."
                )
            );
            assert_eq!(lead.clue, Clue::None, "no message was missed");
        }
        assert_eq!(checked(Json::from(4)).lead.unwrap().text.matches("integer").count(), 0);
    }
}
