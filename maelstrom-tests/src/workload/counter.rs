//! Workloads g-counter and pn-counter: `add {delta}` is answered by `add_ok {}`, `read {}` by
//! `read_ok {value}`; every worker reads at the end.

use checkers::counter::CounterResult;
use checkers::{Event, Op};
use proto::Json;
use simulator::Random;

use super::{Checked, OnError, Worker, Workload};

/// See the module.
pub(super) struct Counter {
    /// Whether only additions of zero and more are made.
    pub(super) grow_only: bool,
}

impl Workload for Counter {
    fn operation(&mut self, _: Worker, random: &mut Random) -> Op<Json> {
        // Maelstrom throws negative additions of a g-counter away and draws again, reads included.
        loop {
            if random.chance(0.5) {
                return Op::ReadCounter { value: None };
            }
            let delta = random.below(10) as i64 - 5;
            if delta >= 0 || !self.grow_only {
                return Op::AddDelta { delta };
            }
        }
    }

    fn final_operation(&self) -> Option<Op<Json>> {
        Some(Op::ReadCounter { value: None })
    }

    fn on_error(&self, _: &Op<Json>) -> OnError {
        OnError::AlwaysUnknown
    }

    fn check(&self, history: &[Event<Json>], _: &mut dyn FnMut() -> bool) -> Checked {
        match checkers::counter::check(history, |value| value.as_i64().map(i128::from)) {
            Ok(result) => Checked::new(result.verdict, &result, || complaint(&result)),
            Err(error) => Checked::malformed(&error),
        }
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
    let Op::ReadCounter { value: Some(value) } = &error.op else { return text };
    text.push_str(&format!(" read {value}, and what can be is {acceptable}"));
    if let Some(value) = value.as_i64()
        && let Some(difference) = nearest(&result.acceptable, value.into())
    {
        text.push_str(&match difference {
            0.. => format!("; adds worth {difference} are missing"),
            _ => format!("; that is {} too much", -difference),
        });
    }
    text
}

/// How many ranges of sums a sentence names.
const RANGES_SHOWN: usize = 3;

/// How much has to be added to a sum to make the nearest one that can be.
fn nearest(acceptable: &[(i128, i128)], sum: i128) -> Option<i128> {
    let distances = acceptable.iter().flat_map(|(low, high)| [low - sum, high - sum]);
    distances.min_by_key(|distance| distance.abs())
}

#[cfg(test)]
mod tests {
    use checkers::{Kind, Process};

    use super::*;

    fn causes(read: i64) -> Vec<String> {
        let add = Op::AddDelta { delta: 4 };
        let (ask, got) = (None, Some(Json::from(read)));
        let events = [
            (1, Kind::Invoke, add.clone(), false),
            (1, Kind::Ok, add.clone(), false),
            (2, Kind::Invoke, add.clone(), false),
            (2, Kind::Ok, add, false),
            (3, Kind::Invoke, Op::ReadCounter { value: ask }, true),
            (3, Kind::Ok, Op::ReadCounter { value: got }, true),
        ];
        let event = |(index, (process, kind, op, is_final))| Event {
            index,
            time: index,
            process: Process::Client(process),
            kind,
            op,
            error: None,
            is_final,
        };
        let history: Vec<_> = (0..).zip(events).map(event).collect();
        Counter { grow_only: true }.check(&history, &mut || false).causes
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
}
