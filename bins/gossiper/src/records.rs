//! Records of an earlier life that are not as this program wrote them: what is said about them. One
//! policy for all nodes: such a node takes no part, because going on without a record would lose
//! what a client was told is kept.

use proto::{Error, ErrorCode};

/// The refusal of records, the first of which that is wrong, missing or not known has this name.
pub(crate) fn damaged(name: &str) -> Error {
    let text = format!(
        "the records of an earlier life are damaged at or before `{name}`: restore the directory \
         of this node in the state directory, or remove it to start empty"
    );
    Error::new(ErrorCode::Abort, text)
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
