//! Raft as figure 2 of the paper has it, no more, as a store for workload lin-kv. Each decision that
//! somebody once got wrong is a method of [`Rules`], right as it stands: a bug is a type that has one of
//! them its way. All reads go through the log.

mod node;
mod watch;

use proto::{AnyNode, Invariant, NodeId};

use crate::Bug;

pub use self::node::Raft;

/// The last entry of a log: its term and its index. Before the first entry both are 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Last {
    /// Its term.
    pub term: u64,
    /// Its index.
    pub index: usize,
}

/// What a node decides, as in figure 2 of the paper unless it is said otherwise.
pub trait Rules: Default + 'static {
    /// Whether term and vote are stored.
    fn stores_ballot() -> bool {
        true
    }

    /// Whether it is stored that entries were removed.
    fn stores_truncation() -> bool {
        true
    }

    /// Whether a candidate's log is at least as up to date as a voter's.
    fn is_up_to_date(candidate: Last, voter: Last) -> bool {
        candidate >= voter
    }

    /// Whether a voter that gave its vote in this term to `given` may give it to a candidate.
    fn may_vote(given: Option<&NodeId>, candidate: &NodeId) -> bool {
        given.is_none_or(|given| given == candidate)
    }

    /// Whether a vote given in `vote` counts in a candidate's term.
    fn counts_vote(vote: u64, term: u64) -> bool {
        vote == term
    }

    /// What a candidate knows of its votes when `from` has given one more.
    fn add_vote(votes: &mut Vec<NodeId>, from: NodeId) {
        if !votes.contains(&from) {
            votes.push(from);
        }
    }

    /// How many votes of so many nodes elect.
    fn majority(nodes: usize) -> usize {
        nodes / 2 + 1
    }

    /// Whether the vote is forgotten when a candidate or leader becomes a follower in its own term.
    fn forgets_vote_in_term() -> bool {
        false
    }

    /// Whether entries follow on a log whose entry before them has the term `own`, `None` if it has
    /// none there, where the leader's has `leader`.
    fn follows(own: Option<u64>, leader: u64) -> bool {
        own == Some(leader)
    }

    /// Whether entries stay that are the leader's as well.
    fn keeps_what_agrees() -> bool {
        true
    }

    /// How far a follower with a log of `length` commits that has heard that the leader has committed up
    /// to `leader`, and that knows to agree with it up to `agreed`.
    fn follower_commits(leader: usize, agreed: usize, length: usize) -> usize {
        let _ = length;
        leader.min(agreed)
    }

    /// How far a follower has committed that had up to `before` and hears of `now`.
    fn committed_after(before: usize, now: usize) -> usize {
        before.max(now)
    }

    /// Whether the answer to entries that were sent in the term `sent` counts for a leader of `term`.
    fn counts_answer(sent: u64, term: u64) -> bool {
        sent == term
    }

    /// How far a follower is known to agree that was known to up to `before` and says `now`.
    fn matched_after(before: usize, now: usize) -> usize {
        before.max(now)
    }

    /// How far a follower is held to agree that was just sent entries up to `sent`.
    fn matched_when_sent(before: usize, sent: usize) -> usize {
        let _ = sent;
        before
    }

    /// Whether a leader of `term` may commit by counting what it has of an entry of the term `entry`.
    fn may_commit(entry: u64, term: u64) -> bool {
        entry == term
    }

    /// Whether a leader answers a read from its state, at once.
    fn reads_at_once() -> bool {
        false
    }

    /// Whether every node does.
    fn follower_reads() -> bool {
        false
    }

    /// Whether a command that comes twice is carried out once.
    fn applies_once() -> bool {
        true
    }

    /// Whether a write that waited at a leader which was deposed is said to have failed, as opposed to
    /// nobody knowing.
    fn refuses_what_waited() -> bool {
        false
    }
}

/// Raft as it should be.
#[derive(Default, Debug)]
pub struct Right;

impl Rules for Right {}

/// A node with these rules.
pub fn node<R: Rules>() -> AnyNode {
    AnyNode::new(Raft::<R>::default())
}

/// What must hold of a cluster of such nodes.
pub fn watch<R: Rules>(_: usize) -> Box<dyn Invariant> {
    Box::new(watch::Watch::<R>::default())
}

/// A bug of such a node, but for what is said of it.
pub(crate) const fn bug<R: Rules>(run: &'static str) -> Bug {
    Bug {
        workload: "lin-kv",
        run,
        durable: true,
        make: node::<R>,
        invariant: Some(watch::<R>),
        ..Bug::NONE
    }
}
