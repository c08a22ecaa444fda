//! The compare-and-set register of workload lin-kv, over values that were numbered beforehand.

use super::Decision;
use super::clusters::Clusters;
use super::model::{Model, Need};
use super::timeline::Call;

/// A value of one register's history by its number; [`EMPTY`] is the register that nobody wrote.
pub type Number = u32;

/// What the register holds at first, and what a read of `null` saw.
pub const EMPTY: Number = 0;

/// A register that starts empty.
///
/// A read of `null` matches the empty register only. Maelstrom lets it match any value, so that a
/// server which answers `null` to every read passes there.
#[derive(Clone, Copy, Debug)]
pub struct Register;

/// What may happen to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterOperation {
    /// A read that gave this.
    Read(Number),
    /// A write of this.
    Write(Number),
    /// A compare-and-set that succeeded, or may have.
    Cas(Number, Number),
}

impl Model for Register {
    type State = Number;
    type Operation = RegisterOperation;

    fn initial(&self) -> Number {
        EMPTY
    }

    fn step(&self, &state: &Number, operation: &RegisterOperation) -> Option<Number> {
        match *operation {
            RegisterOperation::Read(value) => (state == value).then_some(state),
            RegisterOperation::Write(value) => Some(value),
            RegisterOperation::Cas(from, to) => (state == from).then_some(to),
        }
    }

    fn is_read(&self, operation: &RegisterOperation) -> bool {
        matches!(operation, RegisterOperation::Read(_))
    }

    fn need(&self, operation: &RegisterOperation) -> Need<Number> {
        match *operation {
            RegisterOperation::Read(value) | RegisterOperation::Cas(value, _) => Need::State(value),
            RegisterOperation::Write(_) => Need::Nothing,
        }
    }

    fn result(&self, operation: &RegisterOperation) -> Option<Number> {
        match *operation {
            RegisterOperation::Read(value)
            | RegisterOperation::Write(value)
            | RegisterOperation::Cas(_, value) => Some(value),
        }
    }

    fn decide_directly(&self, calls: &[Call<RegisterOperation>]) -> Option<Decision<Number>> {
        Clusters::new(calls).map(|clusters| clusters.decide())
    }
}
