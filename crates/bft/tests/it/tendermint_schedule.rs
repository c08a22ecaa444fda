//! Tendermint under random schedules: messages late, in any order and doubled, time-outs at any
//! moment, and Byzantine validators that hold their own keys and nobody else's: they propose and
//! vote differently to different nodes, claim polkas that never were, tell some of it to nobody, and
//! replay. After every event the invariants have to hold. In the end the Byzantine validators fall
//! silent, and the others have to decide.

use std::collections::{BTreeMap, BTreeSet};

use bft::tendermint::{Round, Step, Validator, Vote};
use bft::{Invariants, Key, NodeIndex, Phase, Quorums, Signed};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};

use super::schedule::{
    EVENTS, INVALID, Schedule, disagrees_with_3f, found, is_valid, stands_with_3f_plus_1,
};

/// A way to get it wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mistake {
    #[default]
    None,
    /// A locked validator prevotes for whatever a new round proposes, without a later polka for it.
    UnlockWithoutPolka,
    /// `f + 1` prevotes are a polka.
    SmallPrevoteQuorum,
    /// `f + 1` precommits decide.
    SmallPrecommitQuorum,
}

struct Tendermint {
    random: Xoshiro256PlusPlus,
    mistake: Mistake,
    quorums: Quorums,
    /// The honest ones are the last: the first rounds have Byzantine proposers.
    liars: Vec<Key>,
    honest: BTreeMap<usize, Validator<u32>>,
    flying: Vec<(usize, Signed<Vote<u32>>)>,
    timeouts: Vec<(usize, Step, Round)>,
    invariants: Invariants<Option<u32>>,
    /// All that was ever sent, by anybody: what there is to replay.
    sent: BTreeSet<Signed<Vote<u32>>>,
    /// What some honest validator got, and will pass on in the end.
    heard: BTreeSet<Signed<Vote<u32>>>,
}

impl Tendermint {
    /// Somebody sends this to one node. The network tells the invariants and the liars.
    fn send(&mut self, to: usize, vote: Signed<Vote<u32>>) -> Result<(), String> {
        let Vote { step, round, value, .. } = vote.statement().clone();
        let phase = match step {
            Step::Propose => None,
            Step::Prevote => Some(Phase::First),
            Step::Precommit => Some(Phase::Second),
        };
        if let Some(phase) = phase {
            let voted = self.invariants.voted(vote.signer(), phase, (round.0, 0), value);
            // With quorums that are too small two quorums are no news: what do they lead to?
            if self.quorums.is_safe() && self.mistake == Mistake::None {
                voted.map_err(|violation| violation.to_string())?;
            }
        }
        self.sent.insert(vote.clone());
        if self.honest.contains_key(&to) {
            self.flying.push((to, vote));
        }
        Ok(())
    }

    /// What a validator wants to have done, after an event.
    fn carry_out(&mut self, id: usize) -> Result<(), String> {
        let Some(validator) = self.honest.get_mut(&id) else { return Ok(()) };
        let output = validator.take_output();
        let proposed = |round| validator.proposal(round).and_then(|proposal| proposal.value);
        let mistaken = |vote: Signed<Vote<u32>>| {
            let Vote { step, round, value, .. } = *vote.statement();
            let own = proposed(round).filter(is_valid);
            match self.mistake == Mistake::UnlockWithoutPolka && step == Step::Prevote {
                true if value.is_none() && own.is_some() => {
                    Key::of(NodeIndex(id)).sign(Vote { value: own, ..vote.statement().clone() })
                }
                _ => vote,
            }
        };
        let messages: Vec<_> = output.messages.into_iter().map(mistaken).collect();
        for message in messages {
            for to in 0..self.quorums.nodes {
                self.send(to, message.clone())?;
            }
        }
        self.timeouts.extend(output.timeouts.into_iter().map(|(step, round)| (id, step, round)));
        match output.decided {
            Some(value) => self
                .invariants
                .decide(NodeIndex(id), 0, Some(value))
                .map_err(|violation| violation.to_string()),
            None => Ok(()),
        }
    }

