//! Process order and real-time order as few edges.
//!
//! In real time a transaction precedes all that begin after it returned: far too many pairs. Only
//! their closure matters, so these edges lead through *moments*, one for each time at which some
//! transactions begin after others returned. A transaction leads to the first moment after its
//! return, a moment to the next, and to the transactions that begin before the next one. That is at
//! most four edges a transaction, however many clients there are.

use rustc_hash::FxHashMap;

use super::call::{Call, Outcome};
use super::graph::{Edge, label};

/// The numbers of the transactions that may have happened, by the moment at which they began.
pub(super) fn by_invocation(calls: &[Call]) -> Vec<u32> {
    let mut order: Vec<u32> =
        (0..calls.len() as u32).filter(|&id| calls[id as usize].outcome != Outcome::Fail).collect();
    order.sort_by_key(|&id| calls[id as usize].invoked);
    order
}

/// Adds an edge from each transaction of a process to its next. A transaction of unknown outcome
/// has no successor, since it may still take effect at any time.
pub(super) fn process_edges(calls: &[Call], edges: &mut Vec<Edge>) {
    let mut last: FxHashMap<u64, u32> = FxHashMap::default();
    for id in by_invocation(calls) {
        let call = &calls[id as usize];
        if let Some(&before) = last.get(&call.process)
            && calls[before as usize].completed < call.invoked
        {
            edges.push(Edge::plain(before, id, label::PROCESS));
        }
        if call.outcome == Outcome::Ok {
            last.insert(call.process, id);
        }
    }
}

/// Adds the edges of real time, through auxiliary nodes from `next_node` on.
pub(super) fn realtime_edges(calls: &[Call], edges: &mut Vec<Edge>, next_node: &mut u32) {
    let begun = by_invocation(calls);
    let mut returned: Vec<u32> =
        begun.iter().copied().filter(|&id| calls[id as usize].outcome == Outcome::Ok).collect();
    returned.sort_by_key(|&id| calls[id as usize].completed);
    let mut returned = returned.into_iter().peekable();
    let mut moment = None;
    for id in begun {
        let invoked = calls[id as usize].invoked;
        let mut is_new = false;
        while let Some(before) =
            returned.next_if(|&before| calls[before as usize].completed < invoked)
        {
            if !is_new {
                if let Some(moment) = moment {
                    edges.push(Edge::plain(moment, *next_node, label::LINK));
                }
                moment = Some(*next_node);
                *next_node += 1;
                is_new = true;
            }
            edges.push(Edge::plain(before, *next_node - 1, label::REALTIME));
        }
        if let Some(moment) = moment {
            edges.push(Edge::plain(moment, id, label::LINK));
        }
    }
}
