//! How two nodes find out what each of them lacks, and move only that.
//!
//! Every value has a hash; ranges of hashes are compared by their sums, and a range whose sums
//! differ is split in sixteen until its hashes can be listed. The two nodes take turns:
//!
//! ```text
//!   A: the sum of everything I have is S
//!   B: mine is not; here are the sums of my sixteen parts of it       (or: the same. done)
//!   A: parts 3 and f differ; here are the hashes I have in them
//!   B: then you lack these values, and I want the values of those hashes
//!   A: here they are. done
//! ```
//!
//! The traffic is in proportion to the difference, times the logarithm of the size. Nobody keeps
//! state between the turns: each message is answered from what it says and from what one has now.
//! So a message that is lost, doubled or late harms nothing, and whoever asked asks again. What an
//! exchange proves is written in its own messages: [`Mark`] says how much its sender had at the
//! start, and when the exchange is done, the other one has all of that.

use proto::{Json, Time};
use serde::{Deserialize, Serialize};

use crate::value_set::{Hash, Position, Prefix, ValueSet};

/// A range in which a node has about so many values is listed instead of being split.
const LISTED_MAX: Position = 32;
/// Values that one message moves at most. What is left needs another exchange.
pub const MESSAGES_MAX: usize = 1000;
/// Ranges that one message compares at most.
const RANGES_MAX: usize = 512;

/// One turn of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Digest {
    /// What the node that asked had when it asked.
    pub asker: Mark,
    /// What the other node had when it answered for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answerer: Option<Mark>,
    /// When the asker asked, by its own clock: with the number of turns since it tells the asker
    /// how long a turn and its answer take.
    pub asked_us: u64,
    /// How many turns there were before this one.
    pub turn: u32,
    /// The opening: the sum of all the asker has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<Hash>,
    /// Ranges, each by the sums of its sixteen parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<Branch>,
    /// Ranges, each by all hashes the sender has in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<Leaf>,
    /// Hashes of values that the sender lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub want: Vec<Hash>,
    /// Values that the receiver lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Json>,
    /// How many hops away from its origin the sender is for each of them, where nodes count that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<u64>,
    /// Whether somebody had more to say than a message holds: the exchange proves nothing, and
    /// another one has to follow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The last turn.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
    /// Whether the sender never got a topology (it was restarted) and would like the receiver's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lacks_topology: bool,
}

/// How many values a node had at some moment of one of its lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Drawn at random when the node starts, so that no two lives are mixed up.
    pub life: u32,
    /// How many values it had.
    pub len: Position,
}

/// A range of hashes by the sums of its sixteen parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// The range.
    pub prefix: Prefix,
    /// The sums, in the order of the next digit.
    pub sums: [Hash; 16],
}

/// A range of hashes by the hashes in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leaf {
    /// The range.
    pub prefix: Prefix,
    /// All hashes that the sender has in it.
    pub hashes: Vec<Hash>,
}

impl Digest {
    /// The opening of an exchange.
    pub fn open(set: &ValueSet, life: u32, now: Time) -> Self {
        let asker = Mark { life, len: set.len() };
        let asked_us = now.as_nanos() / 1000;
        Self { asker, asked_us, sum: Some(set.sum()), ..Self::default() }
    }

    /// When the exchange was opened, if this is the first answer. Only the asker may ask.
    pub fn answered(&self, now: Time) -> Option<Time> {
        let asked_at = Time::from_nanos(self.asked_us.saturating_mul(1000));
        (self.turn == 1 && asked_at <= now).then_some(asked_at)
    }

    /// The next turn of the node that has `set`. The values that came with this turn have to be
    /// in the set already.
    pub fn answer(&self, set: &ValueSet, life: u32) -> Self {
        let mut turn = Self {
            asker: self.asker,
            asked_us: self.asked_us,
            turn: self.turn.saturating_add(1),
            answerer: Some(self.answerer.unwrap_or(Mark { life, len: set.len() })),
            partial: self.partial,
            ..Self::default()
        };
        if self.sum.is_some_and(|sum| sum != set.sum()) {
            turn.split(set, Prefix::ALL);
        }
        for branch in &self.branches {
            for (part, sum) in branch.prefix.children().zip(branch.sums) {
                if set.sum_of(part) != sum {
                    turn.split(set, part);
                }
            }
        }
        for leaf in &self.leaves {
            turn.compare_leaf(set, leaf);
        }
        for hash in &self.want {
            if let Some(position) = set.by_hash(*hash) {
                turn.give(set, position);
            }
        }
        turn.done = turn.branches.is_empty()
            && turn.leaves.is_empty()
            && turn.want.is_empty()
            && turn.messages.is_empty();
        turn
    }

