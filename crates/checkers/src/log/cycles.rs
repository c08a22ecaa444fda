//! Operations that saw each other's messages in a circle.
//!
//! The graph has an edge from who sent a message to who polled it, and a second time also from what
//! was over to what began afterwards. The latter would be too many: instead there is a *moment* for
//! each completion, each moment leads to the next one, an operation to the moment of its completion,
//! and the last moment before an invocation to that operation. Circles are in strongly connected
//! components (Tarjan 1972); of each one the shortest circle through its first operation is shown.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::Hash;

use super::operation::Outcome;
use super::{Check, Finding, FindingKind};

impl<K, V> Check<'_, K, V>
where
    K: Clone + Eq + Hash + Debug,
    V: Clone + Eq + Hash + Debug,
{
    pub(super) fn cycles(&mut self) {
        let mut graph = self.graph();
        let mut is_known = vec![false; self.history.len()];
        for kind in [FindingKind::Circular, FindingKind::CircularInTime] {
            for cycle in graph.cycles() {
                // What is circular is so in time as well, and not to be said twice.
                let is_new = !cycle.iter().any(|&operation| is_known[operation]);
                cycle.iter().for_each(|&operation| is_known[operation] = true);
                if is_new {
                    self.add(kind, |check| check.of_cycle(kind, cycle));
                }
            }
            if kind == FindingKind::Circular {
                self.add_time(&mut graph);
            }
        }
    }

    /// Who polled from whom. A message that several operations may have sent is from nobody.
    fn graph(&self) -> Graph {
        let mut graph =
            Graph { edges: vec![Vec::new(); self.history.len()], operations: self.history.len() };
        for seen in &self.order.polls {
            let message = &self.order.messages[seen.message as usize];
            let is_certain = self.history[seen.operation as usize].outcome == Outcome::Ok;
            if let (true, 1, Some(writer)) = (is_certain, message.writers, message.writer)
                && writer != seen.operation
            {
                let readers = &mut graph.edges[writer as usize];
                if readers.last() != Some(&(seen.operation as usize)) {
                    readers.push(seen.operation as usize);
                }
            }
        }
        graph
    }

    fn add_time(&self, graph: &mut Graph) {
        let mut completions: Vec<(u64, usize)> = self
            .history
            .iter()
            .enumerate()
            .filter(|(_, operation)| operation.outcome == Outcome::Ok)
            .filter_map(|(number, operation)| Some((operation.completed?, number)))
            .collect();
        completions.sort_unstable();
        let first = graph.edges.len();
        for (place, &(_, operation)) in completions.iter().enumerate() {
            graph.edges[operation].push(first + place);
            let is_last = place + 1 == completions.len();
            graph.edges.push(if is_last { Vec::new() } else { vec![first + place + 1] });
        }
        for (number, operation) in self.history.iter().enumerate() {
            let before = completions.partition_point(|&(at, _)| at < operation.invoked);
            if before > 0 {
                graph.edges[first + before - 1].push(number);
            }
        }
    }

    fn of_cycle(&self, kind: FindingKind, cycle: Vec<usize>) -> Finding<K, V> {
        let (mut values, mut steps) = (Vec::new(), Vec::new());
        for (place, &from) in cycle.iter().enumerate() {
            let to = cycle[(place + 1) % cycle.len()];
            let (sender, reader) = (self.history[from].process, self.history[to].process);
            let (sent_at, polled_at) = (self.history[from].invoked, self.history[to].invoked);
            let start = self.order.polls.partition_point(|seen| (seen.operation as usize) < to);
            let polled = self.order.polls[start..]
                .iter()
                .take_while(|seen| seen.operation as usize == to)
                .map(|seen| &self.order.messages[seen.message as usize])
                .find(|message| message.writer == Some(from as u32));
            steps.push(match polled {
                Some(message) => {
                    values.push(message.value.clone());
                    format!(
                        "process {reader} (event {polled_at}) polled {:?}, which process {sender} had sent (event {sent_at})",
                        message.value
                    )
                }
                None => format!(
                    "process {sender} had finished what it began with event {sent_at} before process {reader} began with event {polled_at}"
                ),
            });
        }
        Finding {
            kind,
            explanation: format!("No order explains this: {}.", steps.join("; ")),
            key: None,
            values,
            offsets: Vec::new(),
            skipped: Vec::new(),
            operations: cycle,
        }
    }
}

