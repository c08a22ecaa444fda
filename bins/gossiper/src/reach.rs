//! `gossiper reach`: how many nodes a rumour reaches, by formula and by trying it (task 3-2-2).
//!
//! The formula asks how likely a given node is missed if in each of R rounds somebody tells K of the
//! N - 1 other nodes, drawn anew: `(1 - K/(N-1))^R`. That somebody is one node, so the formula is
//! pessimistic: in the simulation everybody who knows the rumour tells K others in every round. So
//! the fan-out that the formula asks for reaches at least the share that was asked for, and more of
//! it in the simulation, the more so the more rounds there are (`docs/reach.md` has the figures, with
//! those of `broadcast --strategy fan-out` beside them).

use std::collections::VecDeque;
use std::time::Duration;

use proto::{Arguments, Caller, Context, Error, Manual, Node, UsageError};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "reach",
    summary: "says how many nodes a rumour reaches, by formula and by simulation",
    usage: "",
    help: "\
It serves `calc_fanout` and `simulate_gossip` of task 3-2-2, and has no flags. It keeps nothing.
",
};

/// Nodes of a cluster at most: beyond that the formula is at the end of what it can tell apart.
const NODES_MAX: u64 = 1_000_000_000;
/// Messages that a simulation may send at most, if everybody sends in every round.
const MESSAGES_MAX: u128 = 200_000_000;
/// Messages that are simulated before the node looks at its other messages.
const SLICE: u64 = 1_000_000;

/// The messages of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Asks for the smallest fan-out that is enough.
    CalcFanout {
        /// Nodes in the cluster, at least 2.
        nodes: u64,
        /// How likely a given node has to be reached: more than 0, at most 1.
        target_prob: f64,
        /// Rounds, at least 1.
        rounds: u64,
    },
    /// Answer to `calc_fanout`.
    CalcFanoutOk {
        /// The fan-out, at least 1.
        min_fanout: u64,
        /// How likely a given node is missed with it.
        miss_prob: f64,
    },
    /// Asks for so many simulations.
    SimulateGossip {
        /// Nodes in the cluster, at least 2.
        nodes: u64,
        /// How many others each informed node tells in each round, at least 1; those there are if
        /// it is more.
        fanout: u64,
        /// Rounds at most, at least 1.
        rounds: u64,
        /// Simulations, at least 1.
        trials: u64,
    },
    /// Answer to `simulate_gossip`.
    SimulateGossipOk {
        /// The share of the other nodes that were reached, over all trials.
        delivery_rate: f64,
        /// The mean number of the round after which all were reached; a trial that did not get so
        /// far counts with all its rounds.
        avg_rounds_to_all: f64,
    },
}

/// The smallest fan-out with which a given node of `nodes` is reached with probability `target`
/// within `rounds`, and how likely it is missed then.
pub fn min_fanout(nodes: u64, target: f64, rounds: u64) -> (u64, f64) {
    let others = nodes.saturating_sub(1).max(1);
    let miss = |fanout: u64| ((others - fanout) as f64 / others as f64).powf(rounds as f64);
    // A hair's breadth more, because 1 - 0.9 is not 0.1.
    let miss_max = (1.0 - target) * (1.0 + 1e-9);
    let is_enough = |fanout: u64| miss(fanout) <= miss_max;
    let guess = others as f64 * (1.0 - (1.0 - target).powf(1.0 / rounds as f64));
    let mut fanout = (guess.ceil() as u64).clamp(1, others);
    while fanout > 1 && is_enough(fanout - 1) {
        fanout -= 1;
    }
    while fanout < others && !is_enough(fanout) {
        fanout += 1;
    }
    (fanout, miss(fanout))
}

/// Push gossip, one trial after the other.
#[derive(Clone, Debug)]
pub struct Simulation {
    fanout: usize,
    rounds: u64,
    trials: u64,
    done: u64,
    /// Other nodes that were reached, over all trials so far.
    reached: u64,
    /// Rounds until all were reached, over all trials so far.
    rounds_to_all: u64,
    /// All nodes, to be shuffled.
    nodes: Vec<u32>,
}

