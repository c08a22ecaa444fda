//! What is wrong with a log as it is shown: where to look first, and the offsets of a key over time.

use std::collections::BTreeMap;

use checkers::log::{Finding, FindingKind, KeyLog, LogResult};
use checkers::{Kind, Operation, Process};
use proto::Json;

use super::op::{KafkaOp, Part, PartOf, Polled};
use crate::exhibit::{
    Clue, Drawing, Exhibit, Group, Lead, Series, Shown, Style, describe, shorten,
};

/// Offsets that are drawn at most, and how many of them are around what is wrong.
const PLACES_MAX: usize = 48;
const PLACES_AROUND: usize = 8;
/// Points of one group.
const POINTS_MAX: usize = 2000;
/// Processes that have a line of their own, those that show what is wrong.
const PROCESSES_MAX: usize = 3;
/// Operations that are to be looked at.
const OPERATIONS_MAX: usize = 6;

type Finds<'a> = Finding<&'a String, &'a Json>;
type Log<'a> = LogResult<&'a String, &'a Json>;
type Ops<'a, 'b> = &'a [Operation<'b, KafkaOp>];

/// The first finding of each kind that must not be; of these the one that is told in the fewest words. After a
/// poll that is out of order in itself the next one seems to skip something, or to go back: that comes last.
fn first<'a, 'b>(log: &'a Log<'b>) -> Option<&'a Finds<'b>> {
    use FindingKind::{IntNonmonotonicPoll, NonmonotonicPoll, PollSkip};
    let is_out_of_order = log.findings.contains_key(&IntNonmonotonicPoll);
    let samples = log.forbidden().filter_map(|(_, findings)| findings.samples.first());
    samples.min_by_key(|finding| {
        let only_seems = is_out_of_order && matches!(finding.kind, PollSkip | NonmonotonicPoll);
        (only_seems, finding.explanation.len())
    })
}

/// Where to look first. Operations of findings go by the indices of the events that began them.
pub(super) fn lead(log: &Log<'_>, operations: Ops<'_, '_>) -> Option<Lead> {
    let finding = first(log)?;
    let witnesses = witnesses(finding, operations);
    let mut shown: Vec<_> = match &witnesses {
        Some(both) => both.iter().map(|witness| witness.operation).collect(),
        None => finding.operations.iter().filter_map(|&at| with_index(operations, at)).collect(),
    };
    let clue = match (finding.kind, &finding.key) {
        (FindingKind::Unseen | FindingKind::LostWrite, Some(key)) => {
            let offset = finding.offsets.first();
            let behind = offset.and_then(|offset| first_behind(operations, key, *offset));
            if behind.is_some() {
                shown
                    .retain(|operation| operation.op().parts().all(|part| part.polled().is_none()));
            }
            shown.extend(behind);
            Clue::NotKept { key: Json::from(key.as_str()), is_gone: true }
        }
        (FindingKind::InconsistentOffsets, Some(key)) => {
            Clue::NotKept { key: Json::from(key.as_str()), is_gone: false }
        }
        _ => Clue::Fault,
    };
    shown.sort_by_key(|operation| operation.invocation.index);
    shown.dedup_by_key(|operation| operation.invocation.index);
    shown.truncate(OPERATIONS_MAX);
    let tell = |operation: &&Operation<'_, KafkaOp>| Shown::new(operation, words(operation));
    let text = match &witnesses {
        Some([one, other]) => {
            format!("{} ({one}; {other}).", finding.explanation.trim_end_matches('.'))
        }
        None => finding.explanation.clone(),
    };
    Some(Lead {
        text,
        time: shown.last().map_or(0, |operation| operation.invocation.time),
        operations: shown.iter().map(tell).collect(),
        clue,
    })
}

/// An operation by which a message was at an offset.
struct Witness<'a, 'b> {
    operation: &'a Operation<'b, KafkaOp>,
    what: String,
}

impl std::fmt::Display for Witness<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.operation.invocation.process, self.what)
    }
}

