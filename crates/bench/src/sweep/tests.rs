use std::num::NonZeroUsize;
use std::path::Path;

use proto::{AnyNode, Caller, Context, Json, Manual, Node, Program};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::*;
use crate::command_line::{Given, Target};
use crate::outcome::FailureKind;
use crate::simulated::SimulatedNode;
use crate::sweep::shard_file::Contents;
use crate::workload::registry::named;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Echo { echo: Json },
    EchoOk { echo: Json },
}

#[derive(Default)]
struct Echo {
    served: u64,
}

impl Node for Echo {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let Body::Echo { echo } = body else { return };
        self.served += 1;
        ctx.sometimes("a second client is served", self.served == 2);
        ctx.sometimes("a millionth client is served", self.served == 1_000_000);
        ctx.reply(&from, Body::EchoOk { echo });
    }
}

fn program() -> Program {
    let manual = Manual { name: "echo", summary: "", usage: "", help: "" };
    Program::new("echoes", "0").any_node(manual, |_| Ok(AnyNode::new(Echo::default())))
}

fn call(flags: &[(&str, &str)]) -> Call {
    let mut given = Given::default();
    flags.iter().for_each(|(flag, value)| given.push(flag, value));
    let (options, expect) = given.options(named("echo"), 0).unwrap();
    let target = Target::Simulated(SimulatedNode::new("echoes", program));
    Call { target, options, expect, args: Vec::new() }
}

/// What a sweep over so many seeds says.
fn swept(seeds: u64, out: Option<&Path>) -> Vec<String> {
    let call = call(&[("node-count", "1"), ("time-limit", "2"), ("rate", "10")]);
    let simulations = Simulations { store: Path::new("store"), draw: None };
    said(&call, Strategy::Independent, seeds, &simulations, out)
}

fn said(
    call: &Call,
    strategy: Strategy,
    seeds: u64,
    runner: &dyn Runner,
    out: Option<&Path>,
) -> Vec<String> {
    let sweep = Sweep {
        call,
        seeds: SeedRange { start: 0, end: seeds },
        shard: Shard::default(),
        strategy,
        threads: NonZeroUsize::new(2).unwrap(),
        keep_going: false,
        out,
        shrink_runs: 0,
        runner,
        repeat: &|call| format!("rate {}", call.options.rate),
    };
    let mut told = Vec::new();
    sweep.run(&mut told, &mut Nobody).unwrap();
    String::from_utf8(told).unwrap().lines().map(str::to_owned).collect()
}

const NEVER: &str = "sometimes: `a millionth client is served` never held in 3 seeds";

#[test]
fn a_sweep_says_which_conditions_never_held_and_nothing_of_those_that_did() {
    assert_eq!(swept(3, None), [NEVER, "3 of 3 seeds tried: 3 valid, 0 invalid, 0 unknown"]);
}

#[test]
fn a_sweep_that_goes_on_from_its_file_knows_what_held_before() {
    let directory = TempDir::new().unwrap();
    assert!(swept(3, Some(directory.path())).contains(&NEVER.to_owned()));
    let again = swept(3, Some(directory.path()));
    assert!(again[0].contains("were tried before") && again[1] == NEVER, "{again:?}");
    let file = std::fs::read(directory.path().join("shard-0-of-1.jsonl")).unwrap();
    let (_, known) = Contents::parse(&file).unwrap().sweep.unwrap();
    assert_eq!(known.conditions.never().collect::<Vec<_>>(), ["a millionth client is served"]);
    let text = String::from_utf8(file).unwrap();
    assert_eq!(text.matches("a second client").count(), 1, "only what is news is written");
}

/// Runs in which nothing succeeds that have another rate than 100, or this seed.
struct Fruitless(Option<u64>);

impl Runner for Fruitless {
    fn attempt(&self, call: &Call) -> Result<Attempt, TestError> {
        let fails = call.options.rate != 100.0 || self.0 == Some(call.options.seed);
        Ok(Attempt::of(match fails {
            true => Outcome::invalid(FailureKind::Stats, "not one echo succeeded"),
            false => Outcome::Valid,
        }))
    }

    fn run_in_store(&self, _: &Call) -> Result<RunDirectory, TestError> {
        Err(TestError::invalid("it has no files"))
    }
}

#[test]
fn where_nothing_succeeds_the_run_that_was_asked_for_decides() {
    let call = call(&[("rate", "100"), ("nemesis", "kill")]);
    let sweep = |fails| said(&call, Strategy::Mixed, 5, &Fruitless(fails), None);
    assert_eq!(sweep(None), ["5 of 5 seeds tried: 5 valid, 0 invalid, 0 unknown"]);
    let failing = sweep(Some(0));
    assert_eq!(failing[0], "seed 0 is invalid (stats): not one echo succeeded");
    assert_eq!(failing[1], "  repeat:  rate 100", "as it was asked for");
}
