//! Workload lin-kv: `read {key}` is answered by `read_ok {value}`, `write {key, value}` by
//! `write_ok {}`, `cas {key, from, to}` by `cas_ok {}`; a missing key is error 20, a comparison
//! that fails error 22.
//!
//! Workers form groups of two a node; each group works on one key at a time. The first half of a
//! group reads, the other half writes and compares. A key has served when twenty processes have
//! taken part, that is after enough operations of unknown outcome, as with Maelstrom; or, with
//! `--key-limit`, after so many operations. Unlike Maelstrom every group reads as well as writes, and
//! workers take turns by chance (`--compat maelstrom` has it as there).
//!
//! Values are 0 to 4, as with Maelstrom. With `--distinct-values` each write has a value of its own, and
//! a comparison aims at what was last known: such a history is checked without a search, in the time of
//! sorting it (see `checkers::linearizable`).

mod exhibits;
mod missing;

use std::time::Duration;

use checkers::linearizable::{RegisterOp, WorkLimit};
use checkers::{Event, Kind as EventKind};
use proto::{ErrorCode, Json};
use simulator::Random;

use self::exhibits::{label, violation};
use super::searched::{Tally, undecided};
use super::{
    Checked, Conditions, Expected, Flag, Headline, Kind, OnError, Step, Stored, Worker, Workload,
    is,
};
use crate::compat::Compat;
use crate::exhibit::{Clue, Lead};
use crate::lab::registers;
use crate::wire::{Fields, Request, in_words};

/// How many processes may take part in one key.
const PROCESSES_PER_KEY: usize = 20;

/// `--key-limit`.
const KEY_LIMIT: Flag = Flag {
    name: "key-limit",
    value_name: "N",
    default: "",
    help: "Most operations on one key before the next one takes its place",
    check: |value| is::<u64>(value, "a number of operations above 0", |most| *most > 0),
};

/// `--distinct-values`.
const DISTINCT_VALUES: Flag = Flag {
    name: "distinct-values",
    value_name: "",
    default: "false",
    help: "Write every value of a key once only, so that long runs are checked without a search",
    check: |value| is::<bool>(value, "true or false", |_| true),
};

/// `--max-states`.
const MAX_STATES: Flag = Flag {
    name: "max-states",
    value_name: "N",
    default: STATES_MAX_TEXT,
    help: "States that the search for a linear order may visit before the verdict is unknown",
    check: |value| is::<u64>(value, "a number of states", |_| true),
};

/// [`STATES_MAX`](checkers::linearizable::STATES_MAX) as it would be written.
const STATES_MAX_TEXT: &str = "1000000";

/// See the module.
pub(super) const KIND: Kind = Kind {
    name: "lin-kv",
    summary: "registers with read, write and compare-and-set that look like a single copy",
    // Maelstrom wants a multiple of this: one half reads, the other half writes.
    workers_per_node: 2,
    flags: &[KEY_LIMIT, DISTINCT_VALUES, MAX_STATES],
    figures: &[
        ("workload.key-count", "keys that were checked, each by itself"),
        ("workload.failure-count", "keys that are not linearizable"),
        ("workload.undecided-count", "keys for which the search was given up"),
    ],
    headline: Headline::Operations,
    stricter: "a read of null, or one that is told that there is no such key, matches only a register \
               that is empty or to which null may have been written, and every group reads",
    begin: |conditions| Box::new(LinKv::new(conditions)),
};

/// See the module.
struct LinKv {
    group_size: usize,
    key_limit: u64,
    has_distinct_values: bool,
    max_states: u64,
    /// Whether it is to be as with Maelstrom.
    is_compatible: bool,
    timeout: Duration,
    groups: Vec<Group>,
    next_key: i64,
}

/// Workers that share a key.
struct Group {
    key: i64,
    operations: u64,
    processes: Vec<u64>,
    /// How many values were drawn, where they are distinct: the next one.
    values: i64,
    /// What the key was last known to have.
    known: i64,
}

impl Group {
    fn new(key: i64) -> Self {
        Self { key, operations: 0, processes: Vec::new(), values: 0, known: 0 }
    }
}

impl LinKv {
    fn new(conditions: &Conditions<'_>) -> Self {
        let group_size = (2 * conditions.nodes.len()).min(conditions.concurrency).max(1);
        let groups = conditions.concurrency.div_ceil(group_size);
        Self {
            group_size,
            key_limit: conditions.settings.optional(&KEY_LIMIT).unwrap_or(u64::MAX),
            max_states: conditions.settings.get(&MAX_STATES),
            is_compatible: conditions.compat == Some(Compat::Maelstrom),
            timeout: (conditions.latency * 10).max(Duration::from_secs(1)),
            has_distinct_values: conditions.settings.get(&DISTINCT_VALUES),
            groups: (0..groups as i64).map(Group::new).collect(),
            next_key: groups as i64,
        }
    }
}

