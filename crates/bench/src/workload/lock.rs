//! Workload lock: `acquire {key, holder}` is answered by `acquire_ok {}` if nobody holds the lock, and
//! by error 22 if somebody does; `release {key, holder}` by `release_ok {}` if that holder holds it,
//! and by error 22 else. At no time do two hold one lock.
//!
//! It is the example of a workload of one's own: operations, messages, generator, errors, checker,
//! figures, drawing and examination are in this file, and its line in the registry is all that the
//! rest of the bench knows.
//!
//! A holder is a number that is used for one acquisition only. Who does not know whether it got the
//! lock tries to give it back, so that the others can go on: there is no other way, for a lock
//! without an end in time is held until it is given back. Such a lock is linearizable or it is none, so
//! mutual exclusion is checked by looking for an order of all acquisitions and releases in which each
//! acquisition finds the lock free and each release finds it held by its holder.

use std::collections::{BTreeMap, VecDeque};

use checkers::history::{Event, Op};
use checkers::linearizable::{
    Call, Decision, Model, Need, STATES_MAX, Stuck, Undecided, WorkLimit, decide, states_before,
};
use checkers::{Kind as EventKind, Operation, Record, Verdict, operations};
use proto::{ErrorCode, Json};
use serde::Serialize;
use serde::ser::SerializeMap;
use simulator::Random;

use super::searched::{Tally, undecided};
use super::{Checked, Expected, Headline, Kind, Step, Stored, Worker, Workload};
use crate::exhibit::{Clue, Drawing, Exhibit, Lead, Shown, TimeLine};
use crate::wire::{Fields, Request};

/// Locks that clients fight for at the same time.
const LOCKS: usize = 3;
/// Operations on a lock before the next one takes its place, so that no search has many unknown ones.
const OPERATIONS_PER_LOCK: u64 = 200;
/// How often a lock may be refused, one time after the other, before the next one takes its place: whoever
/// holds it may not know it.
const REFUSALS_MAX: u64 = 20;
/// How often a client tries to give back what it may hold, before it leaves the lock to others.
const TRIES_MAX: u64 = 5;

/// See the module.
pub(super) const KIND: Kind = Kind {
    name: "lock",
    summary: "locks that at most one client holds at a time",
    workers_per_node: 1,
    flags: &[],
    figures: &[
        ("workload.lock-count", "locks that were fought for"),
        ("workload.failure-count", "locks whose acquisitions and releases have no order"),
        ("workload.undecided-count", "locks for which the search was given up"),
    ],
    headline: Headline::Operations,
    stricter: "Maelstrom has no such workload",
    begin: |_| Box::new(Locks::default()),
};

/// Who holds a lock.
type Holder = u64;

/// An operation on one of the locks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct LockOp {
    wish: Wish,
    lock: u64,
    holder: Holder,
}

/// What is wanted of a lock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Wish {
    Acquire,
    Release,
}

impl Wish {
    const fn name(self) -> &'static str {
        match self {
            Self::Acquire => "acquire",
            Self::Release => "release",
        }
    }
}

impl Op for LockOp {
    fn f(&self) -> &str {
        self.wish.name()
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        self == completion
    }

    fn write<M: SerializeMap>(&self, _: EventKind, line: &mut M) -> Result<(), M::Error> {
        line.serialize_entry("key", &self.lock)?;
        line.serialize_entry("value", &self.holder)
    }
}

/// See the module.
#[derive(Default)]
struct Locks {
    /// The locks in use.
    active: Vec<Active>,
    next_lock: u64,
    next_holder: Holder,
    /// What each worker holds, and what it may hold.
    workers: Vec<Held>,
}

/// A lock in use.
struct Active {
    lock: u64,
    operations: u64,
    refusals: u64,
}

#[derive(Clone, Default)]
struct Held {
    surely: Option<LockOp>,
    /// With how often it was to be given back, those first whose turn it is.
    perhaps: VecDeque<(LockOp, u64)>,
}

impl Locks {
    fn held(&mut self, worker: Worker) -> &mut Held {
        if self.workers.len() <= worker.index {
            self.workers.resize(worker.index + 1, Held::default());
        }
        &mut self.workers[worker.index]
    }