    /// A Byzantine validator sends something to one honest one.
    fn lie(&mut self) -> Result<(), String> {
        let to = self.random.random_range(self.quorums.faulty..self.quorums.nodes);
        let liar = self.random.random_range(0..self.liars.len());
        let key = &self.liars[liar];
        let mut round = Round(self.honest[&to].round().0 + self.random.random_range(0..2));
        let mut value = match self.random.random_range(0..20) {
            0 => Some(INVALID),
            1..3 => None,
            // To every node its own.
            3..15 => Some(to as u32 % 2),
            _ => Some(self.random.random_range(0..3)),
        };
        // What it would like to hear: its own opinion.
        if self.random.random_bool(0.7) {
            let is_own = |vote: &&Signed<Vote<u32>>| {
                vote.signer() == NodeIndex(to) && vote.statement().value.is_some()
            };
            if let Some(vote) = self.sent.iter().filter(is_own).choose(&mut self.random) {
                (round, value) = (vote.statement().round, vote.statement().value);
            }
        }
        let vote = match self.random.random_range(0..10) {
            0..4 if round.proposer(0, self.quorums.nodes) == key.owner() => {
                let polka = self.random.random_range(0..4);
                let valid_round = (polka < round.0).then_some(Round(polka));
                key.sign(Vote { height: 0, step: Step::Propose, round, value, valid_round })
            }
            luck @ 0..9 => {
                let step = if luck % 2 == 0 { Step::Prevote } else { Step::Precommit };
                key.sign(Vote { height: 0, step, round, value, valid_round: None })
            }
            _ => match self.sent.iter().choose(&mut self.random) {
                Some(vote) => vote.clone(),
                None => return Ok(()),
            },
        };
        self.send(to, vote)
    }

    fn receive(&mut self, to: usize, vote: Signed<Vote<u32>>) -> Result<(), String> {
        if let Some(validator) = self.honest.get_mut(&to) {
            self.heard.insert(vote.clone());
            validator.receive(vote);
        }
        self.carry_out(to)
    }

    fn timeout(&mut self, (id, step, round): (usize, Step, Round)) -> Result<(), String> {
        if let Some(validator) = self.honest.get_mut(&id) {
            validator.timeout(step, round);
        }
        self.carry_out(id)
    }

    fn begin(&mut self) -> Result<(), String> {
        (self.quorums.faulty..self.quorums.nodes).try_for_each(|id| self.carry_out(id))
    }

    /// Everything that is on its way arrives.
    fn arrive(&mut self) -> Result<(), String> {
        while !self.flying.is_empty() {
            let (to, vote) = self.flying.remove(0);
            self.receive(to, vote)?;
        }
        Ok(())
    }
}

impl Schedule for Tendermint {
    type Mistake = Mistake;

    fn new(seed: u64, quorums: Quorums, mistake: Mistake) -> Self {
        let mut used = quorums;
        match mistake {
            Mistake::SmallPrevoteQuorum => used.certify = quorums.faulty + 1,
            Mistake::SmallPrecommitQuorum => used.decide = quorums.faulty + 1,
            Mistake::None | Mistake::UnlockWithoutPolka => {}
        }
        let validator = |id: usize| {
            let key = Key::of(NodeIndex(id));
            (id, Validator::new(key, used, is_valid, 100 + id as u32))
        };
        Self {
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            mistake,
            quorums,
            liars: (0..quorums.faulty).map(|id| Key::of(NodeIndex(id))).collect(),
            honest: (quorums.faulty..quorums.nodes).map(validator).collect(),
            flying: Vec::new(),
            timeouts: Vec::new(),
            invariants: Invariants::new(used, |value| value.as_ref().is_some_and(is_valid)),
            sent: BTreeSet::new(),
            heard: BTreeSet::new(),
        }
    }

