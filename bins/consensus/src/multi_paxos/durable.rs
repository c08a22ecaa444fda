//! What an acceptor keeps in its state directory: who is in the cluster, what it promised, what it
//! accepted in each slot, and the last state. JSON, one record each.

use paxos::{Ballot, Record, Restored, Slot};
use proto::{Local, NodeId, Records};

use crate::command::SharedCommand;
use crate::machine::Machine;
use crate::members::Members;
use crate::multi_paxos::body::{Entry, Snapshot};
use crate::peer::SharedState;
use crate::records::{Unusable, get, parse, put};

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
/// If it is not what this program writes for this cluster. Then the node must not answer as an
/// acceptor: it may have promised what cannot be read.
pub(super) fn restore<M: Machine>(
    records: &Records,
    members: &Members,
) -> Result<Restored<SharedCommand<M>, SharedState<M>>, Unusable> {
    if records.is_empty() {
        return Ok(Restored::default());
    }
    let known = [MEMBERS, PROMISED, SNAPSHOT];
    if let Some(key) = records.keys().find(|k| !known.contains(&&k[..]) && !k.starts_with(ENTRY)) {
        return Err(Unusable::record(key, "is of another kind of node"));
    }
    let Some(names) = get::<Vec<NodeId>>(records, MEMBERS)? else {
        return Err(Unusable::record(MEMBERS, "is missing"));
    };
    if !names.iter().eq(members.names()) {
        return Err(Unusable::new("the records are of a cluster of other nodes"));
    }
    let promised = Ballot(get(records, PROMISED)?.unwrap_or(0));
    let mut entries: Vec<paxos::Entry<SharedCommand<M>>> = Vec::new();
    for (key, value) in records.range(ENTRY.to_vec()..ENTRIES_END.to_vec()) {
        let entry: paxos::Entry<_> = parse::<Entry<M>>(key, value)?.into();
        if *key != entry_key(entry.slot) {
            return Err(Unusable::record(key, "is of another slot"));
        }
        // Whoever accepts has promised.
        if entry.ballot > promised {
            return Err(Unusable::record(PROMISED, "is older than what was accepted"));
        }
        entries.push(entry);
    }
    let snapshot = get::<Snapshot<M>>(records, SNAPSHOT)?.map(Into::into);
    Ok(Restored { promised, snapshot, entries })
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
