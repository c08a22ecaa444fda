//! What consistency models mean, by trying everything: an independent twin of the checkers for
//! histories of a handful of transactions. Models of serial orders and snapshots are executed; those
//! of Adya are checked on every version order there can be.

use std::collections::{BTreeMap, BTreeSet};

use checkers::transactions::list_append::Op;
use checkers::transactions::{Call, Order, Outcome};

use super::histories::{Lists, Registers};

/// A micro-operation on either kind of object; a register is the list of what was written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    Write(u32, u32),
    List(u32, Vec<u32>),
    Last(u32, Option<u32>),
}

type State = BTreeMap<u32, Vec<u32>>;

/// A history to try everything on.
pub(crate) struct Truth {
    calls: Vec<Call>,
    acts: Vec<Vec<Act>>,
}

impl Truth {
    pub(crate) fn of_lists(history: &Lists) -> Self {
        let act = |op: &Op<u32, u32>| match op {
            Op::Append { key, element } => Act::Write(*key, *element),
            Op::Read { key, elements } => Act::List(*key, elements.clone().unwrap_or_default()),
        };
        Self {
            calls: history.iter().map(|transaction| transaction.call).collect(),
            acts: history
                .iter()
                .map(|transaction| transaction.ops.iter().map(act).collect())
                .collect(),
        }
    }

    pub(crate) fn of_registers(history: &Registers) -> Self {
        use checkers::transactions::rw_register::Op;
        let act = |op: &Op<u32, u32>| match op {
            Op::Write { key, value } => Act::Write(*key, *value),
            Op::Read { key, value } => Act::Last(*key, *value),
        };
        Self {
            calls: history.iter().map(|transaction| transaction.call).collect(),
            acts: history
                .iter()
                .map(|transaction| transaction.ops.iter().map(act).collect())
                .collect(),
        }
    }

    /// Whether `a` must come before `b` in this order.
    fn precedes(&self, a: usize, b: usize, order: Order) -> bool {
        let (a, b) = (&self.calls[a], &self.calls[b]);
        let in_time = a.outcome == Outcome::Ok && a.completed < b.invoked;
        match order {
            Order::Data => false,
            Order::Process => in_time && a.process == b.process,
            Order::Realtime => in_time,
        }
    }

    /// Does what a transaction did to a state; `None` if it read something else.
    fn execute(&self, id: usize, state: &State) -> Option<State> {
        let mut state = state.clone();
        let is_known = self.calls[id].outcome == Outcome::Ok;
        for act in &self.acts[id] {
            let list = |key| state.get(key).cloned().unwrap_or_default();
            match act {
                Act::Write(key, value) => state.entry(*key).or_default().push(*value),
                Act::List(key, seen) if is_known && *seen != list(key) => return None,
                Act::Last(key, seen) if is_known && *seen != list(key).last().copied() => {
                    return None;
                }
                _ => {}
            }
        }
        Some(state)
    }

    /// The sets of transactions that may have happened: all that committed, and any of unknown outcome.
    fn worlds(&self) -> Vec<Vec<usize>> {
        let mut worlds = vec![Vec::new()];
        for (id, call) in self.calls.iter().enumerate() {
            let with = |world: &Vec<usize>| [world.clone(), vec![id]].concat();
            match call.outcome {
                Outcome::Ok => worlds = worlds.iter().map(with).collect(),
                Outcome::Info => {
                    worlds = worlds.iter().flat_map(|world| [world.clone(), with(world)]).collect()
                }
                Outcome::Fail => {}
            }
        }
        worlds
    }

    /// Is there a serial order that respects `order` and explains every read?
    pub(crate) fn is_serializable(&self, order: Order) -> bool {
        self.worlds().into_iter().any(|world| self.serial(&world, &State::new(), order))
    }

    fn serial(&self, left: &[usize], state: &State, order: Order) -> bool {
        left.is_empty()
            || left.iter().any(|&id| {
                let rest: Vec<usize> = left.iter().copied().filter(|&other| other != id).collect();
                !rest.iter().any(|&other| self.precedes(other, id, order))
                    && self
                        .execute(id, state)
                        .is_some_and(|state| self.serial(&rest, &state, order))
            })
    }

    /// Are there moments of beginning and commit such that every transaction reads from the state at
    /// its beginning, and none that overlap write the same key?
    pub(crate) fn is_snapshot_isolated(&self, order: Order) -> bool {
        self.worlds().into_iter().any(|world| self.snapshots(&world, &[], &State::new(), order))
    }

    fn snapshots(
        &self,
        idle: &[usize],
        open: &[(usize, State)],
        state: &State,
        order: Order,
    ) -> bool {
        if idle.is_empty() && open.is_empty() {
            return true;
        }
        let begins = idle.iter().any(|&id| {
            let rest: Vec<usize> = idle.iter().copied().filter(|&other| other != id).collect();
            let is_early = |other: usize| self.precedes(other, id, order);
            if rest.iter().any(|&other| is_early(other))
                || open.iter().any(|&(other, _)| is_early(other))
            {
                return false;
            }
            let mut open = open.to_vec();
            open.push((id, state.clone()));
            self.snapshots(&rest, &open, state, order)
        });
        begins
            || open.iter().any(|(id, snapshot)| {
                let Some(after) = self.execute(*id, snapshot) else { return false };
                let mut new = state.clone();
                for act in &self.acts[*id] {
                    if let Act::Write(key, _) = act {
                        if state.get(key) != snapshot.get(key) {
                            return false;
                        }
                        new.insert(*key, after[key].clone());
                    }
                }
                let rest: Vec<_> = open.iter().filter(|(other, _)| other != id).cloned().collect();
                self.snapshots(idle, &rest, &new, order)
            })
    }