/// Operations, and behind them moments, with who has to come before whom.
struct Graph {
    edges: Vec<Vec<usize>>,
    operations: usize,
}

impl Graph {
    /// A circle in every component that has one, as the operations on it.
    fn cycles(&self) -> Vec<Vec<usize>> {
        let component = self.components();
        let mut is_done = vec![false; self.edges.len()];
        let mut cycles = Vec::new();
        for operation in 0..self.operations {
            let own = component[operation];
            if !is_done[own]
                && let Some(cycle) = self.cycle(operation, &component)
            {
                cycles.push(cycle);
            }
            is_done[own] = true;
        }
        cycles
    }

    /// The circle through `start` with the fewest operations; `None` if there is none.
    fn cycle(&self, start: usize, component: &[usize]) -> Option<Vec<usize>> {
        if !self.edges[start].iter().any(|&next| component[next] == component[start]) {
            return None;
        }
        let mut before = std::collections::BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for &next in &self.edges[node] {
                if component[next] != component[start] || before.contains_key(&next) {
                    continue;
                }
                before.insert(next, node);
                if next == start {
                    let mut cycle = vec![start];
                    let mut at = node;
                    while at != start {
                        cycle.extend((at < self.operations).then_some(at));
                        at = before[&at];
                    }
                    cycle[1..].reverse();
                    return Some(cycle);
                }
                // Moments are on the way and cost nothing.
                if next < self.operations { queue.push_back(next) } else { queue.push_front(next) }
            }
        }
        None
    }

    /// A number for each node, the same for those that lead to each other.
    fn components(&self) -> Vec<usize> {
        const NONE: usize = usize::MAX;
        let count = self.edges.len();
        let (mut index, mut low) = (vec![NONE; count], vec![0; count]);
        let mut component = vec![NONE; count];
        let (mut next_index, mut open) = (0, Vec::new());
        for root in 0..count {
            if index[root] != NONE {
                continue;
            }
            // Nodes on the way, and which of their edges comes next.
            let mut path = vec![(root, 0)];
            while let Some(&mut (node, ref mut edge)) = path.last_mut() {
                if *edge == 0 && index[node] == NONE {
                    index[node] = next_index;
                    low[node] = next_index;
                    next_index += 1;
                    open.push(node);
                }
                if let Some(&next) = self.edges[node].get(*edge) {
                    *edge += 1;
                    if index[next] == NONE {
                        path.push((next, 0));
                    } else if component[next] == NONE {
                        low[node] = low[node].min(index[next]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&(parent, _)) = path.last() {
                    low[parent] = low[parent].min(low[node]);
                }
                if low[node] == index[node] {
                    while let Some(member) = open.pop() {
                        component[member] = node;
                        if member == node {
                            break;
                        }
                    }
                }
            }
        }
        component
    }
}

#[cfg(test)]
mod tests {
    use super::Graph;

    /// The way over moments is free, and so is shorter than one over another operation.
    #[test]
    fn a_circle_has_the_fewest_operations_in_whatever_order_its_edges_are() {
        for first in [vec![3, 1], vec![1, 3]] {
            let graph = Graph { edges: vec![first, vec![2], vec![0], vec![0]], operations: 4 };
            assert_eq!(graph.cycles(), [[0, 3]]);
        }
        for first in [vec![2, 3], vec![3, 2]] {
            let graph =
                Graph { edges: vec![first, vec![0], vec![1], vec![4], vec![1]], operations: 3 };
            assert_eq!(graph.cycles(), [[0, 1]]);
        }
    }
}
