//! What the set workloads (broadcast and g-set) have in common.

mod reads;

use checkers::history::{Event, Op};
use checkers::set::{Elements, SetOp, SetResult};
use checkers::{Kind as EventKind, Malformed, Operation, Verdict, operations};
use proto::Json;
use rustc_hash::FxHashSet;
use serde::de::IgnoredAny;
use simulator::Random;

use super::{Checked, Expected, Figure, Stored};
use crate::exhibit::{Clue, Drawing, Exhibit, Highlight, Lead, Shown, Table, describe, shorten};
use crate::wire::in_words;

pub(super) use reads::Reads;

/// What runs of set workloads have.
pub(super) const FIGURES: &[Figure] = &[
    ("workload.attempt-count", "elements that were to be added"),
    ("workload.stable-count", "those that every later read has"),
    ("workload.lost-count", "those that were there and are gone"),
    ("workload.never-read-count", "those that nobody read"),
    ("workload.stale-count", "those that a read missed after they were known"),
    ("workload.duplicated-count", "those that came twice in one read"),
    (
        "workload.stable-latencies.*",
        "ms until no read missed an element; * is 0, 0.5, 0.95, 0.99 or 1",
    ),
    ("workload.lost-latencies.*", "ms for which lost elements were seen; * likewise"),
];

/// In what the set workloads are stricter.
pub(super) const STRICTER: &str = "an element that comes twice in one read makes the run invalid";

/// A read.
pub(super) const READ: SetOp<Json> = SetOp::Read { elements: None };

/// One half reads, the other half adds the next integer.
pub(super) fn operation(next: &mut i64, random: &mut Random) -> SetOp<Json> {
    if random.chance(0.5) {
        return READ;
    }
    *next += 1;
    SetOp::Add { element: Json::from(*next - 1) }
}

/// Reads an operation of a stored history whose additions are called `add`, given what was asked.
pub(super) fn restore(
    add: &str,
    stored: &Stored,
    asked: Option<&SetOp<Json>>,
    reads: &Reads,
) -> Result<SetOp<Json>, String> {
    match &*stored.f {
        "read" => {
            let elements = match &*stored.text {
                "null" => None,
                text if is_keyed(asked, text) => {
                    return Err(format!(
                        "a read has {}, a key with its set; check each key's history by itself",
                        shorten(text, 80)
                    ));
                }
                text => {
                    Some(reads.read(text).map_err(|error| in_words("`value` of a read", &error))?)
                }
            };
            Ok(SetOp::Read { elements })
        }
        f if f == add => Ok(SetOp::Add { element: stored.value() }),
        _ => Err(stored.unknown()),
    }
}

/// Whether what came is a key with its set, as Jepsen has it where it asked for that key and a place for one.
fn is_keyed(asked: Option<&SetOp<Json>>, came: &str) -> bool {
    let Some(SetOp::Read { elements: Some(asked) }) = asked else { return false };
    let asked: Vec<_> = asked.iter().take(3).collect();
    let ([key, place], Ok((came, _))) =
        (&asked[..], serde_json::from_str::<(Json, Vec<IgnoredAny>)>(came))
    else {
        return false;
    };
    place.is_null() && **key == came.distinguishing_floats()
}

/// Checks that nothing added is lost, and says what is wrong first.
pub(super) fn check<O: Op + AsRef<SetOp<Json>>>(history: &[Event<O>]) -> Checked {
    tell(history, checkers::set::check(history))
}

/// The same of a run that ended before its time.
pub(super) fn check_cut_short<O: Op + AsRef<SetOp<Json>>>(history: &[Event<O>]) -> Checked {
    tell(history, checkers::set::check_cut_short(history))
}

