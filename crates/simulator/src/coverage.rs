//! Which states a cluster goes through, as far as they differ in what comes next: what a search goes by
//! that wants to see something new.
//!
//! A state is what each node says of itself ([`proto::Node::aspects`]), or the kinds of its last messages
//! where it says nothing; whether it is up; and how many links to and from it are cut. Which node is which
//! makes no difference, and numbers that only grow count by who has more of them.

use std::hash::{Hash, Hasher};

use proto::{AnyMessage, Aspect, Time, body_text};
use rustc_hash::{FxHashSet, FxHasher};

use crate::partition::Cut;

/// A state that was reached, and when for the first time in a run.
pub type Reached = (Time, u64);

/// What is known of the states of a run.
#[derive(Debug)]
pub(crate) struct Coverage {
    nodes: Vec<Looks>,
    seen: FxHashSet<u64>,
    reached: Vec<Reached>,
}

/// What is seen of a node.
#[derive(Clone, Default, Debug)]
struct Looks {
    /// Up, paused or down.
    status: u8,
    aspects: Vec<Aspect>,
    /// The kinds of the messages that it heard last: of a request or message, and of a reply.
    heard: [u64; 2],
}

impl Coverage {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            nodes: vec![Looks::default(); nodes],
            seen: FxHashSet::default(),
            reached: Vec::new(),
        }
    }

    /// A node hears a message, which counts if it says nothing of itself.
    pub(crate) fn hear(&mut self, node: usize, message: &AnyMessage) {
        let looks = &mut self.nodes[node];
        // To find out its kind takes longer than all else here.
        if looks.aspects.is_empty() {
            looks.heard[usize::from(message.in_reply_to.is_some())] = kind(message);
        }
    }

    /// A node may have changed.
    pub(crate) fn look(&mut self, node: usize, status: u8, say: impl FnOnce(&mut Vec<Aspect>)) {
        let looks = &mut self.nodes[node];
        looks.status = status;
        looks.aspects.clear();
        say(&mut looks.aspects);
    }

    /// Something has happened.
    pub(crate) fn note(&mut self, now: Time, cut: &Cut) {
        let is_cut = !cut.is_none();
        let mut nodes: Vec<u64> = (0..self.nodes.len())
            .map(|node| {
                let looks = &self.nodes[node];
                let mut hasher = FxHasher::default();
                looks.status.hash(&mut hasher);
                if is_cut {
                    let others = 0..self.nodes.len();
                    let refused = others.filter(|other| cut.refuses(*other, node));
                    refused.count().hash(&mut hasher);
                }
                if looks.aspects.is_empty() {
                    looks.heard.hash(&mut hasher);
                }
                for (place, aspect) in looks.aspects.iter().enumerate() {
                    match aspect {
                        Aspect::Plain(value) => value.hash(&mut hasher),
                        Aspect::Rank(value) => self.rank(place, *value).hash(&mut hasher),
                    }
                }
                hasher.finish()
            })
            .collect();
        nodes.sort_unstable();
        let mut hasher = FxHasher::default();
        nodes.hash(&mut hasher);
        let state = hasher.finish();
        if self.seen.insert(state) {
            self.reached.push((now, state));
        }
    }

    /// How many different smaller values the nodes have there.
    fn rank(&self, place: usize, value: u64) -> usize {
        let values = || {
            self.nodes.iter().filter_map(|looks| match looks.aspects.get(place) {
                Some(Aspect::Rank(other)) if *other < value => Some(*other),
                _ => None,
            })
        };
        let is_first = |(at, other): &(usize, u64)| values().take(*at).all(|it| it != *other);
        values().enumerate().filter(is_first).count()
    }

    /// The states reached, in the order in which they were.
    pub(crate) fn into_reached(self) -> Vec<Reached> {
        self.reached
    }
}

/// A number for the type of a message.
fn kind(message: &AnyMessage) -> u64 {
    let text = body_text(message).unwrap_or_default();
    let (_, rest) = text.split_once("\"type\":").unwrap_or_default();
    let mut hasher = FxHasher::default();
    rest.trim_start().trim_start_matches('"').split('"').next().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proto::{AnyBody, Message, NodeId, Payload};

    use super::*;

    /// How many states there are if nodes say this of themselves, one cluster after the other.
    fn states(clusters: &[&[(u8, &[Aspect])]]) -> usize {
        let mut coverage = Coverage::new(clusters[0].len());
        for cluster in clusters {
            for (node, (status, aspects)) in cluster.iter().enumerate() {
                coverage.look(node, *status, |said| said.extend_from_slice(aspects));
            }
            coverage.note(Time::ZERO, &Cut::none(cluster.len()));
        }
        coverage.into_reached().len()
    }

    #[test]
    fn which_node_is_which_makes_no_difference_and_growing_numbers_count_by_their_order() {
        use Aspect::{Plain, Rank};
        let first: &[(u8, &[Aspect])] =
            &[(0, &[Plain(1), Rank(7)]), (0, &[Plain(2), Rank(9)]), (0, &[Plain(2), Rank(9)])];
        let alike: &[(u8, &[Aspect])] =
            &[(0, &[Plain(2), Rank(90)]), (0, &[Plain(1), Rank(3)]), (0, &[Plain(2), Rank(90)])];
        assert_eq!(states(&[first, alike]), 1);
        let others: [&[(u8, &[Aspect])]; 4] = [
            // One of them is down.
            &[(2, &[Plain(1), Rank(7)]), (0, &[Plain(2), Rank(9)]), (0, &[Plain(2), Rank(9)])],
            // Another order.
            &[(0, &[Plain(1), Rank(9)]), (0, &[Plain(2), Rank(7)]), (0, &[Plain(2), Rank(7)])],
            &[(0, &[Plain(1), Rank(7)]), (0, &[Plain(2), Rank(9)]), (0, &[Plain(2), Rank(8)])],
            // Another role.
            &[(0, &[Plain(2), Rank(7)]), (0, &[Plain(2), Rank(9)]), (0, &[Plain(2), Rank(9)])],
        ];
        assert_eq!(states(&[first, others[0], others[1], others[2], others[3]]), 5);
    }

    #[test]
    fn of_a_node_that_says_nothing_the_kinds_of_its_last_messages_are_seen() {
        let message = |text: &str, answers: bool| Message {
            src: NodeId::new("n1"),
            dest: NodeId::new("n0"),
            msg_id: None,
            in_reply_to: answers.then_some(proto::MessageId(1)),
            payload: Payload::Body(AnyBody::Text(text.into())),
        };
        let mut coverage = Coverage::new(2);
        let mut states = |node, text, answers| {
            coverage.hear(node, &message(text, answers));
            coverage.note(Time::ZERO, &Cut::none(2));
            coverage.reached.len()
        };
        assert_eq!(states(0, r#"{"type":"read","key":1}"#, false), 1);
        assert_eq!(states(0, r#"{"key":2,"type": "read"}"#, false), 1);
        assert_eq!(states(0, r#"{"type":"write"}"#, false), 2);
        // A reply does not hide the request.
        assert_eq!(states(0, r#"{"type":"read"}"#, true), 3);
        assert_eq!(states(1, r#"{"type":"write"}"#, false), 4);
    }

    #[test]
    fn a_cut_makes_another_state_of_it() {
        let mut coverage = Coverage::new(3);
        for cut in
            [Cut::none(3), Cut::halves(3, |node| node == 0), Cut::halves(3, |node| node == 2)]
        {
            coverage.note(Time::ZERO, &cut);
        }
        assert_eq!(coverage.into_reached().len(), 2);
    }
}
