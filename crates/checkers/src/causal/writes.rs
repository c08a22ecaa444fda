//! Was an acknowledged write lost? In a store that keeps concurrent values side by side a write may
//! be replaced only by one that has seen it, which may itself be replaced by one that has seen it in
//! turn. So a write is accounted for if it is still there, or if one that has seen it is accounted
//! for. A store where the last writer wins breaks that rule whenever two writers do not know of each
//! other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::verdict::Verdict;

/// A write that a client asked for. Every write has a name of its own, usually the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write<K, W> {
    /// The key that it went to.
    pub key: K,
    /// Its name.
    pub write: W,
    /// Whether the client was told that it happened. One of unknown outcome may be there or not.
    pub acknowledged: bool,
    /// The writes of the same key that the client says to have seen: those it has read, and those
    /// of its own that it goes on from. What these have seen in turn need not be named.
    pub seen: Vec<W>,
}

/// A read of a key, after everything is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalRead<K, W> {
    /// The key.
    pub key: K,
    /// The writes whose values came, side by side; none if there was no value.
    pub writes: Vec<W>,
}

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Writes<W> {
    /// Invalid if a write is lost, obsolete or made up; unknown if nothing was acknowledged or the
    /// key of an acknowledged write was not read in the end.
    #[serde(rename = "valid?")]
    pub verdict: Verdict,
    /// How many writes were acknowledged.
    pub acknowledged_count: usize,
    /// How many final reads there were.
    pub read_count: usize,
    /// How many acknowledged writes were replaced by one that had seen them, in every read.
    pub replaced_count: usize,
    /// The largest number of values that one read showed side by side.
    pub siblings_max: usize,
    /// Acknowledged writes that are missing from a final read and not accounted for.
    pub lost: Vec<W>,
    /// Writes that a final read showed beside one that had seen them.
    pub obsolete: Vec<W>,
    /// What a final read showed although nobody wrote it to that key.
    pub made_up: Vec<W>,
    /// Acknowledged writes whose key was not read in the end.
    pub unread: Vec<W>,
}

/// Checks writes against the reads that came after them: one read a key, or several at different
/// replicas, each of which has to account for every acknowledged write.
///
/// ```
/// use checkers::Verdict;
/// use checkers::causal::writes::{FinalRead, Write, check};
///
/// let write = |write, seen| Write { key: "x", write, acknowledged: true, seen };
/// let writes = [write("a", vec![]), write("b", vec![]), write("c", vec!["a"])];
/// let read = |writes| [FinalRead { key: "x", writes }];
/// assert_eq!(check(&writes, &read(vec!["b", "c"])).verdict, Verdict::Valid);
/// assert_eq!(check(&writes, &read(vec!["c"])).lost, ["b"]);
/// ```
pub fn check<K: Clone + Ord, W: Clone + Ord>(
    writes: &[Write<K, W>],
    reads: &[FinalRead<K, W>],
) -> Writes<W> {
    let mut keys: BTreeMap<&K, BTreeMap<&W, &Write<K, W>>> = BTreeMap::new();
    for write in writes {
        keys.entry(&write.key).or_default().insert(&write.write, write);
    }
    let (mut lost, mut obsolete, mut made_up) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut present_somewhere: BTreeSet<&W> = BTreeSet::new();
    let mut unread_keys: BTreeSet<&K> = keys.keys().copied().collect();
    for read in reads {
        unread_keys.remove(&read.key);
        let of_key = keys.get(&read.key);
        let find = |write: &W| of_key.and_then(|of_key| of_key.get(write)).copied();
        let present: BTreeSet<&W> = read.writes.iter().collect();
        made_up.extend(present.iter().copied().filter(|write| find(write).is_none()));
        let accounted = past(&present, find);
        let replaced = past_without(&present, find);
        obsolete.extend(present.intersection(&replaced).copied());
        let acknowledged = of_key.into_iter().flat_map(BTreeMap::values).filter(|w| w.acknowledged);
        lost.extend(acknowledged.map(|w| &w.write).filter(|write| !accounted.contains(write)));
        present_somewhere.extend(present);
    }
    let acknowledged = || writes.iter().filter(|write| write.acknowledged);
    let unread: Vec<W> = acknowledged()
        .filter(|write| unread_keys.contains(&write.key))
        .map(|write| write.write.clone())
        .collect();
    let replaced_count = acknowledged()
        .filter(|write| !unread_keys.contains(&write.key) && !lost.contains(&write.write))
        .filter(|write| !present_somewhere.contains(&write.write))
        .count();
    let acknowledged_count = acknowledged().count();
    let verdict = match lost.is_empty() && obsolete.is_empty() && made_up.is_empty() {
        false => Verdict::Invalid,
        true if acknowledged_count == 0 || !unread.is_empty() => Verdict::Unknown,
        true => Verdict::Valid,
    };
    let owned = |names: BTreeSet<&W>| names.into_iter().cloned().collect();
    Writes {
        verdict,
        acknowledged_count,
        read_count: reads.len(),
        replaced_count,
        siblings_max: reads.iter().map(|read| read.writes.len()).max().unwrap_or(0),
        lost: owned(lost),
        obsolete: owned(obsolete),
        made_up: owned(made_up),
        unread,
    }
}

