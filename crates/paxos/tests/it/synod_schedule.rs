//! Single-decree Paxos under random schedules: messages in any order, lost and doubled, proposers
//! that give up and come back, acceptors that restart. After every event no two values may have been
//! chosen. Then the same with three mistakes, which the schedules have to find.

use std::collections::{BTreeMap, BTreeSet};

use paxos::{Acceptor, Ballot, Learner, NodeIndex, Proposer, quorum};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const EVENTS: usize = 400;

/// A way to get it wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// The proposer proposes its own wish whatever the promises tell.
    OwnWish,
    /// The acceptor does not store its promises: a restart forgets them.
    ForgottenPromise,
    /// The promise does not tell of the highest ballot accepted, but of the first.
    FirstInsteadOfHighest,
}

#[derive(Debug, Clone)]
enum Message {
    Prepare(Ballot),
    Promise(Ballot, Option<(Ballot, u32)>),
    Accept(Ballot, u32),
    Accepted(Ballot, u32),
}

struct Node {
    acceptor: Acceptor<u32>,
    first_accepted: Option<(Ballot, u32)>,
    proposer: Option<Proposer<u32>>,
    learner: Learner<u32>,
}

struct Schedule {
    random: Xoshiro256PlusPlus,
    mistake: Mistake,
    nodes: Vec<Node>,
    flying: Vec<(usize, usize, Message)>,
    highest: Ballot,
    wishes: BTreeSet<u32>,
    /// All acceptances that ever were, whatever became of them.
    votes: BTreeMap<Ballot, (u32, BTreeSet<usize>)>,
    chosen: Option<u32>,
}

