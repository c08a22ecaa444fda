//! Operations of a history that stand as a whole, and not as two events.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use checkers::linearizable::RegisterOp;
use checkers::{Event, Kind};
use proto::Json;

/// What operations are called.
const NAMES: [&str; 5] = ["read", "get", "write", "put", "cas"];

/// What the times of an operation are called.
const TIMES: [[&str; 2]; 6] = [
    ["start", "end"],
    ["start_time", "end_time"],
    ["start-time", "end-time"],
    ["invoke", "complete"],
    ["invoked_at", "completed_at"],
    ["call", "return"],
];

/// What an `outcome` or a `status` says; any other word says that all went well.
const OUTCOMES: [(&str, Kind); 6] = [
    ("fail", Kind::Fail),
    ("failed", Kind::Fail),
    ("rejected", Kind::Fail),
    ("info", Kind::Info),
    ("unknown", Kind::Info),
    ("timeout", Kind::Info),
];

/// An operation, and how it ended.
pub(super) struct Whole {
    pub kind: Kind,
    pub op: RegisterOp<Json>,
    /// Nothing where the operation was over before the next one of the list began.
    pub span: Option<Span>,
}

/// When an operation began and ended, in whatever unit; without an end it is open.
pub(super) struct Span {
    start: Json,
    end: Option<Json>,
}

/// Reads an operation; nothing, where the text is an event of one.
pub(super) fn read(text: &str) -> Option<Result<Whole, String>> {
    let mut fields: BTreeMap<String, Json> = serde_json::from_str(text).ok()?;
    let word = |field: &str| serde_json::from_str::<String>(&fields.get(field)?.text()).ok();
    // Events have a type of their own.
    let is_event = |kind: String| !NAMES.contains(&kind.as_str());
    if word("type").is_some_and(is_event) || word("process").is_some_and(|it| it == "nemesis") {
        return None;
    }
    let name = ["op", "f", "operation", "type"].into_iter().find_map(word)?;
    let has_failed = |field| fields.get(field).is_some_and(|value| value.text() == "false");
    let outcome = ["outcome", "status"].into_iter().find_map(word);
    let named = OUTCOMES.into_iter().find(|(name, _)| outcome.as_deref() == Some(name));
    let kind = match named {
        _ if ["ok", "success"].into_iter().any(has_failed) => Kind::Fail,
        Some((_, kind)) => kind,
        None => Kind::Ok,
    };
    Some(span(&mut fields).and_then(|span| {
        let op = operation(&name, &mut fields)?;
        Ok(Whole { kind, op, span })
    }))
}

fn span(fields: &mut BTreeMap<String, Json>) -> Result<Option<Span>, String> {
    let mut take = |field| fields.remove(field).filter(|time| !time.is_null());
    for [start, end] in TIMES {
        let Some(began) = take(start) else { continue };
        let ended = take(end);
        if ended.as_ref().is_some_and(|ended| ended.cmp_by_value(&began) == Ordering::Less) {
            return Err(format!("its `{end}` comes before its `{start}`"));
        }
        return Ok(Some(Span { start: began, end: ended }));
    }
    Ok(None)
}

/// The events of operations, each with its place in the list, in the order of their times. Where one
/// begins in the moment in which another ends, nobody can tell which was first: they overlap.
pub(super) fn in_time(
    operations: Vec<(u64, RegisterOp<Json>, Kind, Span)>,
) -> Vec<Event<RegisterOp<Json>>> {
    let mut moments = Vec::with_capacity(2 * operations.len());
    for (index, op, kind, Span { start, end }) in operations {
        // Each is a process of its own: a client's name would say no more than the times.
        let invocation = Event::of_client(index, index, index, Kind::Invoke, asked(&op));
        match end {
            Some(end) => {
                moments.push((start, false, invocation));
                moments.push((end, true, Event::of_client(index, index, index, kind, op)));
            }
            // It did not happen, whenever that was known.
            None if kind == Kind::Fail => {}
            None => moments.push((start, false, invocation)),
        }
    }
    moments.sort_by(|(time, is_end, _), (other, is_others_end, _)| {
        time.cmp_by_value(other).then(is_end.cmp(is_others_end))
    });
    moments.into_iter().map(|(_, _, event)| event).collect()
}

fn operation(name: &str, fields: &mut BTreeMap<String, Json>) -> Result<RegisterOp<Json>, String> {
    let key = fields.remove("key").unwrap_or_else(Json::null);
    let result = fields.remove("result");
    let mut take = |field| fields.remove(field).ok_or_else(|| format!("`{field}` is not there"));
    Ok(match name {
        "read" | "get" => {
            let value = take("value").ok().filter(|value| !value.is_null()).or(result);
            RegisterOp::Read { key, value: Some(value.filter(|value| !value.is_null())) }
        }
        "write" | "put" => RegisterOp::Write { key, value: take("value")? },
        "cas" => {
            let [from, to] = match take("value") {
                Ok(both) => serde_json::from_str(&both.text())
                    .map_err(|_| "the value of a cas has to be [from, to]".to_owned())?,
                Err(_) => [take("from")?, take("to")?],
            };
            RegisterOp::Cas { key, from, to }
        }
        _ => return Err(format!("an operation is read, write or cas, not `{name}`")),
    })
}

/// What was asked before it was known what came of it.
pub(super) fn asked(op: &RegisterOp<Json>) -> RegisterOp<Json> {
    match op {
        RegisterOp::Read { key, .. } => RegisterOp::Read { key: key.clone(), value: None },
        other => other.clone(),
    }
}