/// These writes and all that they have seen, directly or through others.
fn past<'a, K: 'a, W: Ord>(
    present: &BTreeSet<&'a W>,
    find: impl Fn(&W) -> Option<&'a Write<K, W>>,
) -> BTreeSet<&'a W> {
    let mut past = present.clone();
    let mut open: Vec<&W> = present.iter().copied().collect();
    while let Some(write) = open.pop() {
        for seen in find(write).into_iter().flat_map(|write| &write.seen) {
            if past.insert(seen) {
                open.push(seen);
            }
        }
    }
    past
}

/// All that these writes have seen, directly or through others.
fn past_without<'a, K: 'a, W: Ord>(
    present: &BTreeSet<&'a W>,
    find: impl Fn(&W) -> Option<&'a Write<K, W>>,
) -> BTreeSet<&'a W> {
    let direct = |write: &&'a W| find(write).into_iter().flat_map(|write| &write.seen);
    let seen = present.iter().flat_map(direct).collect();
    past(&seen, find)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(write: u32, seen: &[u32]) -> Write<&'static str, u32> {
        Write { key: "x", write, acknowledged: true, seen: seen.to_vec() }
    }

    fn read(writes: &[u32]) -> FinalRead<&'static str, u32> {
        FinalRead { key: "x", writes: writes.to_vec() }
    }

    #[test]
    fn a_write_may_go_through_a_chain_of_writes_that_saw_each_other() {
        let writes = [write(1, &[]), write(2, &[1]), write(3, &[2])];
        let result = check(&writes, &[read(&[3])]);
        assert_eq!((result.verdict, result.replaced_count), (Verdict::Valid, 2));
    }

    #[test]
    fn a_write_of_unknown_outcome_in_the_chain_may_have_happened() {
        let mut writes = [write(1, &[]), write(2, &[1]), write(3, &[2])];
        writes[1].acknowledged = false;
        assert_eq!(check(&writes, &[read(&[3])]).verdict, Verdict::Valid);
        // But it is no excuse if nothing of it is left.
        assert_eq!(check(&writes[..2], &[read(&[])]).lost, [1]);
        assert_eq!(check(&writes[..2], &[read(&[1])]).verdict, Verdict::Valid);
    }

    #[test]
    fn the_last_of_two_writers_who_did_not_know_of_each_other_must_not_win() {
        let writes = [write(1, &[]), write(2, &[])];
        let result = check(&writes, &[read(&[2])]);
        assert_eq!((result.verdict, result.lost), (Verdict::Invalid, vec![1]));
        let result = check(&writes, &[read(&[1, 2])]);
        assert_eq!((result.verdict, result.siblings_max), (Verdict::Valid, 2));
    }

    #[test]
    fn every_replica_has_to_account_for_every_write() {
        let writes = [write(1, &[]), write(2, &[])];
        assert_eq!(check(&writes, &[read(&[1, 2]), read(&[1])]).lost, [2]);
    }

    #[test]
    fn a_store_that_keeps_everything_does_not_pass() {
        let writes = [write(1, &[]), write(2, &[1]), write(3, &[2])];
        let result = check(&writes, &[read(&[1, 3])]);
        assert_eq!((result.verdict, result.obsolete), (Verdict::Invalid, vec![1]));
    }

    #[test]
    fn a_value_that_nobody_wrote_there_is_made_up() {
        let elsewhere = Write { key: "y", ..write(2, &[]) };
        let result = check(&[write(1, &[]), elsewhere], &[read(&[1, 2, 3])]);
        assert_eq!((result.verdict, result.made_up), (Verdict::Invalid, vec![2, 3]));
    }

    #[test]
    fn without_acknowledged_writes_or_final_reads_nothing_is_known() {
        assert_eq!(check::<u32, u32>(&[], &[]).verdict, Verdict::Unknown);
        let result = check(&[write(1, &[])], &[]);
        assert_eq!((result.verdict, result.unread), (Verdict::Unknown, vec![1]));
    }
}
