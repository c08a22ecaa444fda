//! Task 7-3-3: what a list of proposals and their acceptors chose.

use std::collections::{BTreeMap, BTreeSet};

use paxos::{Ballot, Learner, NodeIndex};
use proto::{Error, Json, NodeId};

use crate::input::bad_field;
use crate::paxos_node::body::{InvariantCheckOk, Proposal};

/// Shows the proposals to a learner in the order of their numbers. The acceptors are all that any
/// proposal names.
///
/// # Errors
/// Error 12 if two proposals have one number.
pub(super) fn check(proposals: Vec<Proposal>) -> Result<InvariantCheckOk, Error> {
    let names: BTreeSet<NodeId> =
        proposals.iter().flat_map(|proposal| proposal.accepted_by.iter().cloned()).collect();
    let index: BTreeMap<NodeId, NodeIndex> = names.into_iter().zip((0..).map(NodeIndex)).collect();
    let mut by_number = BTreeMap::new();
    for proposal in proposals {
        let n = proposal.n;
        if by_number.insert(n, proposal).is_some() {
            return Err(bad_field("proposals", format!("there are two proposals {n}")));
        }
    }
    let mut learner = Learner::new(index.len());
    for Proposal { n, value, accepted_by } in by_number.values() {
        for node in accepted_by.iter().filter_map(|name| index.get(name)) {
            learner.on_accepted(*node, Ballot(*n), value.clone());
        }
    }
    let Some((Ballot(chosen_at_n), chosen_value)) = learner.chosen().cloned() else {
        return Ok(InvariantCheckOk {
            chosen_value: Json::null(),
            chosen_at_n: None,
            all_subsequent_match: true,
            safe: true,
        });
    };
    let mut later = by_number.range(chosen_at_n..);
    let all_subsequent_match = later.all(|(_, proposal)| proposal.value == chosen_value);
    Ok(InvariantCheckOk {
        chosen_value,
        chosen_at_n: Some(chosen_at_n),
        all_subsequent_match,
        safe: all_subsequent_match,
    })
}
