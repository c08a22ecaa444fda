//! PBFT under random schedules: messages late, in any order and doubled, view changes at any moment,
//! and Byzantine nodes that hold their own keys and nobody else's. They propose and vote differently
//! to different nodes, tell some of it to nobody, make view changes and new views out of what they
//! saw or made up, and replay. After every event the invariants have to hold. In the end the
//! Byzantine nodes fall silent, and the others have to get on.

use std::collections::{BTreeMap, BTreeSet};

use bft::pbft::{
    Certificate, Message, NewView, Replica, Sequence, Stage, View, ViewChange, Vote, carried_over,
    split_attack,
};
use bft::{Invariants, Key, NodeIndex, Phase, Quorums, Signed};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{RngExt, SeedableRng};

use super::schedule::{
    EVENTS, INVALID, Schedule, disagrees_with_3f, found, is_valid, stands_with_3f_plus_1,
};

/// A way to get it wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mistake {
    #[default]
    None,
    /// View changes tell nothing of what was prepared.
    NoCertificates,
    /// `f + 1` nodes that prepare are enough.
    SmallPrepareQuorum,
    /// `f + 1` commits are enough.
    SmallCommitQuorum,
}

struct Pbft {
    random: Xoshiro256PlusPlus,
    mistake: Mistake,
    quorums: Quorums,
    /// The honest ones are the last: the first views have Byzantine primaries.
    liars: Vec<Key>,
    honest: BTreeMap<usize, Replica<u32>>,
    flying: Vec<(usize, Message<u32>)>,
    invariants: Invariants<Option<u32>>,
    /// All that was ever sent, by anybody: what there is to replay and to make certificates of.
    votes: BTreeSet<Signed<Vote<u32>>>,
    changes: BTreeSet<Signed<ViewChange<u32>>>,
    new_views: Vec<Signed<NewView<u32>>>,
    wishes: u32,
}

impl Pbft {
    /// Somebody sends this to one node. The network tells the invariants and the liars.
    fn send(&mut self, to: usize, message: Message<u32>) -> Result<(), String> {
        match &message {
            Message::Vote(vote) => {
                let Vote { stage, view, sequence, value } = vote.statement().clone();
                let phase = match stage {
                    Stage::PrePrepare | Stage::Prepare => Phase::First,
                    Stage::Commit => Phase::Second,
                };
                self.votes.insert(vote.clone());
                let place = (view.0, sequence.0);
                let voted = self.invariants.voted(vote.signer(), phase, place, value);
                // With quorums that are too small two quorums are no news: what do they lead to?
                if self.quorums.is_safe() && self.mistake == Mistake::None {
                    voted.map_err(|violation| violation.to_string())?;
                }
            }
            Message::ViewChange(change) => drop(self.changes.insert(change.clone())),
            Message::NewView(new) => {
                for proposal in &new.statement().proposals {
                    self.send(to, Message::Vote(proposal.clone()))?;
                }
                if !self.new_views.contains(new) {
                    self.new_views.push(new.clone());
                }
            }
            Message::Checkpoint(_) | Message::Stable(_) | Message::Decision(_) => {}
        }
        if self.honest.contains_key(&to) {
            self.flying.push((to, message));
        }
        Ok(())
    }

    /// What a replica wants to have done, after an event.
    fn carry_out(&mut self, id: usize) -> Result<(), String> {
        let Some(replica) = self.honest.get_mut(&id) else { return Ok(()) };
        let output = replica.take_output();
        for mut message in output.messages {
            if let (Mistake::NoCertificates, Message::ViewChange(change)) = (self.mistake, &message)
            {
                let ViewChange { view, stable, .. } = change.statement().clone();
                let untold = ViewChange { view, stable, prepared: Vec::new() };
                message = Message::ViewChange(Key::of(NodeIndex(id)).sign(untold));
            }
            for to in 0..self.quorums.nodes {
                self.send(to, message.clone())?;
            }
        }
        for (sequence, value) in output.decided {
            let decided = self.invariants.decide(NodeIndex(id), sequence.0, value);
            decided.map_err(|violation| violation.to_string())?;
        }
        Ok(())
    }