    fn any_lock(&mut self, random: &mut Random) -> u64 {
        while self.active.len() < LOCKS {
            self.active.push(Active { lock: self.next_lock, operations: 0, refusals: 0 });
            self.next_lock += 1;
        }
        let place = random.index(self.active.len());
        let active = &mut self.active[place];
        active.operations += 1;
        let chosen = active.lock;
        if active.operations >= OPERATIONS_PER_LOCK {
            self.active.remove(place);
        }
        chosen
    }

    /// Whether a lock was got or refused.
    fn note(&mut self, lock: u64, is_refused: bool) {
        let Some(place) = self.active.iter().position(|active| active.lock == lock) else { return };
        let active = &mut self.active[place];
        active.refusals = if is_refused { active.refusals + 1 } else { 0 };
        if active.refusals >= REFUSALS_MAX {
            self.active.remove(place);
        }
    }
}

impl Workload for Locks {
    type Op = LockOp;

    fn operation(&mut self, worker: Worker, random: &mut Random) -> LockOp {
        let held = self.held(worker);
        if let Some(acquired) = held.surely {
            return LockOp { wish: Wish::Release, ..acquired };
        }
        if random.chance(0.5)
            && let Some((acquired, tries)) = held.perhaps.pop_front()
        {
            if tries + 1 < TRIES_MAX {
                held.perhaps.push_back((acquired, tries + 1));
            }
            return LockOp { wish: Wish::Release, ..acquired };
        }
        let lock = self.any_lock(random);
        self.next_holder += 1;
        LockOp { wish: Wish::Acquire, lock, holder: self.next_holder }
    }

    fn ended(&mut self, worker: Worker, kind: EventKind, op: &LockOp) {
        if op.wish == Wish::Acquire && kind != EventKind::Info {
            self.note(op.lock, kind == EventKind::Fail);
        }
        let held = self.held(worker);
        let is_it = |other: &LockOp| (other.lock, other.holder) == (op.lock, op.holder);
        match (op.wish, kind) {
            (Wish::Acquire, EventKind::Ok) => held.surely = Some(*op),
            (Wish::Release, EventKind::Ok) => {
                held.surely = None;
                held.perhaps.retain(|(other, _)| !is_it(other));
            }
            // A release that was refused says no more than that the lock had not come by then.
            (_, EventKind::Info) => {
                held.surely = None;
                held.perhaps.retain(|(other, _)| !is_it(other));
                held.perhaps.push_back((*op, 0));
            }
            (Wish::Release, _) => held.surely = None,
            (Wish::Acquire, _) => {}
        }
    }

    fn request(&self, op: &LockOp) -> Request {
        let request = Request::new(op.wish.name());
        request.with("key", Json::from(op.lock as i64)).with("holder", Json::from(op.holder as i64))
    }

    fn accept(&self, _: &mut LockOp, _: &mut Fields<'_>) -> Result<(), String> {
        Ok(())
    }

    fn restore(&self, stored: &Stored, _: Option<&LockOp>) -> Result<LockOp, String> {
        let number = |json: &Json, what: &str| {
            let number = json.as_i64().and_then(|number| u64::try_from(number).ok());
            number.ok_or_else(|| format!("`{what}` is no number"))
        };
        let wish = match &*stored.f {
            "acquire" => Wish::Acquire,
            "release" => Wish::Release,
            _ => return Err(stored.unknown()),
        };
        let (key, value) = stored.keyed(|_| true);
        let lock = key.map_or(Ok(0), |key| number(&key, "key"))?;
        // Jepsen's mutex asks for neither: there is one lock, of which is not told who holds it.
        let holder = if value.is_null() { 0 } else { number(&value, "value")? };
        Ok(LockOp { wish, lock, holder })
    }

    fn check(&self, history: &[Event<LockOp>], stop: &mut dyn FnMut() -> bool) -> Checked {
        let operations = match operations(history) {
            Ok(operations) => operations,
            Err(error) => return Checked::malformed(&error),
        };
        let mut locks: BTreeMap<u64, Vec<&Operation<'_, LockOp>>> = BTreeMap::new();
        for operation in operations.iter().filter(|it| it.outcome() != EventKind::Fail) {
            locks.entry(operation.asked.lock).or_default().push(operation);
        }
        let mut limit = WorkLimit { states_max: STATES_MAX, stop };
        let judged = locks.iter().map(|(&lock, of_lock)| judge(lock, of_lock, &mut limit));
        report(judged.collect())
    }

