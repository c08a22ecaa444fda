//! A history of transactions over lists, in numbers.
//!
//! What is kept of a read is not its list but how long it is: almost every list that is read is a
//! beginning of the longest one read so far from the same key, the *trunk*, or goes on from there.
//! Others contradict it, and are kept in full.

use std::hash::Hash;

use super::Op;
use crate::transactions::analysis::Findings;
use crate::transactions::anomaly::Anomaly;
use crate::transactions::call::{Call, Outcome};
use crate::transactions::kind::Kind;
use crate::transactions::versions::{NONE, Versions};

/// What a list was, seen from the trunk of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The first so many elements of the trunk.
    Prefix(u32),
    /// Something else: the place in [`History::divergent`].
    Divergent(u32),
}

/// A read of a committed transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) transaction: u32,
    pub(super) key: u32,
    pub(super) shown: Shown,
    /// Its last element, or the initial version.
    pub(super) last: u32,
}

/// The longest list that was read from a key.
#[derive(Clone, Debug)]
pub(super) struct Trunk<V> {
    values: Vec<V>,
    pub(super) versions: Vec<u32>,
    /// How long a list has to be to have an element twice.
    pub(super) repeats_at: u32,
    /// The transaction that read it first.
    pub(super) reader: u32,
}

impl<V> Default for Trunk<V> {
    fn default() -> Self {
        Self { values: Vec::new(), versions: Vec::new(), repeats_at: NONE, reader: NONE }
    }
}

/// A history of transactions that append to lists and read them, as it is recorded.
///
/// `K` and `V` are keys and elements. A key whose elements are written twice makes the check fail;
/// see [`RepeatedWrite`](crate::transactions::RepeatedWrite).
#[derive(Clone, Debug)]
pub struct History<K, V> {
    pub(super) versions: Versions<K, V>,
    pub(super) trunks: Vec<Trunk<V>>,
    /// The place of each version in the trunk of its key.
    pub(super) position: Vec<u32>,
    pub(super) reads: Vec<Read>,
    /// Lists that are no beginnings of trunks.
    pub(super) divergent: Vec<Vec<u32>>,
    /// Versions that were read by a transaction which then wrote the key, each with the reader.
    pub(super) updates: Vec<(u32, u32)>,
    pub(super) findings: Findings,
    /// The micro-operations of one transaction by key.
    by_key: Vec<(u32, u32)>,
}

impl<K, V> Default for History<K, V> {
    fn default() -> Self {
        Self {
            versions: Versions::default(),
            trunks: Vec::new(),
            position: Vec::new(),
            reads: Vec::new(),
            divergent: Vec::new(),
            updates: Vec::new(),
            findings: Findings::default(),
            by_key: Vec::new(),
        }
    }
}

