//! The compare-and-set register of workload lin-kv, over values that were numbered beforehand.

mod clusters;

use std::fmt::Debug;

use serde::Serialize;
use serde::ser::SerializeMap;

use self::clusters::Clusters;
use super::Decision;
use super::call::Call;
use super::model::{Model, Need};
use crate::history::{Kind, Op};

/// An operation of a client on one of many registers.
#[derive(Clone, Debug, PartialEq)]
pub enum RegisterOp<V> {
    /// Reads a register.
    Read {
        /// The register.
        key: V,
        /// Outer `None`: not known (yet). Inner `None`: the register was empty.
        value: Option<Option<V>>,
    },
    /// Writes a register.
    Write {
        /// The register.
        key: V,
        /// The new value.
        value: V,
    },
    /// Writes a register that holds a given value.
    Cas {
        /// The register.
        key: V,
        /// The value it must hold.
        from: V,
        /// The new value.
        to: V,
    },
}

impl<V> RegisterOp<V> {
    /// The name of the function.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Cas { .. } => "cas",
        }
    }

    /// The register that it is about.
    pub const fn key(&self) -> &V {
        match self {
            Self::Read { key, .. } | Self::Write { key, .. } | Self::Cas { key, .. } => key,
        }
    }
}

impl<V: Clone + PartialEq + Debug + Serialize> Op for RegisterOp<V> {
    fn f(&self) -> &str {
        self.name()
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        match (self, completion) {
            (Self::Read { key: asked, .. }, Self::Read { key, .. }) => asked == key,
            _ => self == completion,
        }
    }

    fn write<M: SerializeMap>(&self, _: Kind, line: &mut M) -> Result<(), M::Error> {
        line.serialize_entry("key", self.key())?;
        match self {
            Self::Read { value, .. } => {
                line.serialize_entry("value", &value.as_ref().and_then(Option::as_ref))
            }
            Self::Write { value, .. } => line.serialize_entry("value", value),
            Self::Cas { from, to, .. } => line.serialize_entry("value", &(from, to)),
        }
    }
}

/// A value of one register's history by its number; [`EMPTY`] is the register that nobody wrote.
pub type Number = u32;

/// What the register holds at first, and what a read of `null` saw.
pub const EMPTY: Number = 0;

/// A register that starts empty.
///
/// A read of `null` matches the empty register only, or one that may hold a null
/// ([`check_with_null`](super::check_with_null)). Maelstrom lets it match any value, so that a
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

impl RegisterOperation {
    /// The same with other numbers for its values, which are asked for in their order. For those
    /// that have one value, a second one is asked for in vain: so it needs no look at which it is.
    pub(crate) fn map(self, number: impl FnMut(Number) -> Number) -> Self {
        let values = match self {
            Self::Read(value) | Self::Write(value) => [value, EMPTY],
            Self::Cas(from, to) => [from, to],
        };
        let [value, to] = values.map(number);
        match self {
            Self::Read(_) => Self::Read(value),
            Self::Write(_) => Self::Write(value),
            Self::Cas(..) => Self::Cas(value, to),
        }
    }
}

impl Model for Register {
    type State = Number;
    type Operation = RegisterOperation;

    fn initial(&self) -> Number {
        EMPTY
    }

    fn step(&self, &state: &Number, operation: &RegisterOperation) -> Option<Number> {
        // Whether a value is the one that is needed is as good as random: here that is no branch.
        let (needed, after) = match *operation {
            RegisterOperation::Read(value) => (value, state),
            RegisterOperation::Write(value) => (state, value),
            RegisterOperation::Cas(from, to) => (from, to),
        };
        (state == needed).then_some(after)
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