    fn examination(&self) -> Vec<Step<LockOp>> {
        let acquire = |holder| LockOp { wish: Wish::Acquire, lock: 0, holder };
        let release = |holder| LockOp { wish: Wish::Release, lock: 0, holder };
        let refused = || Expected::Error(ErrorCode::PreconditionFailed);
        vec![
            Step::new(release(1), refused()),
            Step::new(acquire(1), Expected::Reply),
            Step::new(acquire(2), refused()),
            Step::new(release(2), refused()),
            Step::new(release(1), Expected::Reply),
            Step::new(acquire(2), Expected::Reply),
        ]
    }
}

/// A lock that is free at first.
struct Mutex;

impl Model for Mutex {
    type State = Option<Holder>;
    type Operation = (Wish, Holder);

    fn initial(&self) -> Option<Holder> {
        None
    }

    fn step(
        &self,
        state: &Option<Holder>,
        (wish, holder): &(Wish, Holder),
    ) -> Option<Option<Holder>> {
        match (wish, state) {
            (Wish::Acquire, None) => Some(Some(*holder)),
            (Wish::Release, Some(other)) if other == holder => Some(None),
            _ => None,
        }
    }

    fn need(&self, (wish, holder): &(Wish, Holder)) -> Need<Option<Holder>> {
        Need::State((*wish == Wish::Release).then_some(*holder))
    }

    fn result(&self, (wish, holder): &(Wish, Holder)) -> Option<Option<Holder>> {
        Some((*wish == Wish::Acquire).then_some(*holder))
    }
}

/// What is to be said of one lock.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Judged {
    #[serde(skip)]
    lock: u64,
    #[serde(rename = "valid?")]
    verdict: Verdict,
    op_count: usize,
    states_visited: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undecided: Option<Undecided>,
    #[serde(skip)]
    shown: Option<(Lead, Exhibit)>,
}

/// Looks for an order of the operations on a lock that did not fail.
fn judge(lock: u64, operations: &[&Operation<'_, LockOp>], limit: &mut WorkLimit<'_>) -> Judged {
    let call = |operation: &&Operation<'_, LockOp>| {
        let completed = operation.completed_at.filter(|_| operation.outcome() == EventKind::Ok);
        Call {
            operation: (operation.asked.wish, operation.asked.holder),
            invoked: operation.invoked_at as u64,
            completed: completed.map(|position| position as u64),
        }
    };
    let calls: Vec<_> = operations.iter().map(call).collect();
    let (decision, states_visited) = decide(&Mutex, &calls, limit);
    let mut judged = Judged {
        lock,
        verdict: Verdict::Valid,
        op_count: operations.len(),
        states_visited,
        explanation: None,
        undecided: None,
        shown: None,
    };
    match decision {
        Decision::Linearizable => {}
        Decision::Unknown(why) => {
            (judged.verdict, judged.undecided) = (Verdict::Unknown, Some(why));
        }
        Decision::Impossible(mut stuck) => {
            judged.verdict = Verdict::Invalid;
            // What is possible only of a free lock, or only of one with this holder.
            let observe = |&held: &Option<Holder>| match held {
                None => (Wish::Acquire, Holder::MAX),
                Some(holder) => (Wish::Release, holder),
            };
            stuck.states = states_before(&Mutex, &calls, &stuck, observe, limit.stop);
            let text = explain(operations, &stuck);
            judged.shown = Some((lead(&text, operations, &stuck), violation(operations, &stuck)));
            judged.explanation = Some(text);
        }
    }
    judged
}

fn report(judged: Vec<Judged>) -> Checked {
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Results<'a> {
        lock_count: usize,
        failure_count: usize,
        undecided_count: usize,
        failures: Vec<u64>,
        undecided: Vec<u64>,
        results: BTreeMap<u64, &'a Judged>,
    }
    let verdict = Verdict::all(judged.iter().map(|lock| lock.verdict));
    let tally = Tally::of(judged.iter().map(|lock| lock.verdict));
    let locks = |verdict| {
        let locks = judged.iter().filter(move |lock| lock.verdict == verdict);
        locks.map(|lock| lock.lock).collect()
    };
    let results = Results {
        lock_count: judged.len(),
        failure_count: tally.invalid,
        undecided_count: tally.undecided,
        failures: locks(Verdict::Invalid),
        undecided: locks(Verdict::Unknown),
        results: judged.iter().map(|lock| (lock.lock, lock)).collect(),
    };
    let complaint = || tally.complaint("locks", "did not exclude");
    let mut checked = Checked::new(verdict, &results, complaint);
    checked.causes.extend(judged.iter().filter_map(|lock| lock.explanation.clone()));
    checked.causes.extend(
        judged.iter().filter_map(|lock| {
            Some(undecided(&format!("lock {}", lock.lock), lock.undecided?, None))
        }),
    );
    checked.highlights.push(tally.highlight("locks", "did not exclude"));
    if let Some((lead, exhibit)) = judged.into_iter().find_map(|lock| lock.shown) {
        checked.lead = Some(lead);
        checked.exhibits.push(exhibit);
    }
    checked
}

