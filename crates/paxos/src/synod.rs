//! Single-decree Paxos: the three roles that choose one value (Lamport 2001, section 2).
//!
//! Each role is a state machine of its own, and any number of them may live in one process. The
//! names of the messages are in the documentation of what handles them.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{Ballot, NodeIndex, quorum};

/// Somebody asked with a ballot that is too low. It holds the highest one promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The highest ballot that was promised.
    pub promised: Ballot,
}

/// The memory of the protocol. All of it has to outlive the process, and has to be stored before
/// an answer leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptor<V> {
    promised: Option<Ballot>,
    accepted: Option<(Ballot, V)>,
}

impl<V> Default for Acceptor<V> {
    fn default() -> Self {
        Self { promised: None, accepted: None }
    }
}

impl<V: Clone> Acceptor<V> {
    /// An acceptor with what it had stored.
    #[must_use]
    pub fn restored(promised: Option<Ballot>, accepted: Option<(Ballot, V)>) -> Self {
        Self { promised, accepted }
    }

    /// The highest ballot that was promised.
    #[must_use]
    pub fn promised(&self) -> Option<Ballot> {
        self.promised
    }

    /// The value that was accepted last, and the ballot that proposed it.
    #[must_use]
    pub fn accepted(&self) -> Option<&(Ballot, V)> {
        self.accepted.as_ref()
    }

    /// Phase 1b, `prepare`: promises to accept nothing below `ballot` any more, and tells what it
    /// has accepted.
    ///
    /// # Errors
    /// If that ballot or a higher one was promised already.
    pub fn prepare(&mut self, ballot: Ballot) -> Result<Option<(Ballot, V)>, Refused> {
        match self.promised {
            Some(promised) if promised >= ballot => Err(Refused { promised }),
            _ => {
                self.promised = Some(ballot);
                Ok(self.accepted.clone())
            }
        }
    }

    /// Phase 2b, `accept`: takes the value unless it promised not to. To accept is to promise, too.
    ///
    /// # Errors
    /// If a higher ballot was promised.
    pub fn accept(&mut self, ballot: Ballot, value: V) -> Result<(), Refused> {
        match self.promised {
            Some(promised) if promised > ballot => Err(Refused { promised }),
            _ => {
                self.promised = Some(ballot);
                self.accepted = Some((ballot, value));
                Ok(())
            }
        }
    }
}

/// Somebody who would like a value to be chosen, for the time of one ballot.
#[derive(Debug, Clone)]
pub struct Proposer<V> {
    ballot: Ballot,
    nodes: usize,
    wish: V,
    promises: BTreeSet<NodeIndex>,
    forced: Option<(Ballot, V, NodeIndex)>,
}

impl<V: Clone> Proposer<V> {
    /// A proposer that has sent `prepare` with this ballot, which nobody used before, to `nodes`
    /// acceptors, and has a wish of its own.
    #[must_use]
    pub fn new(ballot: Ballot, nodes: usize, wish: V) -> Self {
        Self { ballot, nodes, wish, promises: BTreeSet::new(), forced: None }
    }

    /// Its ballot.
    #[must_use]
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// A promise for this ballot came. Returns the value to be sent in `accept` to all acceptors,
    /// once: when the promises have become a majority. The value is that of the highest ballot
    /// among all that the promises tell of, and only if there is none the proposer's own wish.
    /// Whatever was chosen before was accepted by a majority, so one of these promises tells of it.
    pub fn on_promise(&mut self, from: NodeIndex, accepted: Option<(Ballot, V)>) -> Option<V> {
        if self.promises.len() >= quorum(self.nodes) || !self.promises.insert(from) {
            return None;
        }
        if let Some((ballot, value)) = accepted
            && self.forced.as_ref().is_none_or(|(highest, ..)| ballot > *highest)
        {
            self.forced = Some((ballot, value, from));
        }
        (self.promises.len() == quorum(self.nodes)).then(|| {
            self.forced.as_ref().map_or_else(|| self.wish.clone(), |(_, value, _)| value.clone())
        })
    }

