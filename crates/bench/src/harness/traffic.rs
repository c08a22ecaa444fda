//! Whether nodes say far more to each other than any algorithm needs: a message that is sent on each time that
//! it comes shows in no answer, only in how many there are.

use std::time::Duration;

use checkers::{Kind, Process};
use proto::NodeId;

use super::Harness;
use crate::workload::Workload;

/// Fewer messages are nothing to speak of.
const MESSAGES_MIN: u64 = 100_000;
/// So often each node may tell something to each for one operation.
const TIMES_PER_OPERATION: f64 = 50.0;
/// So often in each second besides, whatever is asked: heartbeats.
const TIMES_PER_SECOND: f64 = 100.0;

/// What was said in a run.
struct Traffic<'a> {
    nodes: &'a [NodeId],
    /// How much each of them has sent to others.
    sent: &'a [u64],
    /// All messages between servers.
    messages: u64,
    operations: usize,
    time: Duration,
}

impl<W: Workload> Harness<'_, W> {
    /// What a reader should know of what nodes said to each other, if it was beyond all measure.
    pub(super) fn note_of_traffic(&self) -> Option<String> {
        let is_asked = |event: &&checkers::Event<W::Op>| {
            event.kind == Kind::Invoke && event.process != Process::Nemesis
        };
        let traffic = Traffic {
            nodes: self.world.node_ids(),
            sent: self.world.sent(),
            messages: self.world.statistics().servers.send_count,
            operations: self.history.iter().filter(is_asked).count(),
            time: self.world.now().since(self.origin),
        };
        traffic.note()
    }
}

impl Traffic<'_> {
    fn note(&self) -> Option<String> {
        let Self { nodes, messages, operations, .. } = *self;
        let allowed = (nodes.len() * nodes.len()) as f64
            * (TIMES_PER_OPERATION * operations as f64
                + TIMES_PER_SECOND * self.time.as_secs_f64());
        if messages <= MESSAGES_MIN || messages as f64 <= allowed {
            return None;
        }
        let each = match operations {
            0 => "without any operation".to_owned(),
            _ => format!("{} for each operation", messages / operations as u64),
        };
        let busiest = self.sent.iter().zip(nodes).rev().max_by_key(|(sent, _)| **sent);
        let most = busiest.map_or_else(String::new, |(sent, node)| {
            format!(", of which {node} sent the most ({sent})")
        });
        Some(format!(
            "{} sent {messages} messages to other servers, {each}{most}: is a message sent on each time \
             that it comes, or again before its answer can be there?",
            match nodes.len() {
                1 => "1 node".to_owned(),
                count => format!("{count} nodes"),
            }
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(sent: &[u64], operations: usize, seconds: u64) -> Option<String> {
        let nodes: Vec<_> = (0..sent.len()).map(|node| NodeId::new(&format!("n{node}"))).collect();
        let (messages, time) = (sent.iter().sum(), Duration::from_secs(seconds));
        Traffic { nodes: &nodes, sent, messages, operations, time }.note()
    }

    #[test]
    fn who_sends_on_what_comes_for_ever_is_told_with_the_busiest_node() {
        assert_eq!(
            note(&[100_000, 700_000, 700_000], 10, 10).unwrap(),
            "3 nodes sent 1500000 messages to other servers, 150000 for each operation, of which n1 sent \
             the most (700000): is a message sent on each time that it comes, or again before its answer \
             can be there?"
        );
        assert!(
            note(&[200_000; 2], 0, 1).unwrap().contains("messages to other servers, without any")
        );
    }

    #[test]
    fn what_many_operations_or_much_time_need_is_not_told() {
        // Everybody tells everybody everything, twice, and each answers.
        assert_eq!(note(&[25 * 4 * 1000; 25], 1000, 20), None);
        // Heartbeats each 20 ms while next to nothing is asked.
        assert_eq!(note(&[25 * 50 * 60; 25], 1, 60), None);
        assert_eq!(note(&[30_000; 3], 1, 1), None);
    }
}