impl Workload for LinKv {
    type Op = RegisterOp<Json>;

    fn operation(&mut self, worker: Worker, random: &mut Random) -> RegisterOp<Json> {
        let group = &mut self.groups[worker.index / self.group_size];
        let newcomer = !group.processes.contains(&worker.process);
        if group.operations >= self.key_limit
            || newcomer && group.processes.len() >= PROCESSES_PER_KEY.max(self.group_size)
        {
            *group = Group::new(self.next_key);
            self.next_key += 1;
        }
        if !group.processes.contains(&worker.process) {
            group.processes.push(worker.process);
        }
        group.operations += 1;
        let key = Json::from(group.key);
        let place = worker.index % self.group_size;
        let reads = match self.group_size {
            1 => random.chance(0.5),
            // Upstream counts the readers of every group from the first worker of all.
            _ if self.is_compatible => worker.index < self.group_size / 2,
            size => place < size / 2,
        };
        if reads {
            return RegisterOp::Read { key, value: None };
        }
        let (from, to) = if self.has_distinct_values {
            // Mostly what the key has, so that comparisons succeed; sometimes what it had before.
            let from = group.known.saturating_sub(random.below(2) as i64);
            group.values += 1;
            (Json::from(from), Json::from(group.values))
        } else {
            let mut value = || Json::from(random.below(5) as i64);
            (value(), value())
        };
        if random.below(3) == 0 {
            RegisterOp::Write { key, value: to }
        } else {
            RegisterOp::Cas { key, from, to }
        }
    }

    fn ended(&mut self, worker: Worker, kind: EventKind, op: &RegisterOp<Json>) {
        let group = &mut self.groups[worker.index / self.group_size];
        if kind != EventKind::Ok || *op.key() != Json::from(group.key) {
            return;
        }
        let known = match op {
            RegisterOp::Read { value, .. } => value.as_ref().and_then(Option::as_ref),
            RegisterOp::Write { value, .. } => Some(value),
            RegisterOp::Cas { to, .. } => Some(to),
        };
        group.known = known.and_then(Json::as_i64).unwrap_or(group.known);
    }

    /// As with Maelstrom: any group that has somebody idle, any half of it that has, and of that the
    /// first one.
    fn choose(&self, idle: &[usize], random: &mut Random) -> Option<usize> {
        if !self.is_compatible {
            return None;
        }
        let draw = |choices: std::collections::BTreeSet<usize>, random: &mut Random| {
            let nth = random.index(choices.len());
            choices.into_iter().nth(nth)
        };
        let group_of = |worker: &usize| worker / self.group_size;
        let half_of = |worker: &usize| usize::from(worker % self.group_size >= self.group_size / 2);
        let group = draw(idle.iter().map(group_of).collect(), random)?;
        let of_group = || idle.iter().filter(|worker| group_of(worker) == group);
        let half = draw(of_group().map(half_of).collect(), random)?;
        let first = of_group().filter(|worker| half_of(worker) == half).min()?;
        idle.iter().position(|worker| worker == first)
    }