fn tell<O>(history: &[Event<O>], result: Result<SetResult<Json>, Malformed>) -> Checked
where
    O: Op + AsRef<SetOp<Json>>,
{
    let (result, operations) = match (result, operations(history)) {
        (Ok(result), Ok(operations)) => (result, operations),
        (Err(error), _) | (_, Err(error)) => return Checked::malformed(&error),
    };
    let mut checked = Checked::new(result.verdict, &result, || match result.verdict {
        Verdict::Unknown if !result.open.is_empty() => format!(
            "{} of {} elements were missed by the last reads, which came too early to say that they are gone",
            result.open.len(),
            result.attempt_count
        ),
        Verdict::Unknown => {
            "no element was seen by every later read, so nothing can be said".to_owned()
        }
        _ => complaint(&result),
    });
    if let Some(lost) = result.lost.first() {
        checked.causes.push(format!("the first element that was lost: {lost}"));
    }
    // Whatever is stable was read.
    if result.stable_count == 0 {
        checked.notes.extend(strangers_only(&operations));
    }
    checked.lead = match (result.lost.first(), result.duplicated.first()) {
        (Some(lost), _) => Some(lead_to_lost(lost, &operations)),
        (None, Some((element, times))) => Some(lead_to_repeated(element, *times, &operations)),
        (None, None) => None,
    };
    let spread = spread(&result);
    if let Some(points) = &spread {
        checked.highlights.push(Highlight::Spread {
            name: "stable latency".to_owned(),
            points: points[1..].to_vec(),
            meaning: "from when an element was known to when the last read missed it".to_owned(),
        });
    }
    let part = |elements: &[Json], what: &str| (elements.len() as u64, what.to_owned());
    checked.highlights.push(Highlight::Count {
        name: "elements".to_owned(),
        count: result.attempt_count as u64,
        of_these: vec![
            part(&result.lost, "lost"),
            part(&result.never_read, "never read"),
            part(&result.stale, "late somewhere"),
        ],
    });
    checked.exhibits.extend(spread.map(|points| stable_latencies(&result, points)));
    checked
}