impl<K, V> History<K, V>
where
    K: Clone + Eq + Hash + std::fmt::Display,
    V: Clone + Eq + Hash + std::fmt::Display,
{
    /// A history without transactions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a transaction; its number is how many there were before. Any order will do.
    ///
    /// What it read matters only if its outcome is [`Outcome::Ok`].
    pub fn push(&mut self, call: Call, ops: &[Op<K, V>]) {
        let id = self.versions.calls.len() as u32;
        self.versions.calls.push(call);
        let mut by_key = std::mem::take(&mut self.by_key);
        by_key.clear();
        for (place, op) in (0..).zip(ops) {
            by_key.push((self.versions.key(op.key()), place));
        }
        by_key.sort_unstable();
        self.trunks.resize_with(self.versions.initial.len(), Trunk::default);
        for group in by_key.chunk_by(|a, b| a.0 == b.0) {
            let ops = group.iter().map(|&(_, place)| &ops[place as usize]);
            if call.outcome == Outcome::Ok {
                self.committed(id, group[0].0, ops);
            } else {
                self.appends(id, group[0].0, ops);
            }
        }
        self.by_key = by_key;
    }

    /// The appends to one key of a transaction whose reads are unknown.
    fn appends<'o>(&mut self, id: u32, key: u32, ops: impl Iterator<Item = &'o Op<K, V>>)
    where
        K: 'o,
        V: 'o,
    {
        let mut previous = None;
        for op in ops {
            if let Op::Append { element, .. } = op {
                previous = Some(self.versions.write(id, key, element, previous));
            }
        }
    }

    /// What a committed transaction did to one key.
    fn committed<'o>(&mut self, id: u32, key: u32, ops: impl Iterator<Item = &'o Op<K, V>>)
    where
        K: 'o,
        V: 'o,
    {
        // The last list read, and what the transaction appended after it.
        let mut seen: Option<&[V]> = None;
        let mut own: Vec<&V> = Vec::new();
        let mut previous = None;
        let mut first_read = None;
        let first = self.reads.len();
        for op in ops {
            match op {
                Op::Append { element, .. } => {
                    let is_first = previous.is_none();
                    let version = self.versions.write(id, key, element, previous);
                    if let (true, Some(read)) = (is_first, first_read) {
                        self.updates.push((read, id));
                    }
                    if self.reads[first..].iter().any(|read| self.shows(read.shown, version)) {
                        self.future_read(id, version);
                    }
                    previous = Some(version);
                    own.push(element);
                }
                Op::Read { elements, .. } => {
                    let list = elements.as_deref().unwrap_or_default();
                    if !is_consistent(list, seen, &own) {
                        self.internal(id, key, list, seen, &own);
                    }
                    let read = self.read(id, key, list);
                    if previous.is_none() {
                        first_read = first_read.or(Some(read.last));
                    }
                    self.reads.push(read);
                    seen = Some(list);
                    own.clear();
                }
            }
        }
    }

    /// Takes a list that was read, and makes it the trunk if it goes on from there.
    fn read(&mut self, transaction: u32, key: u32, list: &[V]) -> Read {
        let known = self.trunks[key as usize].values.len();
        let common = known.min(list.len());
        if list[..common] != self.trunks[key as usize].values[..common] {
            let versions: Vec<u32> =
                list.iter().map(|value| self.versions.version(key, value)).collect();
            let last = versions.last().copied().unwrap_or(self.versions.initial[key as usize]);
            self.divergent.push(versions);
            let shown = Shown::Divergent(self.divergent.len() as u32 - 1);
            return Read { transaction, key, shown, last };
        }
        for value in &list[common..] {
            let version = self.versions.version(key, value);
            self.position.resize(self.versions.key.len(), NONE);
            let trunk = &mut self.trunks[key as usize];
            trunk.reader = transaction;
            trunk.values.push(value.clone());
            trunk.versions.push(version);
            if self.position[version as usize] == NONE {
                self.position[version as usize] = trunk.versions.len() as u32 - 1;
            } else {
                trunk.repeats_at = trunk.repeats_at.min(trunk.versions.len() as u32);
            }
        }
        let last = match list.len() {
            0 => self.versions.initial[key as usize],
            length => self.trunks[key as usize].versions[length - 1],
        };
        Read { transaction, key, shown: Shown::Prefix(list.len() as u32), last }
    }

    /// Whether a list that was read has a version.
    fn shows(&self, shown: Shown, version: u32) -> bool {
        match shown {
            Shown::Prefix(length) => {
                self.position.get(version as usize).is_some_and(|&position| position < length)
            }
            Shown::Divergent(place) => self.divergent[place as usize].contains(&version),
        }
    }

    fn future_read(&mut self, id: u32, version: u32) {
        let versions = &self.versions;
        self.findings.add(Kind::FutureRead, || {
            let (key, value) =
                (versions.key_name(version), versions.value(version).unwrap_or_default());
            Anomaly {
                transactions: vec![id as usize],
                explanation: format!(
                    "T{id} read {value} from key {key} before it appended it itself."
                ),
                key: Some(key),
                steps: Vec::new(),
            }
        });
    }

    fn internal(&mut self, id: u32, key: u32, list: &[V], seen: Option<&[V]>, own: &[&V]) {
        let initial = self.versions.initial[key as usize];
        let versions = &self.versions;
        self.findings.add(Kind::Internal, || {
            let key = versions.key_name(initial);
            let mut expected: Vec<String> = seen.map_or_else(
                || vec!["...".to_owned()],
                |list| list.iter().map(ToString::to_string).collect(),
            );
            expected.extend(own.iter().map(ToString::to_string));
            let list: Vec<String> = list.iter().map(ToString::to_string).collect();
            Anomaly {
                transactions: vec![id as usize],
                explanation: format!(
                    "T{id} read [{}] from key {key}, but after what it had itself read and appended there it must be [{}].",
                    list.join(" "),
                    expected.join(" ")
                ),
                key: Some(key),
                steps: Vec::new(),
            }
        });
    }
}

/// Whether a list can be read by a transaction that read `seen` before and then appended `own`.
fn is_consistent<V: Eq>(list: &[V], seen: Option<&[V]>, own: &[&V]) -> bool {
    let Some(before) = list.len().checked_sub(own.len()) else { return false };
    let (start, end) = list.split_at(before);
    seen.is_none_or(|seen| seen == start) && end.iter().eq(own.iter().copied())
}
