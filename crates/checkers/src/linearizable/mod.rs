//! Linearizability: is there one order of all operations, in which each takes effect at some moment
//! between its invocation and its completion, that explains every result?
//!
//! - [`check`] asks it of a history of registers, each key by itself (the keys of a history that is
//!   linearizable are so one by one, and the other way round: Herlihy and Wing's locality).
//! - [`decide`] asks it of one object of any kind, given as a [`Model`].
//! - [`decide_set`] asks it of a set, each element by itself.
//!
//! Registers whose values were written once each, and sets whose elements were added once each, are
//! decided without a search, in the time of sorting; all else is searched for an order.
//!
//! Failed operations are left out, those of unknown outcome may take effect at any time after their
//! invocation, or never. The work and the memory of a search are bounded by counting what it visits
//! and remembers ([`WorkLimit`]), so that a verdict is the same on every machine; one that exceeds
//! the bounds is unknown.
//!
//! `keys` takes a history apart. `register::clusters` and `membership` do without a search. `search`
//! is the algorithm of the search, `moves` its rules, `configuration` a point of it, `timeline` and
//! `unknown` prepare what it works on, `failed` is its memory, `used` what it remembers of unknown
//! outcomes. `counterexample` explains a failure, with what `unseen` adds to the states that the search
//! found.

mod call;
mod configuration;
mod counterexample;
mod failed;
mod keys;
mod membership;
mod model;
mod moves;
mod register;
mod search;
mod set;
mod slots;
mod timeline;
mod unknown;
mod unseen;
mod used;

use std::fmt::Debug;
use std::hash::Hash;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

pub use call::Call;
pub use counterexample::Counterexample;
pub use membership::{Membership, MembershipOperation};
pub use model::{Model, Need};
pub use register::{EMPTY, Number, Register, RegisterOp, RegisterOperation};
pub use search::{BYTES_PER_STATE, Undecided, WORK_PER_STATE, WorkLimit};
pub use set::{SetDecision, SetOperation, decide_set};
pub use unseen::states_before;

use crate::history::{Event, Op};
use crate::json;
use crate::operation::Malformed;
use crate::verdict::Verdict;
use keys::{KeyCalls, KeyHistory, Met};
use search::{Outcome, Search};
use timeline::{SLOTS_MAX, Timeline};

/// The default of [`WorkLimit::states_max`]: for one key at most about 150 MB beside what the history
/// itself takes, and a second or two of one core.
pub const STATES_MAX: u64 = 1_000_000;

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Linearizability<V> {
    /// Valid when every key is.
    pub verdict: Verdict,
    /// Each key, in the order in which they first appear.
    pub results: Vec<KeyResult<V>>,
}

/// What [`check`] found of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyResult<V> {
    /// The key.
    pub key: V,
    /// Whether its operations are linearizable.
    pub verdict: Verdict,
    /// How many operations were looked at: those that did not fail.
    pub operations: usize,
    /// How many configurations the search visited.
    pub states: u64,
    /// Why it is invalid.
    pub counterexample: Option<Counterexample<V>>,
    /// Why it is unknown.
    pub undecided: Option<Undecided>,
}

/// Checks every key of a history of reads, writes and compare-and-sets. Values are printed in explanations as `Debug` has them.
///
/// `limit` holds for each key by itself.
///
/// ```
/// use checkers::linearizable::{RegisterOp, STATES_MAX, WorkLimit, check};
/// use checkers::{Event, Kind, Verdict};
///
/// // Process 0 writes 1; afterwards process 1 reads that there is nothing.
/// let events = [
///     (0, Kind::Invoke, RegisterOp::Write { key: "x", value: "1" }),
///     (0, Kind::Ok, RegisterOp::Write { key: "x", value: "1" }),
///     (1, Kind::Invoke, RegisterOp::Read { key: "x", value: None }),
///     (1, Kind::Ok, RegisterOp::Read { key: "x", value: Some(None) }),
/// ];
/// let history: Vec<_> = (0..)
///     .zip(events)
///     .map(|(index, (process, kind, op))| Event::of_client(index, index, process, kind, op))
///     .collect();
///
/// let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
/// let result = check(&history, &mut limit)?;
/// assert_eq!(result.verdict, Verdict::Invalid);
/// let example = result.results[0].counterexample.as_ref().unwrap();
/// assert_eq!(example.prefix_end, 3);
/// assert_eq!(example.states, [Some("1")]);
/// # Ok::<(), checkers::Malformed>(())
/// ```
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check<V>(
    history: &[Event<RegisterOp<V>>],
    limit: &mut WorkLimit<'_>,
) -> Result<Linearizability<V>, Malformed>
where
    V: Clone + Eq + Hash + Debug,
    RegisterOp<V>: Op,
{
    check_with_null(history, |_| false, limit)
}

/// Checks the same where a register can hold a value that reads as if it were empty, such as the `null`
/// of JSON. Where that may have been written to a key, its register may as well hold it from the
/// beginning. A key that is null is told as none: the history is of a single register.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check_with_null<V>(
    history: &[Event<RegisterOp<V>>],
    is_null: impl Fn(&V) -> bool,
    limit: &mut WorkLimit<'_>,
) -> Result<Linearizability<V>, Malformed>
where
    V: Clone + Eq + Hash + Debug,
    RegisterOp<V>: Op,
{
    let (keys, mut met) = keys::split(history, &is_null)?;
    let results: Vec<_> = keys.into_iter().map(|key| check_key(key, &mut met, limit)).collect();
    let verdict = Verdict::all(results.iter().map(|result| result.verdict));
    Ok(Linearizability { verdict, results })
}