/// By whom two things are known that cannot both be: two messages at one offset, or one at two. Who sent a message
/// was told where it is; where nobody was told that, it is who polled it there first.
fn witnesses<'a, 'b>(finding: &Finds<'_>, operations: Ops<'a, 'b>) -> Option<[Witness<'a, 'b>; 2]> {
    let key = finding.key.as_ref()?;
    let (values, offsets) = (&finding.values, &finding.offsets);
    let places = match finding.kind {
        FindingKind::Duplicate => {
            [(values.first()?, offsets.first()?), (values.first()?, offsets.get(1)?)]
        }
        FindingKind::InconsistentOffsets => {
            [(values.first()?, offsets.first()?), (values.get(1)?, offsets.first()?)]
        }
        _ => return None,
    };
    let [one, other] = places.map(|(value, offset)| {
        let is_sent = |part: PartOf<'_>| match part {
            Part::Send { key: own, message, offset: at } => {
                (own, message, at.as_ref()) == (key, value, Some(offset))
            }
            Part::Poll { .. } => false,
        };
        let is_polled = |part: PartOf<'_>| {
            let of_key = part.polled().into_iter().flatten().filter(|(own, _)| own == *key);
            of_key.flat_map(|(_, messages)| messages).any(|(at, own)| (at, own) == (offset, value))
        };
        let of = |is_meant: &dyn Fn(PartOf<'_>) -> bool| {
            let mut done = operations.iter().filter(|operation| operation.outcome() == Kind::Ok);
            done.find(|operation| operation.op().parts().any(is_meant))
        };
        let value = shorten(&value.to_string(), 24);
        let sent = of(&is_sent).map(|operation| Witness {
            operation,
            what: format!("sent {value} and was told that it is at {offset}"),
        });
        sent.or_else(|| {
            of(&is_polled)
                .map(|operation| Witness { operation, what: format!("polled {value} at {offset}") })
        })
    });
    Some([one?, other?])
}

/// The poll that first brought something behind an offset.
fn first_behind<'a, 'b>(
    operations: Ops<'a, 'b>,
    key: &str,
    offset: u64,
) -> Option<&'a Operation<'b, KafkaOp>> {
    let brings_later = |polled: &Polled| {
        let of_key = polled.iter().filter(|(other, _)| other == key);
        of_key.flat_map(|(_, messages)| messages).any(|(other, _)| *other > offset)
    };
    let polls = operations.iter().filter(|operation| operation.outcome() == Kind::Ok);
    let later =
        polls.filter(|operation| operation.op().parts().filter_map(Part::polled).any(brings_later));
    later.min_by_key(|operation| operation.completed_at)
}

fn with_index<'a, 'b>(operations: Ops<'a, 'b>, index: usize) -> Option<&'a Operation<'b, KafkaOp>> {
    let index = index as u64;
    let place = operations.partition_point(|operation| operation.invocation.index < index);
    operations.get(place).filter(|operation| operation.invocation.index == index)
}

fn words(operation: &Operation<'_, KafkaOp>) -> String {
    match operation.op() {
        op @ (KafkaOp::Send { .. }
        | KafkaOp::Poll { polled: Some(_), .. }
        | KafkaOp::Several { .. }) => op.parts().map(part_words).collect::<Vec<_>>().join("; "),
        op => describe(operation.asked, op, operation.outcome()),
    }
}

fn part_words(part: PartOf<'_>) -> String {
    match part {
        Part::Send { key, message, offset } => {
            let offset = offset.map_or_else(String::new, |offset| format!(" → offset {offset}"));
            format!("send {} to {key}{offset}", shorten(&message.to_string(), 24))
        }
        Part::Poll { polled } => {
            let of_key = |(key, messages): &(String, Vec<(u64, Json)>)| {
                let (first, last) = (messages.first()?.0, messages.last()?.0);
                Some(match first == last {
                    true => format!("{key}: {first}"),
                    false => format!("{key}: {first} to {last}"),
                })
            };
            let keys: Vec<_> = polled.into_iter().flatten().filter_map(of_key).take(6).collect();
            format!("poll → offsets of {}", keys.join(", "))
        }
    }
}

/// The offsets of the key that the first finding is about.
pub(super) fn exhibit(log: &Log<'_>, operations: Ops<'_, '_>) -> Option<Exhibit> {
    let finding = first(log)?;
    let key = finding.key.as_ref()?;
    let of_key = log.keys.iter().find(|of_key| of_key.key == *key)?;
    let offsets = Offsets::new(of_key, finding)?;
    let drawing = offsets.series(finding, log, operations);
    Some(Exhibit {
        name: "offsets".to_owned(),
        title: format!("Offsets of key {} over time", shorten(key, 40)),
        caption: format!(
            "When messages were sent and polled, by their offsets; those at which nothing was seen are \
             left out. {} What is wrong is red.",
            shorten(&finding.explanation, 400)
        ),
        is_evidence: true,
        drawing: Drawing::Series(drawing),
    })
}

/// The part of a key's log that is drawn.
struct Offsets<'a> {
    log: &'a KeyLog<&'a String, &'a Json>,
    ranks: std::ops::Range<usize>,
}