impl Schedule {
    fn new(seed: u64, mistake: Mistake) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let count = random.random_range(2..=5);
        let node = |_| Node {
            acceptor: Acceptor::default(),
            first_accepted: None,
            proposer: None,
            learner: Learner::new(count),
        };
        Self {
            random,
            mistake,
            nodes: (0..count).map(node).collect(),
            flying: Vec::new(),
            highest: Ballot(0),
            wishes: BTreeSet::new(),
            votes: BTreeMap::new(),
            chosen: None,
        }
    }

    fn send_all(&mut self, from: usize, message: &Message) {
        let to_all = (0..self.nodes.len()).map(|to| (from, to, message.clone()));
        self.flying.extend(to_all);
    }

    fn propose(&mut self, node: usize) {
        // Proposers know of each other's ballots only now and then.
        let known = match self.random.random_bool(0.7) {
            true => self.highest,
            false => self.nodes[node].proposer.as_ref().map_or(Ballot(0), Proposer::ballot),
        };
        let ballot = known.above(NodeIndex(node), self.nodes.len());
        let wish = self.wishes.len() as u32;
        self.wishes.insert(wish);
        self.highest = self.highest.max(ballot);
        self.nodes[node].proposer = Some(Proposer::new(ballot, self.nodes.len(), wish));
        self.send_all(node, &Message::Prepare(ballot));
    }

    fn restart(&mut self, node: usize) {
        let Node { acceptor, proposer, .. } = &mut self.nodes[node];
        let promised = acceptor.promised().filter(|_| self.mistake != Mistake::ForgottenPromise);
        *acceptor = Acceptor::restored(promised, acceptor.accepted().cloned());
        // A proposer that comes back must not use its ballot again; the highest one known stands
        // for a counter on disk.
        *proposer = None;
    }

    fn deliver(&mut self, from: usize, to: usize, message: Message) -> Result<(), String> {
        match message {
            Message::Prepare(ballot) => {
                let node = &mut self.nodes[to];
                let before = node.acceptor.promised();
                if let Ok(mut told) = node.acceptor.prepare(ballot) {
                    if self.mistake == Mistake::FirstInsteadOfHighest {
                        told = node.first_accepted;
                    }
                    self.flying.push((to, from, Message::Promise(ballot, told)));
                }
                if node.acceptor.promised() < before {
                    return Err(format!("the promise of node {to} fell"));
                }
            }
            Message::Promise(ballot, accepted) => {
                let Some(proposer) = &mut self.nodes[to].proposer else { return Ok(()) };
                if proposer.ballot() != ballot {
                    return Ok(());
                }
                if let Some(mut value) = proposer.on_promise(NodeIndex(from), accepted) {
                    if self.mistake == Mistake::OwnWish {
                        value = self.wishes.last().copied().unwrap_or(value);
                    }
                    self.send_all(to, &Message::Accept(ballot, value));
                }
            }
            Message::Accept(ballot, value) => {
                let node = &mut self.nodes[to];
                if node.acceptor.accept(ballot, value).is_ok() {
                    node.first_accepted.get_or_insert((ballot, value));
                    self.send_all(to, &Message::Accepted(ballot, value));
                    self.count(to, ballot, value)?;
                }
            }
            Message::Accepted(ballot, value) => {
                let learner = &mut self.nodes[to].learner;
                if let Some(&learnt) = learner.on_accepted(NodeIndex(from), ballot, value)
                    && self.chosen != Some(learnt)
                {
                    return Err(format!("node {to} learnt {learnt}, chosen is {:?}", self.chosen));
                }
            }
        }
        Ok(())
    }

    /// Counts from outside: what is chosen, and whether it may be.
    fn count(&mut self, node: usize, ballot: Ballot, value: u32) -> Result<(), String> {
        let (first, acceptors) =
            self.votes.entry(ballot).or_insert_with(|| (value, BTreeSet::new()));
        if *first != value {
            return Err(format!("ballot {ballot} proposed {first} and {value}"));
        }
        acceptors.insert(node);
        if acceptors.len() >= quorum(self.nodes.len()) {
            if !self.wishes.contains(&value) {
                return Err(format!("nobody wished for {value}"));
            }
            if let Some(chosen) = self.chosen.replace(value)
                && chosen != value
            {
                return Err(format!("{chosen} was chosen, and then {value}"));
            }
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..EVENTS {
            let node = self.random.random_range(0..self.nodes.len());
            match self.random.random_range(0..100) {
                0..4 => self.propose(node),
                4..8 => self.restart(node),
                _ if self.flying.is_empty() => {}
                luck => {
                    let place = self.random.random_range(0..self.flying.len());
                    let (from, to, message) = match luck {
                        8..15 => self.flying[place].clone(),
                        _ => self.flying.swap_remove(place),
                    };
                    if luck < 90 {
                        self.deliver(from, to, message)?;
                    }
                }
            }
        }
        // Left alone, one proposer gets through, and everybody learns.
        self.flying.clear();
        self.highest = Ballot(self.highest.0 + self.nodes.len() as u64);
        let node = self.random.random_range(0..self.nodes.len());
        let ballot = self.highest.above(NodeIndex(node), self.nodes.len());
        self.wishes.insert(u32::MAX);
        self.nodes[node].proposer = Some(Proposer::new(ballot, self.nodes.len(), u32::MAX));
        self.send_all(node, &Message::Prepare(ballot));
        while let Some((from, to, message)) = self.flying.pop() {
            self.deliver(from, to, message)?;
        }
        match self.nodes.iter().all(|node| node.learner.chosen().is_some()) {
            true => Ok(()),
            false => Err("nothing was learnt although nobody interfered".to_owned()),
        }
    }
}

fn first_failure(seeds: u64, mistake: Mistake) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| Some((seed, Schedule::new(seed, mistake).run().err()?)))
}

#[test]
fn no_schedule_makes_two_values_chosen_and_a_proposer_left_alone_gets_through() {
    assert_eq!(first_failure(20_000, Mistake::None), None);
}

#[test]
fn each_mistake_is_found_within_two_thousand_seeds() {
    for mistake in [Mistake::OwnWish, Mistake::ForgottenPromise, Mistake::FirstInsteadOfHighest] {
        let found = first_failure(2000, mistake);
        assert!(found.is_some(), "{mistake:?}");
    }
}
