//! Runs in virtual time from the command line: what becomes of nodes that panic, and of phases after
//! the main one.

use eddy::cli::{Cli, Command};
use eddy::programs;
use proto::{Caller, Context, Manual, Node, Program, Records};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::{TemporaryDirectory, run};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Echo { echo: String },
    EchoOk { echo: String },
}

/// Echoes, but for every third time.
#[derive(Debug, Default)]
struct Fragile {
    asked: u32,
}

impl Node for Fragile {
    type Body = Body;
    type Token = ();

    fn init(&mut self, _: Records, _: &mut Context<'_, Self>) {}

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let Body::Echo { echo } = body else { return };
        self.asked += 1;
        assert!(self.asked < 3, "the third echo is too much");
        ctx.reply(&from, Body::EchoOk { echo });
    }
}

fn program() -> Program {
    let manual = Manual { name: "fragile", summary: "panics", usage: "", help: "" };
    Program::new("fragile", "1.0.0").node(manual, |_| Ok(Fragile::default()))
}

/// The results of `eddy test` with these flags, as they are left in the store; whatever it panics.
fn results(store: &TemporaryDirectory) -> Value {
    let results = std::fs::read_to_string(store.path().join("latest/results.json"));
    serde_json::from_str(&results.expect("results.json")).expect("JSON")
}

#[test]
fn a_node_that_panics_leaves_results_with_node_place_and_words() {
    let store = TemporaryDirectory::new("fragile");
    programs::register(program);
    // The command line as `eddy::main` reads it, for a program that only this test has.
    let place = store.path().to_str().expect("UTF-8");
    let words = ["eddy", "test", "--simulate", "fragile", "-w", "echo", "--node-count", "2"];
    let more = ["--seed", "4", "--time-limit", "3", "--rate", "10", "--quiet", "--store", place];
    let cli = Cli::read(words.iter().chain(&more)).expect("a right command line");
    let Command::Test(args) = cli.command else { panic!("{cli:?}") };
    let status = eddy::test_command::run(&args);
    assert_eq!(format!("{status:?}"), format!("{:?}", std::process::ExitCode::from(1)));

    let results = results(&store);
    assert_eq!(results["valid?"], Value::Bool(false));
    let causes = results["verdict"]["causes"].as_array().expect("causes").clone();
    let first = causes[0].as_str().expect("text");
    for part in ["n0: ", "simulated.rs:", "the third echo is too much", "seed 4"] {
        assert!(
            first.contains(part) || causes[1].to_string().contains(part),
            "{part} in {causes:?}"
        );
    }
    let kinds = results["problems"].as_array().expect("problems");
    assert!(kinds.iter().all(|problem| problem["kind"] == "panicked"), "{kinds:?}");
    // What the clients saw before is there, and so is the report.
    assert_eq!(results["stats"]["ok-count"], 4, "two of each node");
    assert!(store.path().join("latest/report.html").exists());
}

/// What `eddy test` of the identifier says of the order of ids, with its exit status.
fn causality(store: &TemporaryDirectory, node: &[&str]) -> (Option<i32>, Value, String) {
    let place = store.path().to_str().expect("UTF-8");
    let words = ["test", "--simulate", "identifier", "-w", "unique-ids", "--causal-ids", "--quiet"];
    let faults = ["--nemesis", "partition,loss,duplicate,clock", "--nemesis-interval", "1"];
    let more = ["--node-count", "3", "--rate", "100", "--time-limit", "5", "--seed", "2"];
    let all = [&words[..], &faults, &more, &["--store", place, "--"], node].concat();
    let (status, said, complaints) = run(&all);
    (status, results(store)["messages"].clone(), said + &complaints)
}

#[test]
fn ids_of_hybrid_clocks_rise_along_the_messages_and_ids_that_no_message_orders_are_unknown() {
    let store = TemporaryDirectory::new("causal-ids");
    let (status, causality, said) = self::causality(&store, &["hlc"]);
    assert_eq!((status, &causality["valid?"]), (Some(0), &Value::Bool(true)), "{said}");
    let count = |name: &str| causality[name].as_u64().expect("a number");
    assert!(count("pairs-across-nodes") > 1000 && count("issued-count") > 300, "{causality}");
    assert_eq!(count("violation-count"), 0);
    // These nodes say nothing to each other.
    let (status, causality, said) = self::causality(&store, &["--scheme", "counter"]);
    assert_eq!((status, &causality["valid?"]), (Some(2), &"unknown".into()), "{said}");
    assert!(said.contains("no message led from an id of one node to an id of another"), "{said}");
}

