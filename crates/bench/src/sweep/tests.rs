use std::num::NonZeroUsize;
use std::path::Path;

use proto::{AnyNode, Caller, Context, Json, Manual, Node, Program};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::*;
use crate::command_line::{Given, Target};
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

/// What a sweep over so many seeds says.
fn swept(seeds: u64, out: Option<&Path>) -> Vec<String> {
    let mut given = Given::default();
    for (flag, value) in [("node-count", "1"), ("time-limit", "2"), ("rate", "10")] {
        given.push(flag, value);
    }
    let (options, expect) = given.options(named("echo"), 0).unwrap();
    let target = Target::Simulated(SimulatedNode::new("echoes", program));
    let call = Call { target, options, expect, args: Vec::new() };
    let sweep = Sweep {
        call: &call,
        seeds: SeedRange { start: 0, end: seeds },
        shard: Shard::default(),
        strategy: Strategy::Independent,
        threads: NonZeroUsize::new(2).unwrap(),
        keep_going: false,
        out,
        shrink_runs: 0,
        runner: &Simulations { store: Path::new("store"), draw: None },
        repeat: &|_| String::new(),
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
