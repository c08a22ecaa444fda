//! One element of a set: it is there or not. Where it is added at most once, no search is needed.
//!
//! Then its life has three parts: it is not there, it is there, and, if it is removed, it is not
//! there again. Whoever saw it did so between the addition and the removal, everybody else before
//! or after. It is best to add as late and to remove as early as those allow who saw it: that leaves
//! most room for those who did not. What remains is to look whether everybody has room, in linear
//! time (for sets without repeated insertions Lee and Mathur, Efficient Linearizability Monitoring,
//! 2025, and LiMo, 2025, come to the same bounds; that elements can be looked at one by one is
//! Herlihy and Wing's locality).

use super::call::Call;
use super::model::{Model, Need};
use super::{Decision, Stuck};

/// An element of a set, which is not there at first.
#[derive(Clone, Copy, Debug)]
pub struct Membership;

/// What may happen to one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MembershipOperation {
    /// It was added: whether it was new, if that is known.
    Add(Option<bool>),
    /// It was removed: whether it had been there, if that is known.
    Remove(Option<bool>),
    /// Whether it was there.
    Contains(bool),
}

use MembershipOperation::{Add, Contains, Remove};

impl Model for Membership {
    type State = bool;
    type Operation = MembershipOperation;

    fn initial(&self) -> bool {
        false
    }

    fn step(&self, &state: &bool, operation: &MembershipOperation) -> Option<bool> {
        let is_possible = match self.need(operation) {
            Need::State(needed) => state == needed,
            _ => true,
        };
        is_possible.then_some(matches!(operation, Add(_) | Contains(true)))
    }

    fn is_read(&self, operation: &MembershipOperation) -> bool {
        matches!(operation, Add(Some(false)) | Remove(Some(false)) | Contains(_))
    }

    fn need(&self, operation: &MembershipOperation) -> Need<bool> {
        match *operation {
            Add(None) | Remove(None) => Need::Nothing,
            Add(Some(is_new)) => Need::State(!is_new),
            Remove(Some(was_there)) => Need::State(was_there),
            Contains(is_there) => Need::State(is_there),
        }
    }

    fn result(&self, operation: &MembershipOperation) -> Option<bool> {
        Some(matches!(operation, Add(_) | Contains(true)))
    }

    fn decide_directly(&self, calls: &[Call<MembershipOperation>]) -> Option<Decision<bool>> {
        let mut adds = calls.iter().filter(|call| matches!(call.operation, Add(None | Some(true))));
        let _ = adds.next();
        adds.next().is_none().then(|| decide(calls))
    }
}

fn decide(calls: &[Call<MembershipOperation>]) -> Decision<bool> {
    if Life::new(calls, u64::MAX, None).is_some() {
        return Decision::Linearizable;
    }
    let mut deadlines: Vec<(u64, usize)> = calls
        .iter()
        .enumerate()
        .filter_map(|(index, call)| Some((call.completed?, index)))
        .collect();
    deadlines.sort_unstable();
    // A history without an order does not get one by going on.
    let first = deadlines.partition_point(|&(completed, _)| {
        Life::new(calls, completed.saturating_add(1), None).is_some()
    });
    let Some(&(end, call)) = deadlines.get(first) else { return Decision::Linearizable };
    let order = Life::new(calls, end, None).map_or_else(Vec::new, |life| life.order(calls, end));
    let is_possible = |&state: &bool| Life::new(calls, end, Some(state)).is_some();
    let states = [false, true].into_iter().filter(is_possible).collect();
    Decision::Impossible(Stuck { call, order, states })
}

/// When an element came and went, as far as somebody has to know.
struct Life {
    /// The addition, if the element has to be there at some time.
    add: Option<usize>,
    /// The removal, if there can be one.
    remove: Option<usize>,
    /// The latest end of the time before the addition: it comes just before this.
    before: u64,
    /// The earliest beginning of the time after the removal: it comes just after this.
    after: u64,
}

