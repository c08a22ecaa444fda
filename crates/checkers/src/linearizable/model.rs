//! What an object does when operations happen one at a time. The search asks nothing else.

use std::hash::Hash;

use super::Decision;
use super::call::Call;

/// A sequential object.
///
/// Only [`initial`](Self::initial) and [`step`](Self::step) say what the object does. The other
/// methods tell the search what it may leave out, or make it needless; their defaults are right for
/// every object.
pub trait Model {
    /// What the object holds. Small `Copy` types make the search fast.
    type State: Clone + Eq + Hash + Ord;
    /// An operation together with its result, as far as it is known.
    type Operation: Clone + Eq + Hash;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;

    /// The state after `operation`, or `None` if it cannot have happened in `state` with the result
    /// that it had.
    fn step(&self, state: &Self::State, operation: &Self::Operation) -> Option<Self::State>;

    /// Whether the operation never changes the state, so that it may as well take effect as soon
    /// as it is possible.
    fn is_read(&self, _operation: &Self::Operation) -> bool {
        false
    }

    /// What the operation asks of the state it meets.
    fn need(&self, _operation: &Self::Operation) -> Need<Self::State> {
        Need::Unspecified
    }

    /// The state that the operation leaves behind, if it is the same one whenever it happens.
    fn result(&self, _operation: &Self::Operation) -> Option<Self::State> {
        None
    }

    /// The answer for calls that need no search, where the object has an algorithm for such as
    /// these. They are in the order of their invocations.
    fn decide_directly(&self, _calls: &[Call<Self::Operation>]) -> Option<Decision<Self::State>> {
        None
    }
}

/// What an operation asks of the state it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need<S> {
    /// Nothing: it is possible in every state, with the same state after it.
    Nothing,
    /// It is possible in this state only.
    State(S),
    /// It depends.
    Unspecified,
}
