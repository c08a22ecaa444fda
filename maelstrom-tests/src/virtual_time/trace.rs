//! What a run did, to be held against the same run once more.

use std::fmt;

use proto::NodeId;
use supervisor::{Call, first_difference};

/// What a run did, call by call.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// A hash of all calls, their times, and all that was written.
    pub digest: u64,
    /// All calls, if they were asked for.
    pub(super) calls: Vec<Call>,
    pub(super) nodes: Vec<NodeId>,
}

/// Where two runs that should be the same part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    nodes: Vec<NodeId>,
    /// The place in the list of calls and the call there in either run; nothing if the calls are the
    /// same and what was written differs.
    place: Option<(usize, Option<Call>, Option<Call>)>,
}

impl Trace {
    /// Where another run parts from this one; nothing if they are the same.
    pub fn difference(&self, other: &Self) -> Option<Difference> {
        (self.digest != other.digest).then(|| Difference {
            nodes: self.nodes.clone(),
            place: first_difference(&self.calls, &other.calls),
        })
    }
}

impl Difference {
    fn describe(&self, call: Option<Call>) -> String {
        let Some(call) = call else { return "the run has ended".to_owned() };
        let node = self.nodes.get(call.node as usize).map_or("?", NodeId::as_str);
        let what = match usize::try_from(call.number).ok().and_then(syscalls::Sysno::new) {
            Some(known) => known.name().to_owned(),
            None if (-64..0).contains(&call.number) => format!("signal {}", -call.number),
            None => format!("event {}", call.number),
        };
        let seconds = call.nanoseconds as f64 / 1e9;
        format!("node {node}, thread {}, {what} at {seconds:.6} s", call.thread)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((place, left, right)) => write!(
                f,
                "they part at call {place}: the first time {}, the second time {}",
                self.describe(left),
                self.describe(right)
            ),
            None => f.write_str("their calls are the same, but not all that was written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(digest: u64, numbers: &[i32]) -> Trace {
        let call = |number: &i32| Call { node: 1, thread: 100, number: *number, nanoseconds: 1500 };
        let nodes = ["a", "b"].map(NodeId::new).to_vec();
        Trace { digest, calls: numbers.iter().map(call).collect(), nodes }
    }

    #[test]
    fn a_difference_names_node_thread_call_and_time() {
        let (first, second) = (trace(1, &[0, 202]), trace(2, &[0, -11, 5]));
        assert_eq!(first.difference(&first.clone()), None);
        assert_eq!(
            first.difference(&second).unwrap().to_string(),
            "they part at call 1: the first time node b, thread 100, futex at 0.000002 s, the second \
             time node b, thread 100, signal 11 at 0.000002 s"
        );
        let shorter = trace(3, &[0]).difference(&first).unwrap().to_string();
        assert!(shorter.contains("the first time the run has ended, the second"), "{shorter}");
        let written = first.difference(&trace(4, &[0, 202])).unwrap().to_string();
        assert!(written.contains("not all that was written"));
    }
}
