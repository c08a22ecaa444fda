//! Sets, one element at a time: what happens to one element says nothing of another.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::call::Call;
use super::membership::{Membership, MembershipOperation};
use super::search::{Undecided, WorkLimit};
use super::{Decision, Stuck, decide};

/// What may happen to a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SetOperation<E> {
    /// The element that it is about.
    pub element: E,
    /// What happened to it.
    pub operation: MembershipOperation,
}

/// The answer of [`decide_set`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetDecision<E> {
    /// The operations can have happened one after another.
    Linearizable,
    /// They cannot.
    Impossible {
        /// The element of which it shows first.
        element: E,
        /// Where its orders break off; only calls on this element are named.
        stuck: Stuck<bool>,
    },
    /// The work limit was reached.
    Unknown {
        /// With this element.
        element: E,
        /// In this way.
        why: Undecided,
    },
}

/// The calls on one element.
struct Element<'a, E> {
    element: &'a E,
    calls: Vec<Call<MembershipOperation>>,
    /// Where each of them is among the calls on the set.
    places: Vec<usize>,
}

/// Decides whether there is an order in which `calls` can have happened to one set that was empty at
/// first; also says how many configurations were visited, and the limit holds for each element. The
/// calls are as for [`decide`].
///
/// An element that was added at most once takes linear time; only others are searched for an order.
pub fn decide_set<E: Clone + Eq + Hash>(
    calls: &[Call<SetOperation<E>>],
    limit: &mut WorkLimit<'_>,
) -> (SetDecision<E>, u64) {
    let mut numbers: FxHashMap<&E, usize> = FxHashMap::default();
    let mut elements: Vec<Element<'_, E>> = Vec::new();
    for (index, Call { operation, invoked, completed }) in calls.iter().enumerate() {
        let number = *numbers.entry(&operation.element).or_insert_with(|| {
            let element = &operation.element;
            elements.push(Element { element, calls: Vec::new(), places: Vec::new() });
            elements.len() - 1
        });
        let operation = operation.operation;
        let call = Call { operation, invoked: *invoked, completed: *completed };
        elements[number].calls.push(call);
        elements[number].places.push(index);
    }
    let mut visited = 0;
    let mut first: Option<(u64, SetDecision<E>)> = None;
    let mut unknown = None;
    for Element { element, calls, places } in elements {
        let element = || element.clone();
        let (decision, states) = decide(&Membership, &calls, limit);
        visited += states;
        match decision {
            Decision::Linearizable => {}
            Decision::Unknown(why) => {
                unknown.get_or_insert_with(|| SetDecision::Unknown { element: element(), why });
            }
            Decision::Impossible(stuck) => {
                let end = calls[stuck.call].completed.unwrap_or(u64::MAX);
                if first.as_ref().is_none_or(|&(earliest, _)| end < earliest) {
                    let stuck = Stuck {
                        call: places[stuck.call],
                        order: stuck.order.iter().map(|&call| places[call]).collect(),
                        states: stuck.states,
                    };
                    first = Some((end, SetDecision::Impossible { element: element(), stuck }));
                }
            }
        }
    }
    let impossible = first.map(|(_, decision)| decision);
    (impossible.or(unknown).unwrap_or(SetDecision::Linearizable), visited)
}
