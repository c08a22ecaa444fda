//! What an acceptor keeps in its state directory: who is in the cluster, what it promised, what it
//! accepted in each slot, and the last state. JSON, one record each.

use paxos::{Ballot, Record, Restored, Slot};
use proto::{Error, Local, NodeId, Records};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::command::SharedCommand;
use crate::machine::Machine;
use crate::members::Members;
use crate::multi_paxos::body::{Entry, Snapshot};
use crate::peer::SharedState;

/// Ballots and slots mean something among these nodes only.
const MEMBERS: &[u8] = b"members";
const PROMISED: &[u8] = b"promised";
const SNAPSHOT: &[u8] = b"snapshot";
/// Followed by the slot, so that the order of the keys is that of the log.
const ENTRY: &[u8] = b"entry/";
/// After every entry.
const ENTRIES_END: &[u8] = b"entry0";

/// Reads what an earlier life stored; nothing, at the first start.
///
/// # Errors
/// Error 11 if it is not what this version writes for this cluster. Then the node must not answer as
/// an acceptor: it may have promised what cannot be read.
pub(super) fn restore<M: Machine>(
    records: &Records,
    members: &Members,
) -> Result<Restored<SharedCommand<M>, SharedState<M>>, Error> {
    let Some(names) = get::<Vec<NodeId>>(records, MEMBERS)? else {
        return match records.is_empty() {
            true => Ok(Restored::default()),
            false => Err(unusable("the records are not of this kind of node")),
        };
    };
    if !names.iter().eq(members.names()) {
        return Err(unusable("the records are of a cluster of other nodes"));
    }
    let entries = records.range(ENTRY.to_vec()..ENTRIES_END.to_vec());
    let entries = entries.map(|(_, value)| parse::<Entry<M>>(value).map(Into::into));
    Ok(Restored {
        promised: Ballot(get(records, PROMISED)?.unwrap_or(0)),
        snapshot: get::<Snapshot<M>>(records, SNAPSHOT)?.map(Into::into),
        entries: entries.collect::<Result<_, _>>()?,
    })
}

/// Names the cluster that all other records are of.
pub(super) fn begin(members: &Members, ctx: &mut dyn Local) {
    let names: Vec<_> = members.names().cloned().collect();
    put(ctx, MEMBERS.to_vec(), &names);
}

/// Stores one of the replica's records.
pub(super) fn store<M: Machine>(
    record: Record<SharedCommand<M>, SharedState<M>>,
    ctx: &mut dyn Local,
) {
    if !ctx.is_durable() {
        return;
    }
    match record {
        Record::Promised(ballot) => put(ctx, PROMISED.to_vec(), &ballot.0),
        Record::Accepted(entries) => {
            for entry in entries {
                put(ctx, entry_key(entry.slot), &Entry::from(entry));
            }
        }
        Record::Snapshot { snapshot, first_kept } => {
            put(ctx, SNAPSHOT.to_vec(), &Snapshot::from(snapshot));
            ctx.delete_range(entry_key(Slot(0)), entry_key(first_kept));
        }
    }
}

fn entry_key(slot: Slot) -> Vec<u8> {
    [ENTRY, &slot.0.to_be_bytes()].concat()
}

fn put<T: Serialize>(ctx: &mut dyn Local, key: Vec<u8>, value: &T) {
    // Numbers, names, JSON values and lists of pairs: nothing that JSON cannot hold.
    let value = serde_json::to_vec(value).unwrap_or_default();
    ctx.put(key, value);
}

fn get<T: DeserializeOwned>(records: &Records, key: &[u8]) -> Result<Option<T>, Error> {
    records.get(key).map(|value| parse(value)).transpose()
}

fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(value)
        .map_err(|error| unusable(&format!("a record cannot be read: {error}")))
}

fn unusable(reason: &str) -> Error {
    Error::temporarily_unavailable(format!("state directory: {reason}"))
}