/// What was seen in a part of the history.
#[derive(Default)]
struct Found {
    add: Option<usize>,
    /// A removal that had to find the element, of which there can be only one.
    removal: Option<usize>,
    has_seen: bool,
}

impl Life {
    /// The life that leaves most room to those who did not see the element, up to `end`, when it
    /// must be there or not if `last` says so; `None` if there is no life at all.
    fn new(calls: &[Call<MembershipOperation>], end: u64, last: Option<bool>) -> Option<Self> {
        let over = |call: &Call<_>| call.completed.filter(|&completed| completed < end);
        let mut found = Found { has_seen: last == Some(true), ..Found::default() };
        // When the first who saw the element was done, and when the last one began.
        let mut first_done = u64::MAX;
        let mut last_begun = if found.has_seen { end } else { 0 };
        for (call, index) in calls.iter().zip(0..).take_while(|(call, _)| call.invoked < end) {
            match (call.operation, over(call)) {
                (Add(None | Some(true)), _) => found.add = Some(index),
                (Contains(true) | Add(Some(false)), Some(completed)) => {
                    found.has_seen = true;
                    first_done = first_done.min(completed);
                    last_begun = last_begun.max(call.invoked);
                }
                (Remove(Some(true)), Some(_)) if found.removal.replace(index).is_some() => {
                    return None;
                }
                _ => {}
            }
        }
        let is_added = found.add.is_some_and(|add| over(&calls[add]).is_some());
        if !found.has_seen && found.removal.is_none() && !is_added {
            return Some(Self { add: None, remove: None, before: end, after: end });
        }
        let add = found.add?;
        let begun = calls[add].invoked;
        let before = first_done.min(over(&calls[add]).unwrap_or(u64::MAX));
        // A removal has to come after everybody who saw the element, and after the addition.
        let can_come_last =
            |call: &Call<_>| over(call).is_none_or(|completed| completed > last_begun.max(begun));
        let remove = match found.removal {
            Some(removal) => Some(removal).filter(|&removal| can_come_last(&calls[removal])),
            // Of those that may have found it the first is the best.
            None => calls.iter().position(|call| {
                let may_remove = matches!(call.operation, Remove(None | Some(true)));
                may_remove && call.invoked < end && can_come_last(call)
            }),
        };
        if begun > before || (remove.is_none() && found.removal.is_some()) {
            return None;
        }
        let after = remove.map_or(u64::MAX, |remove| calls[remove].invoked.max(last_begun));
        // If the element may go before it has to come, both happen at any one moment between.
        let at_once = after < before;
        let before = if at_once { after.max(begun) + 1 } else { before };
        let life = Self { add: Some(add), remove, before, after };
        let has_room = |(index, call): (usize, &Call<MembershipOperation>)| {
            let (missed, Some(completed)) = (life.is_missed(call, index), over(call)) else {
                return true;
            };
            !missed || at_once || call.invoked < life.before || completed > life.after
        };
        let all_have_room = calls.iter().enumerate().all(has_room);
        let ends_well = last != Some(false) || remove.is_some();
        (all_have_room && ends_well).then_some(life)
    }

    /// Whether a call met no element, or removed what was not there.
    fn is_missed(&self, call: &Call<MembershipOperation>, index: usize) -> bool {
        match call.operation {
            Contains(false) | Remove(Some(false)) => true,
            Remove(None) => self.remove != Some(index),
            _ => false,
        }
    }

    /// The calls before `end` in this order.
    fn order(&self, calls: &[Call<MembershipOperation>], end: u64) -> Vec<usize> {
        let mut places: Vec<(u8, usize)> = Vec::new();
        for (index, call) in calls.iter().enumerate() {
            let place = match call.operation {
                _ if Some(index) == self.add => 1,
                _ if Some(index) == self.remove => 3,
                _ if call.completed.is_none_or(|completed| completed >= end) => continue,
                _ if !self.is_missed(call, index) => 2,
                _ if call.invoked < self.before => 0,
                _ => 4,
            };
            places.push((place, index));
        }
        places.sort_unstable();
        places.into_iter().map(|(_, index)| index).collect()
    }
}