/// What a lock can be, in words.
fn state(state: Option<Holder>) -> String {
    state.map_or_else(|| "free".to_owned(), |holder| format!("held by {holder}"))
}

fn explain(operations: &[&Operation<'_, LockOp>], stuck: &Stuck<Option<Holder>>) -> String {
    let operation = operations[stuck.call];
    let LockOp { wish, lock, holder } = *operation.op();
    let states: Vec<_> = stuck.states.iter().take(4).map(|&held| state(held)).collect();
    let index = |event: Option<&Event<LockOp>>| event.map_or(0, |event| event.index);
    format!(
        "{} was told that it could {} lock {lock} as holder {holder} (events {} to {}), but in every \
         order of the operations before, the lock is {}.",
        operation.invocation.process,
        wish.name(),
        operation.invocation.index,
        index(operation.completion),
        if states.is_empty() { "nothing that is known".to_owned() } else { states.join(" or ") },
    )
}

fn label(op: &LockOp) -> String {
    format!("{} as {}", op.wish.name(), op.holder)
}

/// The operation that cannot be, and before it the acquisition by the one who holds the lock.
fn lead(text: &str, operations: &[&Operation<'_, LockOp>], stuck: &Stuck<Option<Holder>>) -> Lead {
    let wrong = operations[stuck.call];
    let holder = stuck.states.iter().find_map(|&held| held);
    let took_it = |operation: &&&Operation<'_, LockOp>| {
        operation.asked.wish == Wish::Acquire && Some(operation.asked.holder) == holder
    };
    let shown = operations.iter().find(took_it).into_iter().chain([&wrong]);
    let tell = |operation: &&Operation<'_, LockOp>| {
        let LockOp { wish, lock, holder } = operation.asked;
        Shown::new(operation, format!("{} {lock} as {holder}", wish.name()))
    };
    Lead {
        text: text.to_owned(),
        time: wrong.completion.unwrap_or(wrong.invocation).time,
        operations: shown.map(tell).collect(),
        clue: Clue::NotKept { key: Json::from(wrong.asked.lock as i64), is_gone: false },
    }
}

fn violation(operations: &[&Operation<'_, LockOp>], stuck: &Stuck<Option<Holder>>) -> Exhibit {
    let wrong = operations[stuck.call];
    let end = wrong.completed_at.unwrap_or(usize::MAX);
    let overlaps = |other: &&&Operation<'_, LockOp>| {
        other.invoked_at != wrong.invoked_at
            && other.invoked_at < end
            && other.completed_at.is_none_or(|completed| completed > wrong.invoked_at)
    };
    let record = |&operation: &&Operation<'_, LockOp>| Record::from(operation);
    let concurrent: Vec<_> = operations.iter().filter(overlaps).map(record).collect();
    let order: Vec<_> = stuck.order.iter().map(|&call| record(&operations[call])).collect();
    let after = |op: &LockOp| Some(state((op.wish == Wish::Acquire).then_some(op.holder)));
    let mut drawing = TimeLine::new(
        "lock",
        &Record::from(wrong),
        &concurrent,
        &order,
        |record| label(&record.op),
        after,
    );
    drawing.states = stuck.states.iter().take(4).map(|&held| state(held)).collect();
    Exhibit {
        name: "violation".to_owned(),
        title: "Why two held one lock".to_owned(),
        caption: format!("Operations on lock {}; the number is the holder's.", wrong.asked.lock),
        is_evidence: true,
        drawing: Drawing::TimeLine(drawing),
    }
}

#[cfg(test)]
mod tests;
