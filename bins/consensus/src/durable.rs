//! What a node keeps in its state directory: its incarnation and those it has
//! met, term and vote, log, snapshot. One record each, one an entry; all of
//! them JSON. Nodes are called by their names.

use std::collections::BTreeMap;

use proto::{Local, NodeId, Records};
use raft::{Incarnation, LogIndex, MemberId, Record, Restored, Snapshot, Term};
use serde::{Deserialize, Serialize};

use crate::command::SharedCommand;
use crate::machine::Machine;
use crate::members::Members;
use crate::peer::{self, Entry, SharedState};
use crate::records::{Unusable, get, parse, put};
use crate::wire::{from_wire_entry, from_wire_members, to_wire_entry, to_wire_members};

const INCARNATION: &[u8] = b"incarnation";
/// Those of all nodes that have been met, by name.
const INCARNATIONS: &[u8] = b"incarnations";
const BALLOT: &[u8] = b"ballot";
const SNAPSHOT: &[u8] = b"snapshot";
/// Followed by the index, so that the order of the keys is that of the log.
const ENTRY: &[u8] = b"entry/";
/// After every entry.
const ENTRIES_END: &[u8] = b"entry0";

#[derive(Debug, Serialize, Deserialize)]
struct Ballot {
    term: u64,
    voted_for: Option<Candidate>,
}

/// Who got a vote.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Candidate {
    Name(NodeId),
    /// Its rank among the members, as earlier versions stored it.
    Rank(usize),
}

impl Candidate {
    fn member(self, members: &Members) -> Result<MemberId, Unusable> {
        let name = match self {
            Self::Name(name) => name,
            Self::Rank(rank) => match members.at_rank(rank) {
                Some(name) => name.clone(),
                None => return Err(Unusable::new("the records are of a larger cluster")),
            },
        };
        members.id(&name).ok_or_else(|| foreign(&name))
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct StoredSnapshot<M: Machine> {
    index: u64,
    term: u64,
    /// The members after it; earlier versions knew of the first ones only.
    #[serde(default)]
    members: Option<peer::Members>,
    state: SharedState<M>,
}

/// What a node had stored.
#[derive(Debug)]
pub(crate) struct Life<M: Machine> {
    /// The number drawn when the storage was new.
    pub(crate) incarnation: u64,
    /// What Raft had stored.
    pub(crate) restored: Restored<SharedCommand<M>, SharedState<M>>,
}

/// Reads the records of an earlier life; `None` if there was none.
///
/// # Errors
///
/// Records that are not what this program writes for this cluster.
pub(crate) fn restore<M: Machine>(
    records: &Records,
    members: &Members,
) -> Result<Option<Life<M>>, Unusable> {
    if records.is_empty() {
        return Ok(None);
    }
    let known = [INCARNATION, INCARNATIONS, BALLOT, SNAPSHOT];
    if let Some(key) = records.keys().find(|k| !known.contains(&&k[..]) && !k.starts_with(ENTRY)) {
        return Err(Unusable::record(key, "is of another kind of node"));
    }
    let Some(incarnation) = get(records, INCARNATION)? else {
        return Err(Unusable::record(INCARNATION, "is missing"));
    };
    let ballot = get::<Ballot>(records, BALLOT)?.unwrap_or(Ballot { term: 0, voted_for: None });
    let voted_for = ballot.voted_for.map(|candidate| candidate.member(members)).transpose()?;
    let snapshot = match get::<StoredSnapshot<M>>(records, SNAPSHOT)? {
        None => None,
        Some(stored) => Some(Snapshot {
            index: LogIndex(stored.index),
            term: Term(stored.term),
            configuration: from_wire_members(stored.members, members)
                .ok_or_else(|| strange(SNAPSHOT))?,
            state: stored.state,
        }),
    };
    let entries = restore_entries(records, snapshot.as_ref(), members)?;
    let last = entries.last().map(|entry| entry.term);
    if last.max(snapshot.as_ref().map(|snapshot| snapshot.term)) > Some(Term(ballot.term)) {
        return Err(Unusable::record(BALLOT, "is older than the log"));
    }
    let met = get::<BTreeMap<NodeId, u64>>(records, INCARNATIONS)?.unwrap_or_default();
    let incarnations = met
        .into_iter()
        .filter_map(|(name, incarnation)| Some((members.id(&name)?, Incarnation(incarnation))))
        .collect();
    let restored = Restored { term: Term(ballot.term), voted_for, snapshot, entries, incarnations };
    Ok(Some(Life { incarnation, restored }))
}

/// The entries after the snapshot, without a gap.
fn restore_entries<M: Machine>(
    records: &Records,
    snapshot: Option<&Snapshot<SharedState<M>>>,
    members: &Members,
) -> Result<Vec<raft::Entry<SharedCommand<M>>>, Unusable> {
    let mut entries = Vec::new();
    let mut expected = snapshot.map_or(LogIndex(0), |snapshot| snapshot.index).next();
    for (key, value) in records.range(ENTRY.to_vec()..ENTRIES_END.to_vec()) {
        let entry =
            from_wire_entry(parse::<Entry<M>>(key, value)?, members).ok_or_else(|| strange(key))?;
        if *key != entry_key(entry.index) || entry.index > expected {
            return Err(Unusable::new(format!("entry {expected} of the log is missing")));
        }
        if entry.index == expected {
            expected = expected.next();
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn foreign(stranger: &NodeId) -> Unusable {
    Unusable::new(format!("the records are of a cluster of other nodes, {stranger} among them"))
}

/// A record names members of which `init` knows nothing.
fn strange(key: &[u8]) -> Unusable {
    Unusable::record(key, "names members that `init` does not")
}

/// Begins a new storage.
pub(crate) fn begin(incarnation: u64, ctx: &mut dyn Local) {
    put(ctx, INCARNATION.to_vec(), &incarnation);
}

/// Stores one of Raft's records.
pub(crate) fn store<M: Machine>(
    record: Record<SharedCommand<M>, SharedState<M>>,
    members: &Members,
    ctx: &mut dyn Local,
) {
    if !ctx.is_durable() {
        return;
    }
    match record {
        Record::Ballot { term, voted_for } => {
            let name = |node| Candidate::Name(members.name(node).clone());
            let ballot = Ballot { term: term.0, voted_for: voted_for.map(name) };
            put(ctx, BALLOT.to_vec(), &ballot);
        }
        Record::Truncate(from) => ctx.delete_range(entry_key(from), ENTRIES_END.to_vec()),
        Record::Append(entries) => {
            for entry in entries {
                put(ctx, entry_key(entry.index), &to_wire_entry(entry, members));
            }
        }
        Record::Snapshot(Snapshot { index, term, configuration, state }) => {
            let written = to_wire_members(&configuration, members);
            let stored =
                StoredSnapshot { index: index.0, term: term.0, members: Some(written), state };
            put(ctx, SNAPSHOT.to_vec(), &stored);
            ctx.delete_range(entry_key(LogIndex(0)), entry_key(index.next()));
        }
        Record::Incarnations(known) => {
            let met: BTreeMap<&NodeId, u64> = known
                .iter()
                .map(|(&node, incarnation)| (members.name(node), incarnation.0))
                .collect();
            put(ctx, INCARNATIONS.to_vec(), &met);
        }
    }
}

fn entry_key(index: LogIndex) -> Vec<u8> {
    [ENTRY, &index.0.to_be_bytes()].concat()
}
