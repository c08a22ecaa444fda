//! Writes that were refused and happened all the same.

use std::io;

use checkers::Kind;
use proto::ErrorCode;
use serde_json::Value;

use super::search::{Search, parsed};
use super::why::written_by;
use crate::history::Operation;
use crate::report::text;

/// So many operations are looked at, the latest ones first.
const LOOKED_AT_MAX: usize = 2000;

impl Search<'_> {
    /// The last write of what was read that was answered with an error by which it did not happen, if it came
    /// after the last one that succeeded. What a comparison that found something else would have written is not
    /// meant: that happens in every right store.
    pub(super) fn refused_and_done(
        &mut self,
        key: &Value,
        read: &Operation,
    ) -> io::Result<Option<String>> {
        let Some(found) = self.found(read)? else { return Ok(None) };
        let history = self.evidence.history;
        let before = history.operations.partition_point(|operation| {
            operation.invoked.index <= read.completed.unwrap_or(read.invoked).index
        });
        for operation in history.operations[..before].iter().rev().take(LOOKED_AT_MAX) {
            let function = history.function(operation);
            if written_by(function).is_none() || operation.invoked.index == read.invoked.index {
                continue;
            }
            let values = self.values.values(operation)?;
            let of_key = values.key.as_deref().map(parsed).is_none_or(|own| own == *key);
            if !of_key || written(function, parsed(&values.asked)) != found {
                continue;
            }
            if operation.outcome != Kind::Fail {
                return Ok(None);
            }
            let error = values.error.as_deref().map_or(Value::Null, parsed);
            let Some(name) = error.get(0).and_then(Value::as_str) else { continue };
            let found_other = [ErrorCode::PreconditionFailed, ErrorCode::KeyDoesNotExist];
            if function == "cas" && found_other.iter().any(|code| code.name() == name) {
                continue;
            }
            let end = operation.completed.unwrap_or(operation.invoked);
            return Ok(Some(format!(
                "The {function} of process {} (event {} to {}) would have put {} there and was answered, at {}, \
                 with the error `{}`, which says that it did not happen: did it?",
                operation.process,
                operation.invoked.index,
                end.index,
                text::line(&found.to_string(), 80),
                text::seconds(end.time),
                text::line(name, 60),
            )));
        }
        Ok(None)
    }

    /// What an operation that succeeded found in the register.
    fn found(&mut self, read: &Operation) -> io::Result<Option<Value>> {
        if read.outcome != Kind::Ok {
            return Ok(None);
        }
        let values = self.values.values(read)?;
        Ok(match self.evidence.history.function(read) {
            "read" => values.answered.as_deref().map(parsed).filter(|value| !value.is_null()),
            "cas" => parsed(&values.asked).get(0).cloned(),
            _ => None,
        })
    }
}

/// What a write or a comparison puts into the register.
fn written(function: &str, asked: Value) -> Value {
    match function {
        "cas" => asked.get(1).cloned().unwrap_or(Value::Null),
        _ => asked,
    }
}