impl<'a> Offsets<'a> {
    /// Round what a finding is about; of a long log not all.
    fn new(log: &'a KeyLog<&'a String, &'a Json>, finding: &Finds<'_>) -> Option<Self> {
        let rank =
            |offset: &u64| log.places.binary_search_by_key(offset, |place| place.offset).ok();
        let ranks = || finding.offsets.iter().chain(&finding.skipped).filter_map(rank);
        let count = log.places.len();
        let (first, last) = (ranks().min().unwrap_or(0), ranks().max().unwrap_or(count));
        let from = first.saturating_sub(PLACES_AROUND);
        let to = (last + 1 + PLACES_AROUND).min(count).min(from + PLACES_MAX);
        (from < to).then_some(Self { log, ranks: from..to })
    }

    /// How high an offset stands, if it is drawn.
    fn height(&self, offset: u64) -> Option<f64> {
        let places = &self.log.places[self.ranks.clone()];
        let place = places.binary_search_by_key(&offset, |place| place.offset).ok();
        place.map(|place| place as f64)
    }

    fn series(&self, first: &Finds<'_>, log: &Log<'_>, operations: Ops<'_, '_>) -> Series {
        let of_finding = |index: &usize| Some(with_index(operations, *index)?.invocation.process);
        let mut shown: Vec<Process> = first.operations.iter().filter_map(of_finding).collect();
        shown.sort_unstable();
        shown.dedup();
        shown.truncate(PROCESSES_MAX);

        let mut sent = Vec::new();
        let mut polled: BTreeMap<Option<Process>, Vec<(u64, f64)>> = BTreeMap::new();
        for operation in operations {
            let Some(done) = operation.completion.filter(|done| done.kind == Kind::Ok) else {
                continue;
            };
            for part in operation.op().parts() {
                match part {
                    Part::Send { key, offset: Some(offset), .. } if key == self.log.key => {
                        sent.extend(self.height(offset).map(|height| (done.time, height)));
                    }
                    Part::Send { .. } => {}
                    Part::Poll { polled: messages } => {
                        let process = operation.invocation.process;
                        let whose = shown.contains(&process).then_some(process);
                        let messages = messages.into_iter().flatten();
                        let of_key = messages.filter(|(key, _)| key == self.log.key);
                        let offsets = of_key.flat_map(|(_, messages)| messages);
                        let point =
                            |(offset, _): &(u64, Json)| Some((done.time, self.height(*offset)?));
                        polled.entry(whose).or_default().extend(offsets.filter_map(point));
                    }
                }
            }
        }
        let group = |name: String, style, mut points: Vec<(u64, f64)>| {
            points.truncate(POINTS_MAX);
            Group { name, style, points }
        };
        let mut groups = vec![group("sent and acknowledged".to_owned(), Style::Marks, sent)];
        for (whose, points) in polled {
            groups.push(match whose {
                Some(process) => group(format!("polled by {process}"), Style::Line, points),
                None => group("polled by others".to_owned(), Style::Marks, points),
            });
        }
        let wrong = self.wrong(log, operations);
        groups.extend(
            wrong.into_iter().map(|(name, points)| group(name.to_owned(), Style::Wrong, points)),
        );
        groups.retain(|group| !group.points.is_empty());
        let places = &self.log.places[self.ranks.clone()];
        Series {
            axis: "offset".to_owned(),
            places: places.iter().map(|place| place.offset.to_string()).collect(),
            groups,
        }
    }

    /// What is wrong with this key, by what is to be said of it.
    fn wrong(
        &self,
        log: &Log<'_>,
        operations: Ops<'_, '_>,
    ) -> BTreeMap<&'static str, Vec<(u64, f64)>> {
        let mut wrong: BTreeMap<_, Vec<(u64, f64)>> = BTreeMap::new();
        let samples = log.forbidden().flat_map(|(_, findings)| &findings.samples);
        for finding in samples.filter(|finding| finding.key.as_ref() == Some(&self.log.key)) {
            let mut shown =
                finding.operations.iter().filter_map(|&index| with_index(operations, index));
            let (what, offsets, operation) = match finding.kind {
                FindingKind::PollSkip | FindingKind::IntPollSkip => {
                    ("skipped", &finding.skipped, shown.next_back())
                }
                FindingKind::LostWrite => ("lost", &finding.offsets, shown.next()),
                FindingKind::Unseen => ("polled by nobody", &finding.offsets, shown.next()),
                _ => ("must not be", &finding.offsets, shown.next_back()),
            };
            let Some(operation) = operation else { continue };
            let time = operation.completion.unwrap_or(operation.invocation).time;
            let heights = offsets.iter().filter_map(|&offset| self.height(offset));
            wrong.entry(what).or_default().extend(heights.map(|height| (time, height)));
        }
        // What is lost was polled by nobody: it is told once.
        let lost = wrong.get("lost").cloned().unwrap_or_default();
        if let Some(unseen) = wrong.get_mut("polled by nobody") {
            unseen.retain(|point| !lost.contains(point));
        }
        wrong
    }
}
