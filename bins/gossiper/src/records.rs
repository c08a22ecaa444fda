//! Records of an earlier life that are not as this program wrote them: what is said about them. One
//! policy for all nodes: such a node takes no part, because going on without a record would lose
//! what a client was told is kept.

use proto::{Error, Json, Local, Records};

use crate::value_set::{Position, ValueSet};

/// The refusal of records, the first of which that is wrong, missing or not known has this name.
pub(crate) fn damaged(name: &str) -> Error {
    Error::unusable_records(format_args!(
        "the records of an earlier life are damaged at or before `{name}`"
    ))
}

/// A record's key for people: a prefix that is text, and a number.
pub(crate) fn key_name(key: &[u8], prefixes: &[&[u8]]) -> String {
    for prefix in prefixes {
        if let Some(number) = key.strip_prefix(*prefix) {
            let number = match number.len() {
                4 => number.try_into().ok().map(u32::from_be_bytes).map(u64::from),
                8 => number.try_into().ok().map(u64::from_be_bytes),
                _ => None,
            };
            if let Some(number) = number {
                return format!("{}{number}", prefix.escape_ascii());
            }
        }
    }
    key.escape_ascii().to_string()
}

/// Where records of values begin; their position follows, so that they come back in their order.
pub(crate) const VALUE_KEY: &[u8] = b"value/";

/// The values of a node as records: all of them from position 0 on, never changed. One that is
/// missing, unreadable or there twice was damaged since: going on without it would lose it, and give
/// its position to another value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueRecords;

impl ValueRecords {
    /// Keeps a value, by its JSON text.
    pub(crate) fn keep(self, position: Position, text: String, ctx: &mut dyn Local) {
        ctx.put([VALUE_KEY, &position.to_be_bytes()].concat(), text.into_bytes());
    }

    /// The values of an earlier life that kept nothing else.
    pub(crate) fn restore(self, records: &Records) -> Result<ValueSet, Error> {
        let mut set = ValueSet::default();
        for (key, record) in records {
            self.take_up(key, record, &mut set)?;
        }
        Ok(set)
    }

    /// Adds the value of one record, which has to be the next one.
    pub(crate) fn take_up(
        self,
        key: &[u8],
        record: &[u8],
        set: &mut ValueSet,
    ) -> Result<(), Error> {
        let wrong = || damaged(&key_name(key, &[VALUE_KEY]));
        let position = key.strip_prefix(VALUE_KEY).ok_or_else(wrong)?;
        let text = std::str::from_utf8(record).map_err(|_| wrong())?;
        let value = Json::parse(text).map_err(|_| wrong())?;
        if position != set.len().to_be_bytes() || set.insert(value).is_none() {
            return Err(wrong());
        }
        Ok(())
    }
}