/// The answer of [`decide`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<S> {
    /// The operations can have happened one after another.
    Linearizable,
    /// They cannot.
    Impossible(Stuck<S>),
    /// The work limit was reached.
    Unknown(Undecided),
}

/// Where every order breaks off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck<S> {
    /// The call whose completion ends the shortest prefix of the history that has no order.
    pub call: usize,
    /// A longest order of calls in front of it; everything that completed before is in it.
    pub order: Vec<usize>,
    /// The states that the object can have been in just before the completion, in ascending order.
    /// Operations of unknown outcome whose effect no later operation could see are left out.
    pub states: Vec<S>,
}

/// Decides whether there is an order in which `calls` can have happened to one object; also says how
/// many configurations were visited. The calls are in the order of their invocations, and no two have a
/// position in common.
///
/// Where the model knows an algorithm for such calls ([`Model::decide_directly`]) there is no
/// search, and no configuration is visited: with [`Register`] whenever each value that was seen
/// was written once, with [`Membership`] whenever the element was added once. Otherwise it is
/// [`search`].
pub fn decide<M: Model>(
    model: &M,
    calls: &[Call<M::Operation>],
    limit: &mut WorkLimit<'_>,
) -> (Decision<M::State>, u64) {
    match model.decide_directly(calls) {
        Some(decision) => (decision, 0),
        None => search(model, calls, limit),
    }
}

/// Decides the same as [`decide`], always by searching.
pub fn search<M: Model>(
    model: &M,
    calls: &[Call<M::Operation>],
    limit: &mut WorkLimit<'_>,
) -> (Decision<M::State>, u64) {
    match Timeline::new(model, calls) {
        Some(timeline) if timeline.slots <= 64 => decide_within::<M, 1>(model, &timeline, limit),
        Some(timeline) if timeline.slots <= 256 => decide_within::<M, 4>(model, &timeline, limit),
        Some(timeline) => decide_within::<M, { SLOTS_MAX as usize / 64 }>(model, &timeline, limit),
        None => (Decision::Unknown(Undecided::TooManyOpen), 0),
    }
}

fn decide_within<M: Model, const WORDS: usize>(
    model: &M,
    timeline: &Timeline<M>,
    limit: &mut WorkLimit<'_>,
) -> (Decision<M::State>, u64) {
    let mut search = Search::<M, WORDS>::new(model, timeline);
    let decision = match search.run(limit) {
        Outcome::Found => Decision::Linearizable,
        Outcome::GaveUp(why) => Decision::Unknown(why),
        Outcome::Stuck { deadline } => Decision::Impossible(Stuck {
            call: timeline.due(deadline).call as usize,
            order: search.linearization().into_iter().map(|call| call as usize).collect(),
            states: search.last_states(),
        }),
    };
    (decision, search.states())
}

fn check_key<'a, V: Clone + Eq + Hash + Debug>(
    mut history: KeyHistory<'a, V>,
    met: &mut Met<'a, V>,
    limit: &mut WorkLimit<'_>,
) -> KeyResult<V> {
    let KeyCalls { calls, values } = history.calls(met);
    let (decision, states) = decide(&Register, &calls, limit);
    let mut result = KeyResult {
        key: history.key.clone(),
        verdict: Verdict::Valid,
        operations: calls.len(),
        states,
        counterexample: None,
        undecided: None,
    };
    match decision {
        Decision::Linearizable => {}
        Decision::Impossible(mut stuck) => {
            result.verdict = Verdict::Invalid;
            let read = |&state: &Number| RegisterOperation::Read(state);
            stuck.states = states_before(&Register, &calls, &stuck, read, limit.stop);
            result.counterexample = Some(Counterexample::new(&history, &values, &stuck));
        }
        Decision::Unknown(why) => {
            result.verdict = Verdict::Unknown;
            result.undecided = Some(why);
        }
    }
    result
}

impl<V: Serialize> Serialize for Linearizability<V>
where
    RegisterOp<V>: Op,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct ByKey<'a, V>(&'a [KeyResult<V>]);
        impl<V: Serialize> Serialize for ByKey<'_, V>
        where
            RegisterOp<V>: Op,
        {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer
                    .collect_map(self.0.iter().map(|result| (json::name(&result.key), result)))
            }
        }
        let of = |verdict| {
            let keys = self.results.iter().filter(move |result| result.verdict == verdict);
            keys.map(|result| &result.key).collect::<Vec<&V>>()
        };
        let (failures, undecided) = (of(Verdict::Invalid), of(Verdict::Unknown));
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("valid?", &self.verdict)?;
        map.serialize_entry("key-count", &self.results.len())?;
        map.serialize_entry("failure-count", &failures.len())?;
        map.serialize_entry("undecided-count", &undecided.len())?;
        map.serialize_entry("results", &ByKey(&self.results))?;
        map.serialize_entry("failures", &failures)?;
        map.serialize_entry("undecided", &undecided)?;
        map.end()
    }
}

impl<V: Serialize> Serialize for KeyResult<V>
where
    RegisterOp<V>: Op,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("valid?", &self.verdict)?;
        map.serialize_entry("op-count", &self.operations)?;
        map.serialize_entry("states-visited", &self.states)?;
        if let Some(counterexample) = &self.counterexample {
            map.serialize_entry("counterexample", counterexample)?;
        }
        if let Some(why) = &self.undecided {
            map.serialize_entry("undecided", why)?;
        }
        map.end()
    }
}