    fn on_error(&self, op: &RegisterOp<Json>) -> OnError {
        match op {
            RegisterOp::Read { .. } => OnError::Idempotent,
            _ => OnError::AsTheCodeSays,
        }
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn keeps_clients(&self) -> bool {
        true
    }

    fn request(&self, op: &RegisterOp<Json>) -> Request {
        registers::request(op)
    }

    fn accept(&self, op: &mut RegisterOp<Json>, reply: &mut Fields<'_>) -> Result<(), String> {
        if let RegisterOp::Read { value, .. } = op {
            let read = reply.json("value")?;
            *value = Some((!read.is_null()).then_some(read));
        }
        Ok(())
    }

    fn invented(&self, body: &str) -> Option<RegisterOp<Json>> {
        let mut fields: Fields<'_> = serde_json::from_str(body).ok()?;
        let mut json = |name| fields.json(name).ok();
        match (json("type")?.text().as_ref(), json("key")?) {
            ("\"write\"", key) => Some(RegisterOp::Write { key, value: json("value")? }),
            ("\"cas\"", key) => Some(RegisterOp::Cas { key, from: json("from")?, to: json("to")? }),
            // A read changes nothing.
            _ => None,
        }
    }

    fn restore(
        &self,
        stored: &Stored,
        asked: Option<&RegisterOp<Json>>,
    ) -> Result<RegisterOp<Json>, String> {
        let from_to = |value: &Json| -> serde_json::Result<(Json, Json)> {
            let (from, to): (Json, Json) = serde_json::from_str(&value.text())?;
            Ok((from.distinguishing_floats(), to.distinguishing_floats()))
        };
        // What came back from a register without a name is no key, even if it is a pair.
        let is_named = asked.is_none_or(|asked| !asked.key().is_null());
        let (key, value) =
            stored.keyed(|value| is_named && (stored.f != "cas" || from_to(value).is_ok()));
        let key = key.unwrap_or_else(Json::null);
        match &*stored.f {
            "read" => {
                let has_read = stored.kind == EventKind::Ok;
                let value = has_read.then(|| (!value.is_null()).then_some(value));
                Ok(RegisterOp::Read { key, value })
            }
            "write" => Ok(RegisterOp::Write { key, value }),
            "cas" => {
                let (from, to) = from_to(&value)
                    .map_err(|error| in_words("`value` of a cas is [from, to]: it", &error))?;
                Ok(RegisterOp::Cas { key, from, to })
            }
            _ => Err(stored.unknown()),
        }
    }

    fn examination(&self) -> Vec<Step<RegisterOp<Json>>> {
        let key = || Json::from(0);
        let cas =
            |from: i64, to: i64| RegisterOp::Cas { key: key(), from: from.into(), to: to.into() };
        let read = || RegisterOp::Read { key: key(), value: None };
        let reads = |wanted: i64, should| {
            let right = move |op: &RegisterOp<Json>| {
                let RegisterOp::Read { value: Some(Some(value)), .. } = op else { return false };
                *value == Json::from(wanted)
            };
            Step::new(read(), Expected::that(should, right))
        };
        let write = RegisterOp::Write { key: key(), value: Json::from(1) };
        vec![
            Step::new(read(), Expected::Error(ErrorCode::KeyDoesNotExist)),
            Step::new(cas(1, 2), Expected::Error(ErrorCode::KeyDoesNotExist)),
            Step::new(write, Expected::Reply),
            reads(1, "1 was written before, and nothing else"),
            Step::new(cas(7, 8), Expected::Error(ErrorCode::PreconditionFailed)),
            Step::new(cas(1, 2), Expected::Reply),
            reads(2, "a compare-and-set from 1 to 2 succeeded before"),
        ]
    }

    fn check(
        &self,
        history: &[Event<RegisterOp<Json>>],
        stop: &mut dyn FnMut() -> bool,
    ) -> Checked {
        let mut limit = WorkLimit { states_max: self.max_states, stop };
        let (history, answered_by_error) = missing::as_reads(history);
        let checked = checkers::linearizable::check_with_null(&history, Json::is_null, &mut limit);
        let mut result = match checked {
            Ok(result) => result,
            Err(error) => return Checked::malformed(&error),
        };
        for counterexample in
            result.results.iter_mut().filter_map(|key| key.counterexample.as_mut())
        {
            if answered_by_error.binary_search(&counterexample.prefix_end).is_ok() {
                counterexample.explanation += missing::REMARK;
            }
        }
        let tally = Tally::of(result.results.iter().map(|key| key.verdict));
        let complaint = || tally.complaint("keys", "are not linearizable");
        let mut checked = Checked::new(result.verdict, &result, complaint);
        for key in &result.results {
            if let Some(counterexample) = &key.counterexample {
                let of_key = match key.key.is_null() {
                    true => String::new(),
                    false => format!("key {}: ", key.key),
                };
                checked.causes.push(of_key + &counterexample.explanation);
            }
        }
        for key in &result.results {
            if let Some(why) = key.undecided {
                let object = match key.key.is_null() {
                    true => "the register".to_owned(),
                    false => format!("key {}", key.key),
                };
                checked.causes.push(undecided(&object, why, Some(MAX_STATES.name)));
            }
        }
        checked.highlights.push(tally.highlight("keys", "not linearizable"));
        let explained =
            result.results.iter().find_map(|key| Some((&key.key, key.counterexample.as_ref()?)));
        if let Some((key, counterexample)) = explained {
            let error = &counterexample.operation;
            let text = counterexample.explanation.clone();
            let clue = Clue::Stale { key: key.clone() };
            checked.lead = Some(Lead::of_record(text, error, label(error, true), clue));
            checked.exhibits.push(violation(key, counterexample));
        }
        checked
    }
}

#[cfg(test)]
mod tests;
