//! Records as JSON, and what may be wrong with them.

use proto::{Local, Records};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Records that are not as this program wrote them. Nothing of such a storage may be used, since
/// what is missing may have been promised.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(String);

impl Unusable {
    /// What is wrong, as a clause.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// What is wrong with one record.
    pub(crate) fn record(key: &[u8], what: impl std::fmt::Display) -> Self {
        Self(format!("the record `{}` {what}", key.escape_ascii()))
    }
}

pub(crate) fn put<T: Serialize>(ctx: &mut dyn Local, key: Vec<u8>, value: &T) {
    // Numbers, names, JSON values and lists of pairs: nothing that JSON cannot hold.
    ctx.put(key, serde_json::to_vec(value).unwrap_or_default());
}

pub(crate) fn get<T: DeserializeOwned>(
    records: &Records,
    key: &[u8],
) -> Result<Option<T>, Unusable> {
    records.get(key).map(|value| parse(key, value)).transpose()
}

pub(crate) fn parse<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Unusable> {
    serde_json::from_slice(value)
        .map_err(|error| Unusable::record(key, format_args!("cannot be read: {error}")))
}
