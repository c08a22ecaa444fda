//! A history of transactions over registers, in numbers.

use std::fmt::Display;
use std::hash::Hash;

use super::Op;
use crate::transactions::analysis::Findings;
use crate::transactions::call::{Call, Outcome};
use crate::transactions::kind::Kind;
use crate::transactions::single;
use crate::transactions::versions::{NONE, Versions};
use crate::transactions::wording::Wording;

/// What a transaction had to do with a key, as others see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) transaction: u32,
    pub(super) key: u32,
    /// The version that it read before it wrote, or [`NONE`].
    pub(super) read: u32,
    /// The version that it wrote last, or [`NONE`].
    pub(super) written: u32,
}

/// A history of transactions that write and read registers, as it is recorded.
///
/// `K` and `V` are keys and values. A key to which a value is written twice makes the check fail;
/// see [`RepeatedWrite`](crate::transactions::RepeatedWrite).
#[derive(Clone, Debug)]
pub struct History<K, V> {
    pub(super) versions: Versions<K, V>,
    /// By transaction, and within one by key.
    pub(super) accesses: Vec<Access>,
    /// Further versions that committed transactions read, each with its reader.
    further_reads: Vec<(u32, u32)>,
    pub(super) findings: Findings,
    /// The micro-operations of one transaction by key.
    by_key: Vec<(u32, u32)>,
}

impl<K, V> Default for History<K, V> {
    fn default() -> Self {
        Self {
            versions: Versions::default(),
            accesses: Vec::new(),
            further_reads: Vec::new(),
            findings: Findings::default(),
            by_key: Vec::new(),
        }
    }
}

impl<K, V> History<K, V>
where
    K: Clone + Eq + Hash + Display,
    V: Clone + Eq + Hash + Display,
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
        for group in by_key.chunk_by(|a, b| a.0 == b.0) {
            let ops = group.iter().map(|&(_, place)| &ops[place as usize]);
            self.access(id, group[0].0, call.outcome == Outcome::Ok, ops);
        }
        self.by_key = by_key;
    }

    /// What a transaction did to one key.
    fn access<'o>(
        &mut self,
        id: u32,
        key: u32,
        are_reads_known: bool,
        ops: impl Iterator<Item = &'o Op<K, V>>,
    ) where
        K: 'o,
        V: 'o,
    {
        let mut access = Access { transaction: id, key, read: NONE, written: NONE };
        let mut expected = None;
        let first_further = self.further_reads.len();
        for op in ops {
            match op {
                Op::Write { value, .. } => {
                    let previous = (access.written != NONE).then_some(access.written);
                    let version = self.versions.write(id, key, value, previous);
                    access.written = version;
                    expected = Some(version);
                    let further = &self.further_reads[first_further..];
                    if access.read == version || further.iter().any(|&(_, read)| read == version) {
                        self.future_read(id, version);
                    }
                }
                Op::Read { value, .. } if are_reads_known => {
                    let version = match value {
                        Some(value) => self.versions.version(key, value),
                        None => self.versions.initial[key as usize],
                    };
                    match expected {
                        None => access.read = version,
                        Some(expected) if expected == version => {}
                        Some(expected) => {
                            self.further_reads.push((id, version));
                            self.internal(id, version, expected);
                        }
                    }
                    expected = Some(version);
                }
                Op::Read { .. } => {}
            }
        }
        if access.read != NONE || access.written != NONE {
            self.accesses.push(access);
        }
    }

    fn future_read(&mut self, id: u32, version: u32) {
        let versions = &self.versions;
        self.findings.add(Kind::FutureRead, || {
            let text = format!(
                "T{id} read {} from key {} before it wrote it itself.",
                versions.value(version).unwrap_or_default(),
                versions.key_name(version)
            );
            Wording::anomaly(versions, version, &[id], text)
        });
    }

    fn internal(&mut self, id: u32, seen: u32, expected: u32) {
        let versions = &self.versions;
        let value = |version| versions.value(version).unwrap_or_else(|| "nothing".to_owned());
        self.findings.add(Kind::Internal, || {
            let text = format!(
                "T{id} read {} from key {}, but by its own reads and writes before it must be {}.",
                value(seen),
                versions.key_name(seen),
                value(expected)
            );
            Wording::anomaly(versions, seen, &[id], text)
        });
    }
}

impl<K: Display, V: Display> History<K, V> {
    /// Anomalies that show without an order of versions.
    pub(super) fn find_phenomena(&mut self) {
        let mut findings = std::mem::take(&mut self.findings);
        let versions = &self.versions;
        let first = self.accesses.iter().map(|access| (access.transaction, access.read));
        let reads = first.chain(self.further_reads.iter().copied());
        for (reader, version) in reads.filter(|&(_, version)| version != NONE) {
            if versions.live_writer(version).is_none() && !versions.is_initial(version) {
                single::bad_read(versions, reader, version, about_nothing, &mut findings);
            }
            single::intermediate_read(versions, reader, version, &mut findings);
        }
        let mut updates: Vec<(u32, u32)> = self
            .accesses
            .iter()
            .filter(|access| access.read != NONE && access.written != NONE)
            .map(|access| (access.read, access.transaction))
            .collect();
        single::lost_updates(versions, &mut updates, &mut findings);
        self.findings = findings;
    }
}

/// Many languages have a value for what is not there, which is not the protocol's.
fn about_nothing(value: &str) -> &'static str {
    match value {
        "0" | "\"\"" | "false" => " A register to which nothing was written is read as null.",
        _ => "",
    }
}