/// What is to be said of reads that hold elements, and none of them one that anybody added: as nobody asks
/// for these, nothing is wrong with them, and nothing is known of what was added.
fn strangers_only<O>(operations: &[Operation<'_, O>]) -> Option<String>
where
    O: Op + AsRef<SetOp<Json>>,
{
    let added: FxHashSet<&Json> =
        operations.iter().filter_map(|it| it.asked.as_ref().added_element()).collect();
    let reads = operations.iter().filter(|it| it.outcome() == EventKind::Ok);
    let reads = reads.filter_map(|it| match it.op().as_ref() {
        SetOp::Read { elements } => elements.as_ref(),
        SetOp::Add { .. } => None,
    });
    let mut read = reads.flat_map(Elements::iter);
    let first = read.next()?;
    if added.contains(first) || read.any(|element| added.contains(element)) {
        return None;
    }
    let first = shorten(&first.to_string(), 80);
    let what = match operations.iter().find_map(|it| it.asked.as_ref().added_element()) {
        Some(element) => format!(
            "nothing in any read was ever added: reads hold such as {first}, and additions are such as {}",
            shorten(&element.to_string(), 80)
        ),
        None => format!("reads hold elements, such as {first}, and nobody added any"),
    };
    Some(format!("{what}; is it a history of this workload?"))
}

/// The points of the stable latencies in milliseconds, the lowest first.
fn spread(result: &SetResult<Json>) -> Option<Vec<(String, f64)>> {
    let points = result.stable_latencies?.0;
    let names = ["min", "p50", "p95", "p99", "max"].map(str::to_owned);
    Some(names.into_iter().zip(points.map(|ms| ms as f64)).collect())
}

/// How long it took until everybody saw an element.
fn stable_latencies(result: &SetResult<Json>, points: Vec<(String, f64)>) -> Exhibit {
    let (stable, stale) = (result.stable_count, result.stale.len());
    Exhibit {
        name: "stable-latencies".to_owned(),
        title: "Spread of stable latencies".to_owned(),
        caption: format!(
            "How long after an element was known a read could still miss it. {} of {stable} stable \
             elements were never missed.",
            stable.saturating_sub(stale)
        ),
        is_evidence: false,
        drawing: Drawing::Table(Table { unit: "ms".to_owned(), rows: points }),
    }
}

/// An element that was there and is gone: its addition, and the last read that has it not. Where whoever
/// added it does not see it in the end, that says most: a node has forgotten it.
fn lead_to_lost<O>(element: &Json, operations: &[Operation<'_, O>]) -> Lead
where
    O: Op + AsRef<SetOp<Json>>,
{
    let adds_it = |operation: &&Operation<'_, O>| matches!(operation.asked.as_ref(), SetOp::Add { element: added } if added == element);
    let lacks_it = |operation: &&Operation<'_, O>| {
        let SetOp::Read { elements: Some(elements) } = operation.op().as_ref() else {
            return false;
        };
        operation.outcome() == EventKind::Ok && !elements.contains(element)
    };
    let addition = operations.iter().find(adds_it);
    let lacking = || operations.iter().rev().filter(lacks_it);
    let adds = |process| addition.is_some_and(|it| it.invocation.process == process);
    let own = lacking().find(|it| it.invocation.is_final && adds(it.invocation.process));
    let shown: Vec<_> = addition.into_iter().chain(own.or_else(|| lacking().next())).collect();
    let text = format!("{} was added and then lost.", shorten(&element.to_string(), 80));
    lead(text, &shown, Clue::Missing { value: element.clone() })
}

/// An element that came more than once in one read.
fn lead_to_repeated<O>(element: &Json, times: usize, operations: &[Operation<'_, O>]) -> Lead
where
    O: Op + AsRef<SetOp<Json>>,
{
    let has_it = |operation: &&Operation<'_, O>| {
        let SetOp::Read { elements: Some(elements) } = operation.op().as_ref() else {
            return false;
        };
        operation.outcome() == EventKind::Ok
            && elements.iter().filter(|other| *other == element).count() > 1
    };
    let shown: Vec<_> = operations.iter().find(has_it).into_iter().collect();
    let text = format!("{} came {times} times in one read.", shorten(&element.to_string(), 80));
    let times = times as u64;
    lead(text, &shown, Clue::Repeated { value: element.clone(), times, at_once: true })
}

fn lead<O: Op>(text: String, shown: &[&Operation<'_, O>], clue: Clue) -> Lead {
    let tell = |operation: &&Operation<'_, O>| {
        let what = describe(operation.asked, operation.op(), operation.outcome());
        Shown::new(operation, what)
    };
    Lead {
        text,
        time: shown.last().map_or(0, |operation| operation.invocation.time),
        operations: shown.iter().map(tell).collect(),
        clue,
    }
}

fn complaint(result: &SetResult<Json>) -> String {
    let mut parts = Vec::new();
    if !result.lost.is_empty() {
        let (lost, attempts) = (result.lost.len(), result.attempt_count);
        parts.push(format!("{lost} of {attempts} elements were there and are gone"));
    }
    if !result.duplicated.is_empty() {
        parts.push(format!("{} elements came twice in one read", result.duplicated.len()));
    }
    parts.join("; ")
}

/// What a read is to show after 1000 was added.
pub(super) fn has_1000<O: AsRef<SetOp<Json>>>() -> Expected<O> {
    Expected::that("the value 1000, which was added before, is not in it", |op: &O| {
        let SetOp::Read { elements: Some(elements) } = op.as_ref() else { return false };
        elements.contains(&Json::from(1000))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(reads: &[&[i64]]) -> Checked {
        let add = SetOp::Add { element: Json::from(7) };
        let mut lines = vec![(0, EventKind::Invoke, add.clone()), (0, EventKind::Ok, add)];
        for (&elements, process) in reads.iter().zip(1..) {
            let elements: Vec<_> = elements.iter().map(|&element| Json::from(element)).collect();
            lines.push((process, EventKind::Invoke, READ));
            lines.push((process, EventKind::Ok, SetOp::Read { elements: Some(elements.into()) }));
        }
        let event = |(index, (process, kind, op))| {
            Event::of_client(index, index * 1_000_000, process, kind, Plain(op))
        };
        check(&(0..).zip(lines).map(event).collect::<Vec<_>>())
    }

    /// Operations without a workload.
    #[derive(Clone, PartialEq, Debug)]
    struct Plain(SetOp<Json>);

    impl AsRef<SetOp<Json>> for Plain {
        fn as_ref(&self) -> &SetOp<Json> {
            &self.0
        }
    }

    impl Op for Plain {
        fn f(&self) -> &str {
            self.0.f()
        }

        fn is_completed_by(&self, completion: &Self) -> bool {
            self.0.is_completed_by(&completion.0)
        }

        fn write<M: serde::ser::SerializeMap>(
            &self,
            kind: EventKind,
            line: &mut M,
        ) -> Result<(), M::Error> {
            self.0.write(kind, line)
        }
    }

    fn shown(lead: &Lead) -> Vec<(u64, &str)> {
        lead.operations.iter().map(|shown| (shown.invoked, shown.what.as_str())).collect()
    }

    #[test]
    fn a_lost_element_leads_to_its_addition_and_the_last_read_without_it() {
        let lead = checked(&[&[7], &[], &[]]).lead.unwrap();
        assert_eq!(lead.text, "7 was added and then lost.");
        assert_eq!(shown(&lead), [(0, "add 7"), (6, "read → []")]);
        assert_eq!(lead.clue, Clue::Missing { value: Json::from(7) });
    }

    #[test]
    fn the_last_read_of_who_added_it_says_most() {
        let read = |elements: &[i64]| {
            let elements: Vec<_> = elements.iter().map(|&element| Json::from(element)).collect();
            SetOp::Read { elements: Some(elements.into()) }
        };
        let add = SetOp::Add { element: Json::from(7) };
        // Before it was added it could not be there.
        let before = (0, READ, read(&[]));
        for (reader, expected) in [(0, 6), (2, 8)] {
            let operations = [
                before.clone(),
                (0, add.clone(), add.clone()),
                (1, READ, read(&[7])),
                (reader, READ, read(&[])),
                (1, READ, read(&[])),
            ];
            let mut history = Vec::new();
            for (process, asked, came) in operations {
                for (kind, op) in [(EventKind::Invoke, asked), (EventKind::Ok, came)] {
                    let index = history.len() as u64;
                    let event = Event::of_client(index, index, process, kind, Plain(op));
                    history.push(Event { is_final: index >= 6, ..event });
                }
            }
            let lead = check(&history).lead.unwrap();
            assert_eq!(shown(&lead), [(2, "add 7"), (expected, "read → []")]);
        }
    }

    #[test]
    fn reads_of_nothing_that_was_added_are_told() {
        let told = |reads: &[&[i64]]| checked(reads).notes;
        assert_eq!(
            told(&[&[], &[1, 2], &[3]]),
            [
                "nothing in any read was ever added: reads hold such as 1, and additions are such as 7; is \
              it a history of this workload?"
            ]
        );
        assert_eq!(
            [told(&[&[], &[1, 7]]), told(&[&[]]), told(&[])],
            [const { Vec::<String>::new() }; 3]
        );
    }

    #[test]
    fn an_element_that_came_twice_leads_to_the_read() {
        let lead = checked(&[&[7], &[7, 7]]).lead.unwrap();
        assert_eq!(lead.text, "7 came 2 times in one read.");
        assert_eq!(shown(&lead), [(4, "read → [7,7]")]);
    }

    #[test]
    fn what_is_well_leads_nowhere_and_has_its_spread() {
        let checked = checked(&[&[7]]);
        assert_eq!((checked.verdict, checked.lead), (Verdict::Valid, None));
        assert_eq!(checked.highlights.len(), 2);
        let [Exhibit { drawing: Drawing::Table(table), is_evidence: false, .. }] =
            &checked.exhibits[..]
        else {
            panic!("{:?}", checked.exhibits)
        };
        assert_eq!(table.rows.len(), 5);
    }
}