    fn some_view(&mut self) -> View {
        let views: Vec<View> = self.honest.values().map(Replica::view).collect();
        View(views[self.random.random_range(0..views.len())].0 + self.random.random_range(0..2))
    }

    fn some_honest(&mut self) -> usize {
        self.random.random_range(self.quorums.faulty..self.quorums.nodes)
    }

    /// A certificate that can be made of votes that were really sent, for any place.
    fn some_certificate(&mut self, before: View) -> Option<Certificate<u32>> {
        let proposals: Vec<_> = self
            .votes
            .iter()
            .filter(|vote| {
                let Vote { stage, view, .. } = vote.statement();
                *stage == Stage::PrePrepare && *view < before
            })
            .cloned()
            .collect();
        let proposal = proposals.choose(&mut self.random)?.clone();
        let expected = Vote { stage: Stage::Prepare, ..proposal.statement().clone() };
        let matching = self.votes.iter().filter(|vote| *vote.statement() == expected).cloned();
        let mut prepares: BTreeSet<_> = matching.collect();
        prepares.extend(self.liars.iter().map(|key| key.sign(expected.clone())));
        Some(Certificate { proposal, prepares: prepares.into_iter().collect() })
    }

    /// A Byzantine node does something to one honest node.
    fn lie(&mut self) -> Result<(), String> {
        let liar = self.random.random_range(0..self.liars.len());
        let (id, to, view) = (self.liars[liar].owner(), self.some_honest(), self.some_view());
        let mut sequence = Sequence(self.random.random_range(1..3));
        let mut value = match self.random.random_range(0..20) {
            0 => Some(INVALID),
            1 => None,
            // To every node its own.
            2..15 => Some(to as u32 % 2),
            _ => Some(self.random.random_range(0..3)),
        };
        let mut voted_view = view;
        // What it would like to hear: its own opinion.
        if self.random.random_bool(0.7) {
            let is_own = |vote: &&Signed<Vote<u32>>| vote.signer() == NodeIndex(to);
            if let Some(vote) = self.votes.iter().filter(is_own).choose(&mut self.random) {
                voted_view = vote.statement().view;
                (sequence, value) = (vote.statement().sequence, vote.statement().value);
            }
        }
        let key = &self.liars[liar];
        let message = match self.random.random_range(0..10) {
            0..3 if view.primary(self.quorums.nodes) == id => {
                Message::Vote(key.sign(Vote { stage: Stage::PrePrepare, view, sequence, value }))
            }
            luck @ 0..6 => {
                let stage = if luck < 3 { Stage::Prepare } else { Stage::Commit };
                Message::Vote(key.sign(Vote { stage, view: voted_view, sequence, value }))
            }
            6..8 => {
                let view = view.next();
                let told = self.random.random_bool(0.5);
                let certificate = self.some_certificate(view).filter(|_| told);
                let prepared = certificate.into_iter().collect();
                let change = ViewChange { view, stable: None, prepared };
                Message::ViewChange(self.liars[liar].sign(change))
            }
            8 => return self.lie_as_new_primary(liar, to),
            _ => match self.random.random_range(0..3) {
                0 => match self.changes.iter().choose(&mut self.random) {
                    Some(change) => Message::ViewChange(change.clone()),
                    None => return Ok(()),
                },
                1 => match self.new_views.choose(&mut self.random) {
                    Some(new) => Message::NewView(new.clone()),
                    None => return Ok(()),
                },
                _ => match self.votes.iter().choose(&mut self.random) {
                    Some(vote) => Message::Vote(vote.clone()),
                    None => return Ok(()),
                },
            },
        };
        self.send(to, message)
    }