    /// Adya's levels, on lists: is there an order of versions without the phenomena of the level?
    /// Histories in which transactions contradict themselves are none of Adya's.
    pub(crate) fn satisfies(&self, level: Level, order: Order) -> bool {
        self.worlds().into_iter().any(|world| {
            version_orders(&self.writes(&world)).into_iter().any(|versions| {
                self.reads_fit(&world, &versions, level)
                    && self.has_no_cycle(&world, &versions, level, order)
            })
        })
    }

    /// What each transaction of a world wrote to each key, in its order.
    fn writes(&self, world: &[usize]) -> BTreeMap<u32, Vec<Vec<u32>>> {
        let mut all: BTreeMap<u32, Vec<Vec<u32>>> = BTreeMap::new();
        for &id in world {
            let mut own: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for act in &self.acts[id] {
                if let Act::Write(key, value) = act {
                    own.entry(*key).or_default().push(*value);
                }
            }
            for (key, values) in own {
                all.entry(key).or_default().push(values);
            }
        }
        all
    }

    fn writer(&self, key: u32, value: u32) -> Option<usize> {
        self.acts.iter().position(|acts| acts.contains(&Act::Write(key, value)))
    }

    fn reads_fit(&self, world: &[usize], versions: &State, level: Level) -> bool {
        self.reads(world).all(|(id, key, list)| {
            let order = versions.get(&key).cloned().unwrap_or_default();
            if level == Level::ReadUncommitted {
                // What others did that failed may be seen.
                let failed = |value: &u32| {
                    self.writer(key, *value).is_some_and(|w| self.calls[w].outcome == Outcome::Fail)
                };
                let list: Vec<u32> = list.iter().copied().filter(|value| !failed(value)).collect();
                return order.starts_with(&list);
            }
            let is_final = list.last().is_none_or(|&value| {
                self.writer(key, value).is_some_and(|writer| {
                    let last = self.acts[writer].iter().rev().find_map(|act| match act {
                        Act::Write(other, value) if *other == key => Some(*value),
                        _ => None,
                    });
                    writer == id || last == Some(value)
                })
            });
            order.starts_with(&list) && is_final
        })
    }

    fn reads(&self, world: &[usize]) -> impl Iterator<Item = (usize, u32, Vec<u32>)> {
        world.iter().filter(|&&id| self.calls[id].outcome == Outcome::Ok).flat_map(move |&id| {
            self.acts[id].iter().filter_map(move |act| match act {
                Act::List(key, list) => Some((id, *key, list.clone())),
                _ => None,
            })
        })
    }

    fn has_no_cycle(&self, world: &[usize], versions: &State, level: Level, order: Order) -> bool {
        let mut edges = BTreeSet::new();
        let mut anti = BTreeSet::new();
        for (&key, values) in versions {
            for pair in values.windows(2) {
                edges.insert((self.writer(key, pair[0]), self.writer(key, pair[1])));
            }
        }
        if level != Level::ReadUncommitted {
            for (id, key, list) in self.reads(world) {
                if let Some(&last) = list.last() {
                    edges.insert((self.writer(key, last), Some(id)));
                }
                let next = versions.get(&key).and_then(|values| values.get(list.len()));
                if let Some(&next) = next {
                    anti.insert((id, self.writer(key, next).unwrap()));
                }
            }
        }
        for &a in world {
            for &b in world {
                if self.precedes(a, b, order) {
                    edges.insert((Some(a), Some(b)));
                }
            }
        }
        let edges: BTreeSet<(usize, usize)> =
            edges.into_iter().filter_map(|(a, b)| Some((a?, b?))).filter(|(a, b)| a != b).collect();
        let paths = closure(&edges);
        let is_cyclic = paths.iter().any(|(a, b)| a == b);
        let is_skewed = anti.iter().any(|&(a, b)| a != b && paths.contains(&(b, a)));
        !is_cyclic && (level != Level::ConsistentView || !is_skewed)
    }
}

/// Adya's levels that are defined by version orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// PL-1: no G0.
    ReadUncommitted,
    /// PL-2: no G1.
    ReadCommitted,
    /// PL-2+: no G1, and no cycle with one anti-dependency.
    ConsistentView,
}

fn closure(edges: &BTreeSet<(usize, usize)>) -> BTreeSet<(usize, usize)> {
    let mut paths = edges.clone();
    loop {
        let more: Vec<_> = paths
            .iter()
            .flat_map(|&(a, b)| {
                edges.iter().filter(move |edge| edge.0 == b).map(move |edge| (a, edge.1))
            })
            .filter(|path| !paths.contains(path))
            .collect();
        if more.is_empty() {
            return paths;
        }
        paths.extend(more);
    }
}

/// Every way to merge what the writers of each key wrote, each in its own order.
fn version_orders(writes: &BTreeMap<u32, Vec<Vec<u32>>>) -> Vec<State> {
    let mut all = vec![State::new()];
    for (&key, sequences) in writes {
        let merged = merges(sequences);
        all = all
            .iter()
            .flat_map(|state| {
                merged.iter().map(move |order| {
                    let mut state = state.clone();
                    state.insert(key, order.clone());
                    state
                })
            })
            .collect();
    }
    all
}

fn merges(sequences: &[Vec<u32>]) -> Vec<Vec<u32>> {
    if sequences.iter().all(Vec::is_empty) {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for place in (0..sequences.len()).filter(|&place| !sequences[place].is_empty()) {
        let mut rest = sequences.to_vec();
        let first = rest[place].remove(0);
        all.extend(merges(&rest).into_iter().map(|merged| [vec![first], merged].concat()));
    }
    all
}
