//! A workload and a node that only this test knows go all the way: generator, nodes in virtual time,
//! checker, results, a drawing in the report. Nothing of the bench has to name them.

use bench::sweep::Trial;
use checkers::history::Op;
use checkers::{Event, Kind as EventKind, Operation, Verdict, operations};
use eddy::exhibit::{Drawing, Exhibit, Group, Series, Style};
use eddy::wire::{Fields, Request};
use eddy::workload::{Checked, Expected, Headline, Kind, Step, Stored, Worker, Workload, registry};
use proto::{Arguments, Caller, Context, Json, Manual, Node, Program, Records, UsageError};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use simulator::Random;

use crate::support::TemporaryDirectory;

/// Each node keeps the best score of a game: `score {points}` is answered by `score_ok {best}`, which
/// never falls, not even when the node is killed.
static HIGH_SCORE: Kind = Kind {
    name: "high-score",
    summary: "nodes tell the best score so far",
    workers_per_node: 1,
    flags: &[],
    figures: &[("workload.best", "the best score of all")],
    headline: Headline::Operations,
    stricter: "Maelstrom does not play",
    begin: |_| Box::new(HighScore),
};

struct HighScore;

#[derive(Clone, PartialEq, Debug)]
struct Score {
    points: u64,
    best: Option<u64>,
}

impl Op for Score {
    fn f(&self) -> &str {
        "score"
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        self.points == completion.points
    }

    fn write<M: SerializeMap>(&self, _: EventKind, line: &mut M) -> Result<(), M::Error> {
        line.serialize_entry("value", &(self.points, self.best))
    }
}

impl Workload for HighScore {
    type Op = Score;

    fn operation(&mut self, _: Worker, random: &mut Random) -> Score {
        // Nobody plays for nothing. What is drawn again comes to an end without chance too.
        loop {
            let points = random.below(1000);
            if points > 0 {
                return Score { points, best: None };
            }
        }
    }

    fn request(&self, op: &Score) -> Request {
        Request::new("score").with("points", Json::from(op.points as i64))
    }

    fn accept(&self, op: &mut Score, reply: &mut Fields<'_>) -> Result<(), String> {
        let best = reply.json("best")?.as_i64().and_then(|best| u64::try_from(best).ok());
        op.best = Some(best.ok_or("`best` is no score")?);
        Ok(())
    }

    fn restore(&self, stored: &Stored, _: Option<&Score>) -> Result<Score, String> {
        let (points, best) =
            serde_json::from_str(&stored.text).map_err(|error| error.to_string())?;
        Ok(Score { points, best })
    }

    /// What a worker is told is no less than what it did before.
    fn check(&self, history: &[Event<Score>], _: &mut dyn FnMut() -> bool) -> Checked {
        let mut own = std::collections::BTreeMap::new();
        let mut wrong = None;
        let operations = match operations(history) {
            Ok(operations) => operations,
            Err(error) => return Checked::malformed(&error),
        };
        for operation in operations.iter().filter(|it| it.outcome() == EventKind::Ok) {
            let Score { points, best } = *operation.op();
            let own = own.entry(operation.invocation.process).or_insert(0);
            *own = points.max(*own);
            if best < Some(*own) {
                wrong.get_or_insert((operation.invocation.process, *own));
            }
        }
        let best = own.values().max();
        let results = json!({ "best": best });
        let mut checked = Checked::new(Verdict::from_rule(wrong.is_none()), &results, || {
            let (who, own) = wrong.unwrap_or((checkers::Process::Nemesis, 0));
            format!("{who} was told less than its own score of {own}")
        });
        let told = |operation: &Operation<'_, Score>| {
            Some((operation.completion?.time, operation.op().best? as f64))
        };
        let points = operations.iter().filter_map(told).collect();
        let group = Group { name: "scores told".to_owned(), style: Style::Marks, points };
        checked.exhibits.push(Exhibit {
            name: "scores".to_owned(),
            title: "The best score over time".to_owned(),
            caption: "What the players were told.".to_owned(),
            is_evidence: wrong.is_some(),
            drawing: Drawing::Series(Series {
                axis: "points".to_owned(),
                places: Vec::new(),
                groups: vec![group],
            }),
        });
        checked
    }

    fn examination(&self) -> Vec<Step<Score>> {
        vec![Step::new(Score { points: 3, best: None }, Expected::Reply)]
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Score { points: u64 },
    ScoreOk { best: u64 },
}

/// A node that remembers the best score, when it is killed too if it is `faithful`.
struct Arcade {
    faithful: bool,
    best: u64,
}

impl Node for Arcade {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, _: &mut Context<'_, Self>) {
        if let Some(best) = restored.get(&b"best"[..]).filter(|_| self.faithful) {
            self.best = u64::from_be_bytes(best[..].try_into().expect("eight bytes"));
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let Body::Score { points } = body else { return };
        if points > self.best {
            self.best = points;
            ctx.put("best", self.best.to_be_bytes());
        }
        ctx.reply(&from, Body::ScoreOk { best: self.best });
    }
}

fn program() -> Program {
    let manual = |name| Manual { name, summary: "keeps a score", usage: "", help: "" };
    let arcade = |faithful| {
        move |arguments: &mut Arguments| -> Result<Arcade, UsageError> {
            match arguments.next_flag()? {
                Some(flag) => Err(arguments.unknown(&flag)),
                None => Ok(Arcade { faithful, best: 0 }),
            }
        }
    };
    Program::new("arcade", "1.0.0")
        .node(manual("faithful"), arcade(true))
        .node(manual("forgetful"), arcade(false))
}

fn trial(node: &'static str) -> Trial {
    registry::register(&HIGH_SCORE);
    Trial::of(program)
        .workload("high-score")
        .nemesis("kill")
        .flag("nemesis-interval", 2)
        .flag("time-limit", 20)
        .seeds(0..10)
        .args([node, "--state-dir", "{run}"])
}

#[test]
fn nodes_that_are_right_pass() {
    trial("faithful").assert_valid();
    trial("faithful").seeds(0..2).flag("chance", "none").assert_valid();
}

#[test]
fn a_failure_has_its_cause_the_smallest_run_and_a_report() {
    let store = TemporaryDirectory::new("own-workload");
    let told = trial("forgetful").store(store.path()).drawn_by(eddy::draw).run().unwrap_err();
    assert!(told.contains(" is invalid (workload): process "), "{told}");
    assert!(told.contains(" was told less than its own score of "), "{told}");
    assert!(told.contains("eddy test --store "), "{told}");
    assert!(told.contains("--simulate arcade"), "{told}");
    let smaller = told.lines().find(|line| line.trim_start().starts_with("smaller (after"));
    assert!(smaller.is_some_and(|line| line.contains("--seed ")), "{told}");
    let kept: Vec<_> =
        told.lines().filter_map(|line| line.trim_start().strip_prefix("kept in: ")).collect();
    assert_eq!(kept.len(), 2, "{told}");
    assert!(told.ends_with("\nreport.html in each directory is its report\n"), "{told}");
    for run in kept.iter().map(std::path::Path::new) {
        let report = std::fs::read_to_string(run.join("report.html")).unwrap();
        assert!(report.contains("was told less than its own score"));
        assert!(report.contains("The best score over time.") && report.contains("scores told"));
        assert!(run.join("scores.svg").is_file());
        let results = std::fs::read_to_string(run.join("results.json")).unwrap();
        let results: serde_json::Value = serde_json::from_str(&results).unwrap();
        assert!(results["workload"]["best"].is_u64(), "{results}");
    }
}
