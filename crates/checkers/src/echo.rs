//! Workload echo: did every reply carry what was sent?

use std::fmt::Debug;

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::history::{Event, Kind, Op};
use crate::operation::{Malformed, Record, operations};
use crate::verdict::Verdict;

/// An operation of the workload echo.
#[derive(Clone, Debug, PartialEq)]
pub struct EchoOp<V> {
    /// What the node was asked to echo.
    pub sent: V,
    /// What it echoed.
    pub got: Option<V>,
}

impl<V: Clone + PartialEq + Debug + Serialize> Op for EchoOp<V> {
    fn f(&self) -> &str {
        "echo"
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        self.sent == completion.sent
    }

    fn write<M: SerializeMap>(&self, kind: Kind, line: &mut M) -> Result<(), M::Error> {
        let got = self.got.as_ref().filter(|_| kind == Kind::Ok);
        line.serialize_entry("value", got.unwrap_or(&self.sent))
    }
}

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", bound(serialize = "EchoOp<V>: Op"))]
pub struct EchoResult<V> {
    /// Valid when every echo is right and no request met a definite error, which Maelstrom takes for
    /// a wrong echo.
    ///
    /// Operations of unknown outcome leave it as it is: statistics and availability deal with them.
    #[serde(rename = "valid?")]
    pub verdict: Verdict,
    /// Operations whose echo is not what was sent, or that met a definite error.
    pub errors: Vec<Record<EchoOp<V>>>,
    /// How many echoes came.
    pub ok_count: usize,
    /// How many requests met a definite error.
    pub fail_count: usize,
    /// How many requests got no answer that says what happened.
    pub info_count: usize,
}

/// Checks a history of `echo` operations.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check<V>(history: &[Event<EchoOp<V>>]) -> Result<EchoResult<V>, Malformed>
where
    V: Clone + PartialEq,
    EchoOp<V>: Op,
{
    let mut errors = Vec::new();
    let (mut ok_count, mut fail_count, mut info_count) = (0, 0, 0);
    for operation in operations(history)? {
        let EchoOp { sent, got } = operation.op();
        match operation.outcome() {
            Kind::Ok => {
                ok_count += 1;
                if got.as_ref() != Some(sent) {
                    errors.push(Record::from(&operation));
                }
            }
            Kind::Fail => {
                fail_count += 1;
                errors.push(Record::from(&operation));
            }
            Kind::Info | Kind::Invoke => info_count += 1,
        }
    }
    let verdict = Verdict::from_rule(errors.is_empty());
    Ok(EchoResult { verdict, errors, ok_count, fail_count, info_count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::History;

    fn echo(sent: u64, got: Option<u64>) -> EchoOp<u64> {
        EchoOp { sent, got }
    }

    #[test]
    fn right_echoes_are_valid() {
        let mut history = History::default();
        history.done(echo(3, None), echo(3, Some(3)));
        history.done(echo(3, None), echo(3, Some(3)));
        let result = check(&history.events).unwrap();
        assert_eq!((result.verdict, result.ok_count), (Verdict::Valid, 2));
    }

    #[test]
    fn a_wrong_echo_and_a_missing_one_are_invalid() {
        for got in [Some(4), None] {
            let mut history = History::default();
            history.done(echo(3, None), echo(3, got));
            let result = check(&history.events).unwrap();
            assert_eq!(result.verdict, Verdict::Invalid);
            assert_eq!(result.errors[0].start.0, 0);
        }
    }

    #[test]
    fn an_error_is_a_wrong_echo_and_a_timeout_is_none() {
        let mut history = History::default();
        history.invoke(0, echo(1, None));
        history.fail(0, echo(1, None));
        history.invoke(1, echo(2, None));
        history.info(1, echo(2, None));
        let result = check(&history.events).unwrap();
        assert_eq!(result.verdict, Verdict::Invalid);
        assert_eq!(result.errors.len(), 1);
        assert_eq!((result.ok_count, result.fail_count, result.info_count), (0, 1, 1));
        let result = check(&history.events[2..]).unwrap();
        assert_eq!((result.verdict, result.info_count), (Verdict::Valid, 1));
    }
}
