//! A restart brings an acceptor back to the highest ballot that it accepted: what it promised since is gone.

use proto::{Edge, Records};
use serde_json::Value;

use crate::{Bug, ours};

struct PromiseForgotten;

impl Edge for PromiseForgotten {
    fn restore(&mut self, records: &mut Records) {
        let entries = records.iter().filter(|(key, _)| key.starts_with(b"entry/"));
        let ballots = entries.filter_map(|(_, entry)| {
            serde_json::from_slice::<Value>(entry).ok()?["ballot"].as_u64()
        });
        let accepted = ballots.max().unwrap_or(0);
        if let Some(promised) = records.get_mut(&b"promised"[..]) {
            *promised = accepted.to_string().into_bytes();
        }
    }
}

pub(super) const BUG: Bug = Bug {
    name: "paxos-promise-forgotten",
    what: "a restart forgets what was promised",
    source: "Lamport, The Part-Time Parliament (1998), on stable storage; Chandra, Griesemer and Redstone (PODC 2007)",
    make: || ours::multi_paxos().behind(PromiseForgotten),
    ..ours::on_multi_paxos()
};
