use std::collections::BTreeSet;

use proto::{AnyNode, Aspect, Caller, Context, Manual, Node, Program};
use serde::{Deserialize, Serialize};

use super::*;
use crate::command_line::{Given, Target};
use crate::outcome::Outcome;
use crate::simulated::SimulatedNode;
use crate::sweep::attempt_simulated;
use crate::workload::registry::named;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Generate,
    GenerateOk { id: u64 },
}

/// Repeats an id after ten requests of which each came within 10 ms of the one before: a lock of ten
/// wheels, which says how many of them stand right.
#[derive(Default)]
struct Lock {
    last_ms: u64,
    wheels: u64,
    served: u64,
}

impl Node for Lock {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, _: Body, ctx: &mut Context<'_, Self>) {
        let now_ms = ctx.now().as_nanos() / 1_000_000;
        self.wheels = if now_ms - self.last_ms < 10 { self.wheels + 1 } else { 0 };
        (self.last_ms, self.served) = (now_ms, self.served + 1);
        let id = if self.wheels == 10 { 1 } else { self.served };
        ctx.reply(&from, Body::GenerateOk { id });
    }

    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        aspects.push(Aspect::Plain(self.wheels));
    }
}

fn program() -> Program {
    let manual = Manual { name: "lock", summary: "", usage: "", help: "" };
    Program::new("locks", "0").any_node(manual, |_| Ok(AnyNode::new(Lock::default())))
}

fn base() -> Call {
    let mut given = Given::default();
    for (flag, value) in [("node-count", "1"), ("time-limit", "2"), ("rate", "40")] {
        given.push(flag, value);
    }
    let (options, expect) = given.options(named("unique-ids"), 0).unwrap();
    let target = Target::Simulated(SimulatedNode::new("locks", program));
    Call { target, options, expect, args: Vec::new() }
}

struct Locks;

impl Runner for Locks {
    fn attempt(&self, call: &Call) -> Result<Attempt, TestError> {
        attempt_simulated(SimulatedNode::new("locks", program), call)
    }

    fn run_in_store(&self, _: &Call) -> Result<crate::store::RunDirectory, TestError> {
        unreachable!("nothing is kept")
    }
}

/// The commands of the runs of these seeds.
fn commands(base: &Call, seeds: std::ops::Range<u64>) -> Vec<String> {
    let mut explorer = Explorer::new(Strategy::Guided, base);
    let mut made = |seed| explorer.attempt(&Locks, seed).unwrap().0.words().join(" ");
    seeds.map(&mut made).collect()
}

#[test]
fn an_island_has_the_same_runs_whoever_makes_them_and_about_half_go_on_from_others() {
    let base = base();
    let both = commands(&base, 0..2 * ISLAND);
    let [first, second] = [0..ISLAND, ISLAND..2 * ISLAND].map(|seeds| commands(&base, seeds));
    assert_eq!(both, [first, second].concat());
    let branches = both.iter().filter(|command| command.contains("--reseed")).count();
    assert!((60..130).contains(&branches), "{branches}");
    let different: BTreeSet<_> = both.iter().collect();
    assert_eq!(different.len(), both.len());
}

#[test]
fn a_run_that_goes_on_from_another_one_is_that_one_until_then() {
    let base = base();
    let mut explorer = Explorer::new(Strategy::Guided, &base);
    let calls: Vec<Call> =
        (0..ISLAND).map(|seed| explorer.attempt(&Locks, seed).unwrap().0).collect();
    let branches = calls.iter().filter(|call| !call.options.reseeds.is_empty());
    for branch in branches.take(20) {
        let mut parent = branch.clone();
        parent.options.reseeds = branch.options.reseeds.without_last();
        let (time, _) = branch.options.reseeds.iter().last().unwrap();
        let reached = |call| -> Vec<(Duration, u64)> {
            let reached = Locks.attempt(call).unwrap().reached;
            reached.into_iter().filter(|(at, _)| *at < time).collect()
        };
        assert_eq!(reached(branch), reached(&parent));
    }
}

#[test]
fn what_was_seen_leads_to_what_chance_does_not_find() {
    let base = base();
    let first_failure = |strategy| {
        let mut explorer = Explorer::new(strategy, &base);
        (0..1000).find(|seed| {
            let outcome = explorer.attempt(&Locks, *seed).unwrap().1.outcome;
            matches!(outcome, Outcome::Invalid(_))
        })
    };
    let [chance, guided] = [Strategy::Independent, Strategy::Guided].map(first_failure);
    assert!(guided.is_some_and(|seeds| seeds < 5 * ISLAND), "{guided:?}");
    assert_eq!(chance, None, "it takes a hundred times as many");
}