    fn run(&mut self) -> Result<(), String> {
        self.begin()?;
        for _ in 0..EVENTS * self.quorums.nodes {
            match self.random.random_range(0..100) {
                0..8 if !self.timeouts.is_empty() => {
                    let place = self.random.random_range(0..self.timeouts.len());
                    let timeout = self.timeouts.swap_remove(place);
                    self.timeout(timeout)?;
                }
                8..28 if !self.liars.is_empty() => self.lie()?,
                luck if !self.flying.is_empty() => {
                    let place = self.random.random_range(0..self.flying.len());
                    let (to, vote) = match luck < 33 {
                        true => self.flying[place].clone(),
                        false => self.flying.swap_remove(place),
                    };
                    self.receive(to, vote)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether all honest validators decide once the Byzantine ones are silent, nothing is late any
    /// more, and time-outs are longer than what messages take. What one of them got all of them get:
    /// the paper's assumption about gossip (section 2).
    fn gets_on(&mut self) -> Result<bool, String> {
        self.arrive()?;
        for id in self.quorums.faulty..self.quorums.nodes {
            self.flying.extend(self.heard.iter().map(|vote| (id, vote.clone())));
        }
        for _ in 0..200 {
            self.arrive()?;
            if self.honest.values().all(|validator| validator.decision().is_some()) {
                return Ok(true);
            }
            for timeout in std::mem::take(&mut self.timeouts) {
                self.timeout(timeout)?;
            }
        }
        Ok(false)
    }
}

#[test]
fn at_3f_plus_1_nothing_breaks_an_invariant_and_what_is_left_alone_decides() {
    stands_with_3f_plus_1::<Tendermint>();
}

#[test]
fn at_3f_quorums_of_n_minus_f_are_made_to_disagree_within_100_seeds() {
    disagrees_with_3f::<Tendermint>();
}

#[test]
fn at_3f_quorums_of_2f_plus_1_decide_nothing_while_f_are_silent() {
    for faulty in [1, 2, 3] {
        for (nodes, expected) in [(3 * faulty, false), (3 * faulty + 1, true)] {
            let quorums = Quorums::sized(nodes, faulty, 2 * faulty + 1);
            assert!(quorums.is_safe(), "it is not safety that is missing");
            let mut schedule = Tendermint::new(0, quorums, Mistake::None);
            schedule.begin().expect("no liar did anything yet");
            assert_eq!(schedule.gets_on(), Ok(expected), "{nodes} nodes, {faulty} silent");
        }
    }
}

#[test]
fn each_mistake_is_found_within_10_000_seeds() {
    for mistake in
        [Mistake::UnlockWithoutPolka, Mistake::SmallPrevoteQuorum, Mistake::SmallPrecommitQuorum]
    {
        let (seed, failure) = found::<Tendermint>(10_000, mistake);
        println!("{mistake:?}: seed {seed}: {failure}");
    }
}

#[test]
fn a_lock_holds_until_a_later_polka_for_something_else() {
    let keys: Vec<Key> = (0..4).map(|id| Key::of(NodeIndex(id))).collect();
    let mut validator = Validator::new(Key::of(NodeIndex(3)), Quorums::of(4), is_valid, 9);
    let say =
        |validator: &mut Validator<u32>, node: usize, step, round, value, polka: Option<u64>| {
            let vote =
                Vote { height: 0, step, round: Round(round), value, valid_round: polka.map(Round) };
            validator.receive(keys[node].sign(vote));
            let votes = validator.take_output().messages;
            votes
                .iter()
                .map(|vote| (vote.statement().step, vote.statement().value))
                .collect::<Vec<_>>()
        };
    let v = &mut validator;
    assert_eq!(say(v, 0, Step::Propose, 0, Some(1), None), [(Step::Prevote, Some(1))]);
    for node in [0, 1] {
        assert_eq!(say(v, node, Step::Prevote, 0, Some(1), None), []);
    }
    assert_eq!(say(v, 3, Step::Prevote, 0, Some(1), None), [(Step::Precommit, Some(1))]);
    assert_eq!(v.locked(), Some(&(Round(0), 1)));
    // Round 1 proposes another value as a new one: no.
    v.timeout(Step::Precommit, Round(0));
    assert_eq!(say(v, 1, Step::Propose, 1, Some(2), None), [(Step::Prevote, None)]);
    // In round 2 the same with a polka of round 1 that is not there: no answer, until it is.
    v.timeout(Step::Precommit, Round(1));
    assert_eq!(say(v, 2, Step::Propose, 2, Some(2), Some(1)), []);
    for node in [0, 1] {
        assert_eq!(say(v, node, Step::Prevote, 1, Some(2), None), []);
    }
    assert_eq!(say(v, 2, Step::Prevote, 1, Some(2), None), [(Step::Prevote, Some(2))]);
}
