//! Anomalies as they are shown: where to look first, and the circles of transactions.

use checkers::Operation;
use checkers::transactions::{Anomaly, Dependency, Kind, Step as Proof};
use proto::Json;

use super::micro::{Micro, Txn, elements};
use super::unseen::{self, clue};
use crate::exhibit::{Cycle, Drawing, Exhibit, Lead, Member, Part, Shown, Step, shorten};

/// Operations of one anomaly that are to be looked at.
const OPERATIONS_MAX: usize = 6;
/// Circles that are drawn, of the kinds that are forbidden.
const CYCLES_MAX: usize = 3;
/// Longer circles are told, but not drawn: nobody could read them.
const MEMBERS_MAX: usize = 16;
/// Micro-operations of one transaction that are drawn, those on which a step rests before others.
const PARTS_MAX: usize = 8;
/// A value is cut after so many characters.
const VALUE_LENGTH_MAX: usize = 24;

/// Of these anomalies the one that is explained in the fewest words.
pub(super) fn lead<'a>(
    anomalies: impl Iterator<Item = (Kind, &'a Anomaly)>,
    operations: &[Operation<'_, Txn>],
) -> Option<Lead> {
    let (kind, anomaly) = anomalies.min_by_key(|(_, anomaly)| anomaly.explanation.len())?;
    let clue = clue(kind, anomaly, operations);
    let mut numbers = anomaly.transactions.clone();
    numbers.extend(unseen::writers(&clue, operations));
    numbers.sort_unstable();
    numbers.dedup();
    let shown: Vec<_> = numbers.iter().take(OPERATIONS_MAX).collect();
    let tell = |&&number: &&usize| {
        let operation = &operations[number];
        let text = shorten(&operation.op().to_string(), 2 * VALUE_LENGTH_MAX);
        Shown::new(operation, format!("T{number} {text}"))
    };
    let last = shown.last().map(|&&number| operations[number].invocation.time);
    Some(Lead {
        text: match anomaly.steps.is_empty() {
            true => format!("{kind}: {}", anomaly.explanation),
            false => anomaly.explanation.clone(),
        },
        time: last.unwrap_or(0),
        operations: shown.iter().map(tell).collect(),
        clue,
    })
}

/// The circles among these anomalies, to be drawn.
pub(super) fn exhibits<'a>(
    anomalies: impl Iterator<Item = (Kind, &'a Anomaly)>,
    operations: &[Operation<'_, Txn>],
) -> Vec<Exhibit> {
    let is_drawn =
        |(_, anomaly): &(Kind, &Anomaly)| (1..=MEMBERS_MAX).contains(&anomaly.steps.len());
    let circles = anomalies.filter(is_drawn).take(CYCLES_MAX);
    let exhibit = |(place, (kind, anomaly)): (usize, (Kind, &Anomaly))| Exhibit {
        name: format!("cycle-{}", place + 1),
        title: format!("{kind}: {}", kind.description()),
        caption: "Each arrow leads from a transaction to one that must come after it, with the \
                  proof; together they lead back to where they began, so there is no order."
            .to_owned(),
        is_evidence: true,
        drawing: Drawing::Cycle(cycle(&anomaly.steps, operations)),
    };
    circles.enumerate().map(exhibit).collect()
}

fn cycle(proofs: &[Proof], operations: &[Operation<'_, Txn>]) -> Cycle {
    let place = |number| proofs.iter().position(|proof| proof.from == number).unwrap_or(0);
    let step = |proof: &Proof| Step {
        from: place(proof.from),
        to: place(proof.to),
        kind: proof.dependency.name().to_owned(),
        meaning: meaning(proof.dependency).to_owned(),
        about: about(proof),
        why: proof.explanation.clone(),
    };
    Cycle {
        members: proofs.iter().map(|proof| member(proof.from, proofs, operations)).collect(),
        steps: proofs.iter().map(step).collect(),
    }
}

fn member(number: usize, proofs: &[Proof], operations: &[Operation<'_, Txn>]) -> Member {
    let operation = &operations[number];
    let rests_on = |micro: &Micro| {
        let key = micro.key.to_string();
        let of_member = |proof: &&Proof| proof.from == number || proof.to == number;
        proofs.iter().filter(of_member).any(|proof| proof.key.as_ref() == Some(&key))
    };
    let mut parts: Vec<(usize, Part)> = operation
        .op()
        .micros()
        .iter()
        .map(|micro| Part { text: words(micro), is_involved: rests_on(micro) })
        .enumerate()
        .collect();
    if parts.len() > PARTS_MAX {
        parts.sort_by_key(|(place, part)| (!part.is_involved, *place));
        parts.truncate(PARTS_MAX);
        parts.sort_by_key(|(place, _)| *place);
    }
    Member {
        name: format!("T{number}"),
        process: operation.invocation.process,
        events: (operation.invocation.index, operation.completion.map(|event| event.index)),
        parts: parts.into_iter().map(|(_, part)| part).collect(),
    }
}

/// A micro-operation; of long lists the end, which is what counts.
fn words(micro: &Micro) -> String {
    let short = |json: &Json| shorten(&json.to_string(), VALUE_LENGTH_MAX);
    let key = short(&micro.key);
    if !micro.is_read() {
        return format!("{} {key} {}", micro.f, short(&micro.value));
    }
    let text = micro.value.to_string();
    let value = match elements(&micro.value) {
        Ok(Some(list)) if text.chars().count() > VALUE_LENGTH_MAX => {
            let last = &list[list.len().saturating_sub(3)..];
            let last: Vec<_> =
                last.iter().map(|element| shorten(&element.to_string(), 12)).collect();
            format!("[…,{}]", last.join(","))
        }
        _ => short(&micro.value),
    };
    format!("r {key} → {value}")
}

/// Key and versions.
fn about(proof: &Proof) -> String {
    let short = |text: &String| shorten(text, VALUE_LENGTH_MAX);
    let Some(key) = &proof.key else { return String::new() };
    let version =
        |value: &Option<String>| value.as_ref().map_or_else(|| "nothing".to_owned(), short);
    let (before, after) = (version(&proof.before), version(&proof.after));
    match proof.dependency {
        Dependency::WriteRead => format!("key {}: {before}", short(key)),
        _ => format!("key {}: {before}, then {after}", short(key)),
    }
}

const fn meaning(dependency: Dependency) -> &'static str {
    match dependency {
        Dependency::WriteWrite => "the next wrote over it",
        Dependency::WriteRead => "the next read what it wrote",
        Dependency::ReadWrite => "the next wrote over what it read",
        Dependency::Process => "the same process did the next later",
        Dependency::Realtime => "it had returned when the next began",
    }
}