#[test]
fn a_bound_on_operations_is_none_on_those_that_show_that_every_node_settles() {
    let store = TemporaryDirectory::new("settle-bound");
    let place = store.path().to_str().expect("UTF-8");
    let words = ["test", "--simulate", "identifier", "-w", "echo", "--node-count", "3", "--quiet"];
    let more = ["--max-operations", "2", "--settle", "3", "--seed", "1", "--store", place];
    let (status, said, complaints) = run(&[&words[..], &more, &["--", "echo"]].concat());
    assert_eq!(status, Some(0), "{said}{complaints}");
    let results = results(&store);
    assert_eq!(results["unsettled"], Value::Array(Vec::new()));
    // Two in the main phase, and the others while it settles.
    assert!(results["stats"]["count"].as_u64() > Some(2 + 3), "{}", results["stats"]);
}

#[test]
fn nodes_that_chance_does_not_ask_while_a_run_settles_are_asked() {
    let store = TemporaryDirectory::new("settle-rare");
    let place = store.path().to_str().expect("UTF-8");
    let words = ["test", "--simulate", "consensus", "-w", "lin-kv", "--quiet", "--store", place];
    // Some workers only, and hardly any operation or none; one that fails is followed by another.
    for (rate, concurrency, seed) in [("0.5", "5", "1"), ("0", "5", "2"), ("0.5", "3", "3")] {
        let more = ["--settle", "5", "--rate", rate, "--concurrency", concurrency, "--seed", seed];
        let (_, said, complaints) = run(&[&words[..], &more].concat());
        let results = results(&store);
        assert_eq!(results["unsettled"], Value::Array(Vec::new()), "{said}{complaints}");
    }
}

#[test]
fn a_run_in_which_nothing_is_left_to_chance_is_the_same_with_every_seed() {
    let run_with = |words: &str, chance: &str, seed: &str| {
        let store = TemporaryDirectory::new("no-chance");
        let place = store.path().to_str().expect("UTF-8");
        let (flags, nodes) = words.split_once("--simulate").expect("nodes of ours");
        let words = format!(
            "test {flags} --time-limit 6 --seed {seed} {chance} --store {place} --simulate {nodes}"
        );
        let (_, told, _) = run(&words.split_whitespace().collect::<Vec<_>>());
        ["history.jsonl", "messages.jsonl"].map(|file| {
            let text = std::fs::read_to_string(store.path().join("latest").join(file));
            text.unwrap_or_else(|error| panic!("{error}: {told}"))
        })
    };
    // Whatever clients draw comes to an end.
    for nodes in [
        "echo --simulate identifier -- echo",
        "unique-ids --simulate identifier",
        "broadcast --simulate gossiper",
        "g-set --simulate gossiper -- g-set",
        "g-counter --simulate gossiper -- g-counter",
        "pn-counter --simulate gossiper -- pn-counter",
        "kafka --simulate consensus -- kafka",
        "txn-list-append --simulate consensus -- txn-list-append",
        "txn-rw-register --simulate consensus -- txn-rw-register",
        "lock --simulate consensus -- lock",
    ] {
        let words = format!(
            "--node-count 7 --nemesis partition,clock,stall --nemesis-interval 1 -w {nodes}"
        );
        let [history, _] = run_with(&words, "--chance none", "1");
        assert!(history.lines().count() > 20, "{words}: {history}");
        assert!(!history.contains("crash"), "clients of a log go on: {history}");
        let clocks = history.lines().filter(|line| line.contains("clock")).collect::<String>();
        assert!(!clocks.contains("\"n1\":-"), "{clocks}");
    }
    for words in [
        "-w lin-kv --nemesis partition,kill,loss,membership --latency 20 --latency-dist exponential \
         --simulate consensus",
        "-w lin-kv --node-count 4 --nemesis byzantine,pause --latency 10 --simulate consensus -- pbft",
        "-w kafka --latency 10 --latency-dist priorities --simulate gossiper -- kafka-services",
    ] {
        let words = format!("--nemesis-interval 2 {words}");
        let [one, other] = ["1", "2"].map(|seed| run_with(&words, "--chance none", seed));
        assert!(one == other, "{words}");
        assert!(one[0].lines().count() > 20, "{}", one[0]);
        let by_chance = ["1", "2"].map(|seed| run_with(&words, "", seed));
        assert!(
            by_chance[0][0] != by_chance[1][0] && by_chance[0][1] != by_chance[1][1],
            "{words}"
        );
        assert!(by_chance[0][0] != one[0]);
    }
}