impl Simulation {
    /// A simulation of a cluster of at least 2 nodes.
    pub fn new(nodes: u32, fanout: u64, rounds: u64, trials: u64) -> Self {
        let others = nodes.saturating_sub(1) as usize;
        Self {
            fanout: usize::try_from(fanout).unwrap_or(usize::MAX).min(others),
            rounds,
            trials,
            done: 0,
            reached: 0,
            rounds_to_all: 0,
            nodes: (0..nodes).collect(),
        }
    }

    /// Goes on until about so many more messages are sent. Returns whether all trials are done.
    pub fn run(&mut self, messages: u64, random: &mut Xoshiro256PlusPlus) -> bool {
        let mut sent = 0;
        while self.done < self.trials && sent < messages {
            sent += self.trial(random);
        }
        self.done == self.trials
    }

    /// The share of the other nodes that were reached, in the trials so far.
    pub fn delivery_rate(&self) -> f64 {
        self.reached as f64 / (self.done.max(1) as f64 * (self.nodes.len() - 1) as f64)
    }

    /// The mean of the rounds until all were reached, in the trials so far.
    pub fn rounds_to_all(&self) -> f64 {
        self.rounds_to_all as f64 / self.done.max(1) as f64
    }

    /// A rumour that the first node knows. Returns how many messages it took.
    fn trial(&mut self, random: &mut Xoshiro256PlusPlus) -> u64 {
        let mut is_informed = vec![false; self.nodes.len()];
        is_informed[0] = true;
        let mut informed = vec![0];
        let (mut sent, mut round) = (0, 0);
        while round < self.rounds && informed.len() < self.nodes.len() {
            round += 1;
            // Those who hear it in this round speak from the next one on.
            for speaker in informed.clone() {
                sent += self.fanout as u64;
                // One more is drawn in case the speaker is among them: then that one is left out,
                // else the last one.
                let (drawn, _) = self.nodes.partial_shuffle(random, self.fanout + 1);
                let others = drawn.iter().copied().filter(|node| *node != speaker);
                for node in others.take(self.fanout) {
                    if !std::mem::replace(&mut is_informed[node as usize], true) {
                        informed.push(node);
                    }
                }
            }
        }
        self.done += 1;
        self.reached += informed.len() as u64 - 1;
        self.rounds_to_all += round;
        sent.max(1)
    }
}

/// The node: simulations that are not done yet.
#[derive(Debug, Default)]
pub struct ReachNode {
    open: VecDeque<(Caller, Simulation)>,
}

impl ReachNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If there are any.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        match arguments.next_flag()? {
            None => Ok(Self::default()),
            Some(flag) => Err(arguments.unknown(&flag)),
        }
    }
}

fn within(field: &str, number: u64, least: u64, most: u64) -> Result<u64, Error> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    let text = format!("field `{field}` has to be from {least} to {most}, not {number}");
    Err(Error::malformed_request(text))
}

fn calculate(nodes: u64, target: f64, rounds: u64) -> Result<Body, Error> {
    within("nodes", nodes, 2, NODES_MAX)?;
    within("rounds", rounds, 1, u64::MAX)?;
    if !(target > 0.0 && target <= 1.0) {
        let text = format!("field `target_prob` has to be more than 0 and at most 1, not {target}");
        return Err(Error::malformed_request(text));
    }
    let (min_fanout, miss_prob) = min_fanout(nodes, target, rounds);
    Ok(Body::CalcFanoutOk { min_fanout, miss_prob })
}

fn simulation(nodes: u64, fanout: u64, rounds: u64, trials: u64) -> Result<Simulation, Error> {
    within("nodes", nodes, 2, u64::from(u32::MAX))?;
    within("fanout", fanout, 1, u64::MAX)?;
    within("rounds", rounds, 1, u64::MAX)?;
    within("trials", trials, 1, u64::MAX)?;
    let factors = [nodes, fanout.min(nodes), rounds, trials];
    let messages =
        factors.iter().try_fold(1_u128, |product, factor| product.checked_mul((*factor).into()));
    if messages.is_none_or(|messages| messages > MESSAGES_MAX) {
        let text = format!(
            "field `trials`: {trials} trials of {rounds} rounds, with {nodes} nodes that tell \
             {fanout} others each, are more than {MESSAGES_MAX} messages"
        );
        return Err(Error::malformed_request(text));
    }
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
    Ok(Simulation::new(nodes, fanout, rounds, trials))
}

