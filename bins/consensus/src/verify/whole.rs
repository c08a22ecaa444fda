//! Operations of a history that stand as a whole, without their beginning and end.

use std::collections::BTreeMap;

use checkers::Kind;
use checkers::linearizable::RegisterOp;
use proto::Json;

/// What operations are called.
const NAMES: [&str; 5] = ["read", "get", "write", "put", "cas"];

/// Reads an operation and how it ended; nothing, where the text is an event of one.
pub(super) fn read(text: &str) -> Option<Result<(Kind, RegisterOp<Json>), String>> {
    let mut fields: BTreeMap<String, Json> = serde_json::from_str(text).ok()?;
    let word = |field: &str| serde_json::from_str::<String>(&fields.get(field)?.text()).ok();
    // Events have a type of their own.
    let is_event = |kind: String| !NAMES.contains(&kind.as_str());
    if word("type").is_some_and(is_event) || word("process").is_some_and(|it| it == "nemesis") {
        return None;
    }
    let name = ["op", "f", "operation", "type"].into_iter().find_map(word)?;
    let has_failed = |field| fields.get(field).is_some_and(|value| value.text() == "false");
    let kind = if ["ok", "success"].into_iter().any(has_failed) { Kind::Fail } else { Kind::Ok };
    Some(operation(&name, &mut fields).map(|op| (kind, op)))
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
