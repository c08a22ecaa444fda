//! Numbers for keys, for the versions of their objects and for transactions.
//!
//! Every value that is written to or read from a key is a *version* of that key's object, and gets
//! a number the first time it is met; so does the initial state of each key. All the rest of the
//! checkers works on these numbers. They depend on the order of the history only.

use std::fmt;
use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::call::{Call, Outcome};

/// The number of no key, version or transaction.
pub(super) const NONE: u32 = u32::MAX;

/// Versions of all keys, and who wrote them.
#[derive(Clone, Debug)]
pub(super) struct Versions<K, V> {
    keys: FxHashMap<K, u32>,
    ids: FxHashMap<(u32, V), u32>,
    /// The names behind the numbers of keys and versions, for explanations.
    key_names: Vec<K>,
    values: Vec<Option<V>>,
    /// The initial version of each key.
    pub(super) initial: Vec<u32>,
    /// The key of each version.
    pub(super) key: Vec<u32>,
    /// The transaction that wrote each version, or [`NONE`].
    pub(super) writer: Vec<u32>,
    /// What the writer of a version wrote to the same key after it, or [`NONE`].
    pub(super) replaced_by: Vec<u32>,
    /// All transactions.
    pub(super) calls: Vec<Call>,
    /// The first value that was written twice: version and second writer.
    pub(super) repeated: Option<(u32, u32)>,
}

/// A value was written to a key by more than one transaction, or twice by one: what was read can
/// not be traced to its writer, and nothing can be said of such a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "value {value} was written to key {key} twice, by T{first} and by T{second}; written values must be unique for each key"
)]
pub struct RepeatedWrite {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// The number of the transaction that wrote it first.
    pub first: usize,
    /// The number of the transaction that wrote it again.
    pub second: usize,
}

impl<K, V> Default for Versions<K, V> {
    fn default() -> Self {
        Self {
            keys: FxHashMap::default(),
            ids: FxHashMap::default(),
            key_names: Vec::new(),
            values: Vec::new(),
            initial: Vec::new(),
            key: Vec::new(),
            writer: Vec::new(),
            replaced_by: Vec::new(),
            calls: Vec::new(),
            repeated: None,
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone + Eq + Hash> Versions<K, V> {
    /// The number of a key.
    pub(super) fn key(&mut self, key: &K) -> u32 {
        if let Some(&id) = self.keys.get(key) {
            return id;
        }
        let id = self.initial.len() as u32;
        self.keys.insert(key.clone(), id);
        self.key_names.push(key.clone());
        let initial = self.add(id, None);
        self.initial.push(initial);
        id
    }

    /// The number of a value of a key.
    pub(super) fn version(&mut self, key: u32, value: &V) -> u32 {
        let next = self.key.len() as u32;
        let id = *self.ids.entry((key, value.clone())).or_insert(next);
        if id == next {
            self.add(key, Some(value.clone()));
        }
        id
    }

    /// Records that `writer` wrote `value` to `key`, after it had written `previous`.
    pub(super) fn write(&mut self, writer: u32, key: u32, value: &V, previous: Option<u32>) -> u32 {
        let version = self.version(key, value);
        if self.writer[version as usize] == NONE {
            self.writer[version as usize] = writer;
        } else if self.repeated.is_none() {
            self.repeated = Some((version, writer));
        }
        if let Some(previous) = previous {
            self.replaced_by[previous as usize] = version;
        }
        version
    }

    fn add(&mut self, key: u32, value: Option<V>) -> u32 {
        let id = self.key.len() as u32;
        self.key.push(key);
        self.values.push(value);
        self.writer.push(NONE);
        self.replaced_by.push(NONE);
        id
    }
}

impl<K, V> Versions<K, V> {
    pub(super) fn is_initial(&self, version: u32) -> bool {
        self.initial[self.key[version as usize] as usize] == version
    }

    /// Whether the writer of a version wrote to the same key again.
    pub(super) fn is_intermediate(&self, version: u32) -> bool {
        self.replaced_by[version as usize] != NONE
    }

    /// Who wrote a version, unless it was nobody or a transaction that failed.
    pub(super) fn live_writer(&self, version: u32) -> Option<u32> {
        let writer = self.writer[version as usize];
        (writer != NONE && self.outcome(writer) != Outcome::Fail).then_some(writer)
    }

    pub(super) fn outcome(&self, transaction: u32) -> Outcome {
        self.calls[transaction as usize].outcome
    }
}

impl<K: fmt::Display, V: fmt::Display> Versions<K, V> {
    pub(super) fn key_name(&self, version: u32) -> String {
        self.key_names[self.key[version as usize] as usize].to_string()
    }

    /// The value of a version; `None` for the initial state.
    pub(super) fn value(&self, version: u32) -> Option<String> {
        self.values[version as usize].as_ref().map(ToString::to_string)
    }

    /// What is wrong if a value was written twice.
    pub(super) fn check_unique(&self) -> Result<(), RepeatedWrite> {
        self.repeated.map_or(Ok(()), |(version, second)| {
            Err(RepeatedWrite {
                key: self.key_name(version),
                value: self.value(version).unwrap_or_default(),
                first: self.writer[version as usize] as usize,
                second: second as usize,
            })
        })
    }
}