impl Node for ReachNode {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::CalcFanout { nodes, target_prob, rounds } => {
                match calculate(nodes, target_prob, rounds) {
                    Ok(body) => ctx.reply(&from, body),
                    Err(error) => ctx.reply_error(&from, error),
                }
            }
            Body::SimulateGossip { nodes, fanout, rounds, trials } => {
                match simulation(nodes, fanout, rounds, trials) {
                    Ok(simulation) => {
                        self.open.push_back((from, simulation));
                        if self.open.len() == 1 {
                            self.timer((), ctx);
                        }
                    }
                    Err(error) => ctx.reply_error(&from, error),
                }
            }
            // Replies: they never come as requests.
            Body::CalcFanoutOk { .. } | Body::SimulateGossipOk { .. } => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        let Some((caller, mut simulation)) = self.open.pop_front() else { return };
        if simulation.run(SLICE, ctx.random()) {
            let delivery_rate = simulation.delivery_rate();
            let avg_rounds_to_all = simulation.rounds_to_all();
            ctx.reply(&caller, Body::SimulateGossipOk { delivery_rate, avg_rounds_to_all });
        } else {
            self.open.push_front((caller, simulation));
        }
        if !self.open.is_empty() {
            ctx.set_timer(Duration::ZERO, ());
        }
    }

    fn owes_answer(&self) -> bool {
        !self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// By trying every fan-out.
    #[test]
    fn the_smallest_fan_out_is_found() {
        for nodes in [2, 3, 5, 25, 101, 1000] {
            for rounds in [1, 2, 5, 20, 1000] {
                for target in [0.01, 0.5, 0.75, 0.9, 0.99, 0.999_999, 1.0] {
                    let (fanout, miss) = min_fanout(nodes, target, rounds);
                    let missed = |fanout: u64| {
                        let told = fanout as f64 / (nodes - 1) as f64;
                        (0..rounds).fold(1.0, |missed, _| missed * (1.0 - told))
                    };
                    let miss_max = (1.0 - target) * (1.0 + 1e-9);
                    let first = (1..nodes).find(|fanout| missed(*fanout) <= miss_max);
                    assert_eq!(Some(fanout), first, "{nodes} nodes, {rounds} rounds, {target}");
                    assert!((miss - missed(fanout)).abs() < 1e-9);
                }
            }
        }
        assert_eq!(min_fanout(5, 0.99, 5), (3, 0.000_976_562_5));
        assert_eq!(min_fanout(25, 0.99, 5).0, 15);
    }

    /// The chances of the smallest clusters, by hand.
    #[test]
    fn simulations_agree_with_what_can_be_counted() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut run = |nodes, fanout, rounds| {
            let mut simulation = Simulation::new(nodes, fanout, rounds, 20_000);
            while !simulation.run(SLICE, &mut random) {}
            (simulation.delivery_rate(), simulation.rounds_to_all())
        };
        assert_eq!(run(2, 1, 5), (1.0, 1.0));
        assert_eq!(run(10, 9, 5), (1.0, 1.0));
        assert_eq!(run(10, 1_000, 1), (1.0, 1.0));
        // One of two others in one round.
        assert_eq!(run(3, 1, 1), (0.5, 1.0));
        // In the second round two speak: the third node is missed if both tell each other.
        let (rate, _) = run(3, 1, 2);
        assert!((rate - (1.0 - 0.25 / 2.0)).abs() < 0.01, "{rate}");
    }

    #[test]
    fn a_simulation_gives_way_to_other_messages() {
        let mut script = proto::Script::new(ReachNode::default());
        script.init("n1", &["n1"]);
        let ask = |script: &mut proto::Script<ReachNode>, body: &str| {
            script.line(&format!(r#"{{"src":"c1","dest":"n1","body":{{"msg_id":2,{body}}}}}"#))
        };
        let large = r#""type":"simulate_gossip","nodes":1000,"fanout":10,"rounds":10,"trials":500"#;
        assert!(ask(&mut script, large).is_empty());
        assert!(script.node().owes_answer());
        let small = r#""type":"calc_fanout","nodes":5,"target_prob":0.99,"rounds":5"#;
        assert!(ask(&mut script, small)[0].contains(r#""min_fanout":3"#));
        let answers = script.advance(Duration::ZERO);
        assert!(answers[0].contains(r#""delivery_rate":1.0"#), "{answers:?}");
        assert!(!script.node().owes_answer());
    }
}
