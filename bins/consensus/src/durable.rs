//! What a node keeps in its state directory: its incarnation and those it has
//! met, term and vote, log, snapshot. One record each, one an entry; all of
//! them JSON. Nodes are called by their names.

use std::collections::BTreeMap;

use proto::{Json, Local, NodeId, Records};
use raft::{Incarnation, LogIndex, Record, Restored, Snapshot, Term};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::SharedCommand;
use crate::machine::Machine;
use crate::members::Members;
use crate::peer::{Entry, SharedState};
use crate::wire::{from_wire_entry, to_wire_entry};

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

#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct StoredSnapshot<M: Machine> {
    index: u64,
    term: u64,
    state: SharedState<M>,
}

/// A node's records could not be understood.
#[derive(Debug, thiserror::Error)]
#[error("record {key}: {reason}")]
pub(crate) struct Unreadable {
    key: String,
    reason: String,
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
/// A record that is not what this version writes. Nothing of such a storage
/// may be used, since what is missing may have been promised.
pub(crate) fn restore<M: Machine>(
    records: &Records,
    members: &Members,
) -> Result<Option<Life<M>>, Unreadable> {
    let Some(incarnation) = get(records, INCARNATION)? else { return Ok(None) };
    let ballot = get::<Ballot>(records, BALLOT)?.unwrap_or(Ballot { term: 0, voted_for: None });
    let snapshot = get::<StoredSnapshot<M>>(records, SNAPSHOT)?.map(|stored| Snapshot {
        index: LogIndex(stored.index),
        term: Term(stored.term),
        state: stored.state,
    });
    let mut entries = Vec::new();
    let mut expected = snapshot.as_ref().map_or(LogIndex(0), |snapshot| snapshot.index).next();
    for (key, value) in records.range(ENTRY.to_vec()..ENTRIES_END.to_vec()) {
        let entry = from_wire_entry(parse::<Entry<M>>(key, value)?);
        if entry.index < expected {
            continue;
        }
        if entry.index != expected {
            let reason = format!("entry {expected} is missing before it");
            return Err(Unreadable { key: entry.index.to_string(), reason });
        }
        expected = expected.next();
        entries.push(entry);
    }
    let no_member = |who: String| Unreadable {
        key: "ballot".to_owned(),
        reason: format!("{who} is no member of the cluster"),
    };
    let member = |name: &NodeId| members.id(name).ok_or_else(|| no_member(name.to_string()));
    let voted_for = match ballot.voted_for {
        None => None,
        Some(Candidate::Name(name)) => Some(member(&name)?),
        Some(Candidate::Rank(rank)) => {
            let name = members.at_rank(rank).ok_or_else(|| no_member(format!("number {rank}")))?;
            Some(member(name)?)
        }
    };
    let met = get::<BTreeMap<NodeId, u64>>(records, INCARNATIONS)?.unwrap_or_default();
    let incarnations = met
        .into_iter()
        .filter_map(|(name, incarnation)| Some((members.id(&name)?, Incarnation(incarnation))))
        .collect();
    let restored = Restored { term: Term(ballot.term), voted_for, snapshot, entries, incarnations };
    Ok(Some(Life { incarnation, restored }))
}

/// Begins a new storage, in the place of whatever was there.
pub(crate) fn begin(incarnation: u64, ctx: &mut dyn Local) {
    ctx.delete_range(Vec::new(), vec![u8::MAX]);
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
                put(ctx, entry_key(entry.index), &to_wire_entry(entry));
            }
        }
        Record::Snapshot(Snapshot { index, term, state }) => {
            let stored = StoredSnapshot { index: index.0, term: term.0, state };
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

fn put<T: Serialize>(ctx: &mut dyn Local, key: Vec<u8>, value: &T) {
    // Numbers, JSON values and lists of pairs: nothing that JSON cannot hold.
    let value = serde_json::to_vec(value).unwrap_or_default();
    ctx.put(key, value);
}

fn get<T: DeserializeOwned>(records: &Records, key: &[u8]) -> Result<Option<T>, Unreadable> {
    records.get(key).map(|value| parse(key, value)).transpose()
}

fn parse<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(value).map_err(|error| Unreadable {
        key: Json::from(String::from_utf8_lossy(key).as_ref()).to_string(),
        reason: error.to_string(),
    })
}