    /// Says more about a range that differs.
    fn split(&mut self, set: &ValueSet, prefix: Prefix) {
        if self.branches.len() + self.leaves.len() >= RANGES_MAX {
            self.partial = true;
        } else if set.len() >> (4 * u32::from(prefix.digits())).min(31) > LISTED_MAX {
            let mut sums = [Hash::default(); 16];
            for (sum, part) in sums.iter_mut().zip(prefix.children()) {
                *sum = set.sum_of(part);
            }
            self.branches.push(Branch { prefix, sums });
        } else {
            let mut hashes: Vec<_> = set.in_range(prefix).map(|(hash, _)| hash).collect();
            hashes.sort_unstable();
            self.leaves.push(Leaf { prefix, hashes });
        }
    }

    /// Gives what the other one lacks in a range, and wants what it has in addition.
    fn compare_leaf(&mut self, set: &ValueSet, leaf: &Leaf) {
        let mut theirs = leaf.hashes.clone();
        theirs.sort_unstable();
        let mut ours = Vec::new();
        let mut missing = Vec::new();
        for (hash, position) in set.in_range(leaf.prefix) {
            ours.push(hash);
            if theirs.binary_search(&hash).is_err() {
                missing.push(position);
            }
        }
        // In the order in which they came, which is nicer to read than that of the hashes.
        missing.sort_unstable();
        for position in missing {
            self.give(set, position);
        }
        ours.sort_unstable();
        self.want.extend(theirs.into_iter().filter(|hash| ours.binary_search(hash).is_err()));
    }

    fn give(&mut self, set: &ValueSet, position: Position) {
        match set.get(position) {
            Some(value) if self.messages.len() < MESSAGES_MAX => self.messages.push(value.clone()),
            _ => self.partial = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::{Message, NodeId, Payload, encode};

    use super::*;
    use crate::broadcast::message::Body;

    /// Two nodes that compare their sets, and what that costs.
    struct Exchange {
        sets: [ValueSet; 2],
        turns: usize,
        bytes: usize,
    }

    fn set(numbers: impl Iterator<Item = i64>) -> ValueSet {
        let mut set = ValueSet::default();
        for number in numbers {
            set.insert(Json::from(number));
        }
        set
    }

    impl Exchange {
        fn new(first: ValueSet, second: ValueSet) -> Self {
            Self { sets: [first, second], turns: 0, bytes: 0 }
        }

        fn count(&mut self, digest: &Digest) {
            let (src, dest) = (NodeId::new("n1"), NodeId::new("n2"));
            let payload = Payload::Body(Body::Digest(Box::new(digest.clone())));
            let mut line = Vec::new();
            encode(&Message { src, dest, msg_id: None, in_reply_to: None, payload }, &mut line)
                .unwrap();
            self.turns += 1;
            self.bytes += line.len();
        }

        /// One exchange, to its last turn.
        fn run(&mut self) -> Digest {
            let mut turn = Digest::open(&self.sets[0], 1, Time::ZERO);
            for node in [1, 0].into_iter().cycle() {
                self.count(&turn);
                for value in &turn.messages {
                    assert!(self.sets[node].insert(value.clone()).is_some(), "moved for nothing");
                }
                if turn.done {
                    return turn;
                }
                turn = turn.answer(&self.sets[node], node as u32);
            }
            unreachable!("the cycle has no end")
        }
    }

    #[test]
    fn equal_sets_cost_two_small_messages() {
        let mut exchange = Exchange::new(set(0..100_000), set((0..100_000).rev()));
        assert!(exchange.run().done);
        assert_eq!(exchange.turns, 2);
        assert!(exchange.bytes < 500, "{} bytes", exchange.bytes);
    }

    #[test]
    fn ten_missing_values_of_100_000_move_under_20_kb() {
        for start in 0..10 {
            let lacks = |number: &i64| (number - start) % 10_000 != 0;
            let mut exchange = Exchange::new(set((0..100_000).filter(lacks)), set(0..100_000));
            exchange.run();
            assert_eq!(exchange.sets[0].sum(), exchange.sets[1].sum());
            assert!(exchange.bytes < 20_000, "{} bytes", exchange.bytes);
        }
    }

    #[test]
    fn sets_of_all_sizes_become_equal_whoever_asks() {
        let sizes = [0, 1, 3, 40, 700, 5000];
        for (first, second) in sizes.iter().flat_map(|a| sizes.map(|b| (*a, b))) {
            // The second set overlaps the first one by half.
            let mut exchange = Exchange::new(set(0..first), set(first / 2..first / 2 + second));
            for round in 0.. {
                assert!(round < 20, "{first} and {second} values never become equal");
                let last = exchange.run();
                assert_eq!(last.asker.life, 1);
                if !last.partial {
                    break;
                }
            }
            assert_eq!(exchange.sets[0].sum(), exchange.sets[1].sum(), "{first}, {second}");
            assert_eq!(exchange.sets[0].len(), exchange.sets[1].len(), "{first}, {second}");
        }
    }

    #[test]
    fn the_end_proves_what_both_had_at_the_start() {
        let mut exchange = Exchange::new(set(0..100), set(50..220));
        let last = exchange.run();
        assert_eq!(last.asker, Mark { life: 1, len: 100 });
        assert_eq!(last.answerer, Some(Mark { life: 1, len: 170 }));
    }
}
