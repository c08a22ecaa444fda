//! Why a key is not linearizable, as it is shown.

use checkers::linearizable::{Counterexample, RegisterOp};
use checkers::{Kind as EventKind, Record};
use proto::Json;

use crate::exhibit::{Drawing, Exhibit, TimeLine, shorten};

/// Of the values that a register can hold so many are shown.
const STATES_SHOWN: usize = 8;

/// An operation in a few words, with its key or without.
pub(super) fn label(record: &Record<RegisterOp<Json>>, has_key: bool) -> String {
    const LENGTH_MAX: usize = 18;
    let short = |json: &Json| shorten(&json.to_string(), LENGTH_MAX);
    let key = |sign: &str| match has_key && !record.op.key().is_null() {
        true => format!(" {}{sign}", short(record.op.key())),
        false => String::new(),
    };
    match &record.op {
        RegisterOp::Read { value, .. } => {
            let known = value.as_ref().filter(|_| record.outcome == EventKind::Ok);
            let read = known.map(|value| value.as_ref().map_or_else(|| "null".to_owned(), short));
            format!("read{}{}", key(""), read.map_or(String::new(), |read| format!(" → {read}")))
        }
        RegisterOp::Write { value, .. } => {
            format!("write{} {}", key(" ="), short(value))
        }
        RegisterOp::Cas { from, to, .. } => {
            format!("cas{} {} → {}", key(":"), short(from), short(to))
        }
    }
}

/// Why a key is not linearizable, to be drawn.
pub(super) fn violation(key: &Json, counterexample: &Counterexample<Json>) -> Exhibit {
    const LENGTH_MAX: usize = 18;
    let error = &counterexample.operation;
    let written = |op: &RegisterOp<Json>| match op {
        RegisterOp::Write { value, .. } | RegisterOp::Cas { to: value, .. } => {
            Some(shorten(&value.to_string(), LENGTH_MAX))
        }
        RegisterOp::Read { .. } => None,
    };
    let mut drawing = TimeLine::new(
        "register",
        error,
        &counterexample.concurrent,
        &counterexample.linearization_end,
        |record| label(record, false),
        written,
    );
    let state = |state: &Option<Json>| match state {
        Some(value) => shorten(&value.to_string(), LENGTH_MAX),
        None => "empty".to_owned(),
    };
    drawing.states = counterexample.states.iter().take(STATES_SHOWN).map(state).collect();
    Exhibit {
        name: "violation".to_owned(),
        title: "Why this is not linearizable".to_owned(),
        caption: format!(
            "Operations on {}. Red: {} of {}, for which the register would have to hold something else \
             than it can.",
            match key.is_null() {
                true => "the register".to_owned(),
                false => format!("key {}", shorten(&key.to_string(), 60)),
            },
            label(error, false),
            error.process
        ),
        is_evidence: true,
        drawing: Drawing::TimeLine(drawing),
    }
}