    /// A view of its own, out of any quorum of view changes, with or without what follows from them.
    fn lie_as_new_primary(&mut self, liar: usize, to: usize) -> Result<(), String> {
        let id = self.liars[liar].owner();
        let wanted: BTreeSet<View> = self.changes.iter().map(|c| c.statement().view).collect();
        let mut mine = wanted.into_iter().filter(|view| view.primary(self.quorums.nodes) == id);
        let Some(view) = mine.next_back() else { return Ok(()) };
        let mut by_signer: BTreeMap<NodeIndex, Signed<ViewChange<u32>>> = BTreeMap::new();
        for change in self.changes.iter().filter(|c| c.statement().view == view) {
            if self.random.random_bool(0.7) {
                by_signer.insert(change.signer(), change.clone());
            }
        }
        let view_changes: Vec<_> = by_signer.into_values().collect();
        let key = &self.liars[liar];
        let sign =
            |(sequence, value)| key.sign(Vote { stage: Stage::PrePrepare, view, sequence, value });
        let mut proposals: Vec<_> = carried_over(&view_changes).into_iter().map(sign).collect();
        if self.random.random_bool(0.2) {
            proposals = vec![sign((Sequence(1), Some(1)))];
        }
        let new = key.sign(NewView { view, view_changes, proposals });
        self.send(to, Message::NewView(new))
    }

    fn propose(&mut self, id: usize) -> Result<(), String> {
        self.wishes += 1;
        let wish = 100 + self.wishes;
        if let Some(replica) = self.honest.get_mut(&id) {
            replica.propose(wish);
        }
        self.carry_out(id)
    }

    fn deliver(&mut self, place: usize, is_copy: bool) -> Result<(), String> {
        let (to, message) = match is_copy {
            true => self.flying[place].clone(),
            false => self.flying.swap_remove(place),
        };
        self.step(to, message)
    }

    fn step(&mut self, to: usize, message: Message<u32>) -> Result<(), String> {
        if let Some(replica) = self.honest.get_mut(&to) {
            replica.step(message);
        }
        self.carry_out(to)
    }

    fn suspect(&mut self, id: usize) -> Result<(), String> {
        if let Some(replica) = self.honest.get_mut(&id) {
            replica.suspect();
        }
        self.carry_out(id)
    }

    /// The Byzantine nodes are silent and nothing is late any more.
    fn settle(&mut self) -> Result<(), String> {
        while !self.flying.is_empty() {
            let (to, message) = self.flying.remove(0);
            self.step(to, message)?;
        }
        Ok(())
    }
}

impl Schedule for Pbft {
    type Mistake = Mistake;