    /// The acceptor whose promise decided the value, if the value is not the proposer's own wish.
    #[must_use]
    pub fn forced_by(&self) -> Option<NodeIndex> {
        self.forced.as_ref().map(|&(.., source)| source)
    }
}

/// Somebody who wants to know what was chosen.
#[derive(Debug, Clone)]
pub struct Learner<V> {
    nodes: usize,
    /// What each acceptor said last of each ballot.
    votes: BTreeMap<Ballot, BTreeMap<NodeIndex, V>>,
    chosen: Option<(Ballot, V)>,
}

impl<V: PartialEq> Learner<V> {
    /// For so many acceptors.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { nodes, votes: BTreeMap::new(), chosen: None }
    }

    /// An acceptor says that it accepted. The value is chosen once a majority accepted it in the same
    /// ballot (in different ballots is not enough). A proposer has one value in a ballot; of one that
    /// has several each has to have a majority of its own, and what an acceptor said last counts.
    pub fn on_accepted(&mut self, from: NodeIndex, ballot: Ballot, value: V) -> Option<&V> {
        if self.chosen.is_none() {
            let votes = self.votes.entry(ballot).or_default();
            let count = votes.iter().filter(|(id, other)| **id != from && **other == value).count();
            if count + 1 < quorum(self.nodes) {
                votes.insert(from, value);
            } else {
                self.chosen = Some((ballot, value));
                self.votes.clear();
            }
        }
        self.chosen.as_ref().map(|(_, value)| value)
    }

    /// What was chosen, and the first ballot known to have chosen it.
    #[must_use]
    pub fn chosen(&self) -> Option<&(Ballot, V)> {
        self.chosen.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_refuses_what_is_not_higher_and_an_acceptance_what_is_lower() {
        let mut acceptor = Acceptor::default();
        assert_eq!(acceptor.prepare(Ballot(5)), Ok(None));
        assert_eq!(acceptor.prepare(Ballot(5)), Err(Refused { promised: Ballot(5) }));
        assert_eq!(acceptor.accept(Ballot(4), "a"), Err(Refused { promised: Ballot(5) }));
        assert_eq!(acceptor.accept(Ballot(5), "b"), Ok(()));
        assert_eq!(acceptor.prepare(Ballot(9)), Ok(Some((Ballot(5), "b"))));
    }

    #[test]
    fn to_accept_is_to_promise() {
        let mut acceptor = Acceptor::default();
        acceptor.accept(Ballot(5), "a").unwrap();
        assert_eq!(acceptor.accept(Ballot(3), "b"), Err(Refused { promised: Ballot(5) }));
        assert_eq!(acceptor.prepare(Ballot(5)), Err(Refused { promised: Ballot(5) }));
    }

    #[test]
    fn the_highest_accepted_ballot_decides_and_copies_count_once() {
        let mut proposer = Proposer::new(Ballot(9), 5, "mine");
        assert_eq!(proposer.on_promise(NodeIndex(0), Some((Ballot(7), "high"))), None);
        assert_eq!(proposer.on_promise(NodeIndex(0), Some((Ballot(7), "high"))), None);
        assert_eq!(proposer.on_promise(NodeIndex(1), Some((Ballot(3), "low"))), None);
        assert_eq!(proposer.on_promise(NodeIndex(2), None), Some("high"));
        assert_eq!(proposer.forced_by(), Some(NodeIndex(0)));
        assert_eq!(proposer.on_promise(NodeIndex(3), None), None, "said once");
    }

    #[test]
    fn a_value_is_chosen_by_a_majority_of_one_ballot() {
        let mut learner = Learner::new(3);
        assert_eq!(learner.on_accepted(NodeIndex(0), Ballot(1), "a"), None);
        assert_eq!(learner.on_accepted(NodeIndex(1), Ballot(2), "a"), None);
        assert_eq!(learner.on_accepted(NodeIndex(2), Ballot(1), "b"), None, "another value");
        assert_eq!(learner.on_accepted(NodeIndex(1), Ballot(1), "a"), Some(&"a"));
        assert_eq!(learner.chosen(), Some(&(Ballot(1), "a")));
    }
}