    fn new(seed: u64, quorums: Quorums, mistake: Mistake) -> Self {
        let mut used = quorums;
        match mistake {
            Mistake::SmallPrepareQuorum => used.certify = quorums.faulty + 1,
            Mistake::SmallCommitQuorum => used.decide = quorums.faulty + 1,
            Mistake::None | Mistake::NoCertificates => {}
        }
        let replica = |id| (id, Replica::new(Key::of(NodeIndex(id)), used, is_valid));
        Self {
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            mistake,
            quorums,
            liars: (0..quorums.faulty).map(|id| Key::of(NodeIndex(id))).collect(),
            honest: (quorums.faulty..quorums.nodes).map(replica).collect(),
            flying: Vec::new(),
            // One value a view is not what the mistakes break; two decisions are what counts.
            invariants: Invariants::new(used, |value| value.as_ref().is_none_or(is_valid)),
            votes: BTreeSet::new(),
            changes: BTreeSet::new(),
            new_views: Vec::new(),
            wishes: 0,
        }
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..EVENTS * self.quorums.nodes {
            let id = self.some_honest();
            match self.random.random_range(0..100) {
                0..2 => self.propose(id)?,
                2..5 => self.suspect(id)?,
                5..25 if !self.liars.is_empty() => self.lie()?,
                luck if !self.flying.is_empty() => {
                    let place = self.random.random_range(0..self.flying.len());
                    self.deliver(place, luck < 30)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the honest nodes decide something new once they are left alone, all of them the same.
    fn gets_on(&mut self) -> Result<bool, String> {
        self.settle()?;
        let highest = |s: &Self| s.honest.values().map(|r| r.executed().0).max();
        let before = highest(self);
        for _ in 0..4 * self.quorums.nodes {
            for id in self.quorums.faulty..self.quorums.nodes {
                self.propose(id)?;
            }
            self.settle()?;
            if self.honest.values().all(|replica| Some(replica.executed().0) > before) {
                return Ok(true);
            }
            // Whoever waits longest calls for the view after the latest that anybody is in.
            for id in self.quorums.faulty..self.quorums.nodes {
                self.suspect(id)?;
            }
            self.settle()?;
        }
        Ok(false)
    }
}

#[test]
fn at_3f_plus_1_nothing_breaks_an_invariant_and_what_is_left_alone_gets_on() {
    stands_with_3f_plus_1::<Pbft>();
}

#[test]
fn at_3f_quorums_of_n_minus_f_are_made_to_disagree_within_100_seeds() {
    disagrees_with_3f::<Pbft>();
}

#[test]
fn the_split_attack_makes_any_cluster_disagree_that_has_at_most_3f_nodes_and_no_other() {
    for faulty in 0..6 {
        for nodes in faulty + 1..20 {
            let quorums = Quorums::sized(nodes, faulty, nodes - faulty);
            let split = split_attack(quorums);
            // It takes two honest nodes to disagree.
            let expected = (faulty + 2..=3 * faulty).contains(&nodes);
            assert_eq!(split.is_some(), expected, "{nodes} nodes, {faulty} faulty");
            assert!(split.is_none_or(|(one, other)| one != other));
            // With quorums that are safe it does nothing, whatever the number of nodes.
            let quorums = Quorums::sized(nodes, faulty, (nodes + faulty) / 2 + 1);
            assert_eq!(split_attack(quorums), None, "{nodes} nodes, {faulty} faulty");
        }
    }
}

#[test]
fn at_3f_quorums_of_2f_plus_1_decide_nothing_while_f_are_silent() {
    for faulty in [1, 2, 3] {
        for (nodes, expected) in [(3 * faulty, false), (3 * faulty + 1, true)] {
            let quorums = Quorums::sized(nodes, faulty, 2 * faulty + 1);
            assert!(quorums.is_safe(), "it is not safety that is missing");
            let mut schedule = Pbft::new(0, quorums, Mistake::None);
            assert_eq!(schedule.gets_on(), Ok(expected), "{nodes} nodes, {faulty} silent");
        }
    }
}

#[test]
fn each_mistake_is_found_within_3000_seeds() {
    for mistake in
        [Mistake::NoCertificates, Mistake::SmallPrepareQuorum, Mistake::SmallCommitQuorum]
    {
        let (seed, failure) = found::<Pbft>(3000, mistake);
        println!("{mistake:?}: seed {seed}: {failure}");
    }
}

#[test]
fn who_proposes_two_values_to_everybody_is_caught_by_everybody() {
    let mut schedule = Pbft::new(0, Quorums::of(4), Mistake::None);
    for value in [1, 2] {
        let (stage, view, sequence) = (Stage::PrePrepare, View(0), Sequence(1));
        let vote = schedule.liars[0].sign(Vote { stage, view, sequence, value: Some(value) });
        (1..4).for_each(|to| schedule.send(to, Message::Vote(vote.clone())).unwrap());
    }
    schedule.settle().unwrap();
    for replica in schedule.honest.values() {
        assert_eq!(replica.detector().caught(), BTreeSet::from([NodeIndex(0)]));
        assert_eq!(replica.decided(Sequence(1)), Some(&Some(1)), "and harmless");
    }
}
