//! Task 7-4-5 with votes that come early, late or from more validators.

use proto::Script;
use serde_json::{Value, json};

use super::TendermintNode;
use crate::bft_store::settings::Settings;

struct Asked(Script<TendermintNode>);

impl Asked {
    fn new(nodes: &[&str]) -> Self {
        let mut script = Script::new(TendermintNode::new(Settings::default()));
        script.init(nodes[0], nodes);
        Self(script)
    }

    /// The answer to a request.
    fn ask(&mut self, mut body: Value) -> Value {
        body["msg_id"] = json!(1);
        let said = self.0.line(&json!({"src": "c1", "dest": "any", "body": body}).to_string());
        let said = said.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        said.map(|line| line["body"].clone()).find(|body| body["in_reply_to"] == 1).unwrap()
    }

    fn propose(&mut self, round: u64, proposer: &str, height: u64) -> Value {
        let block = json!({"height": height, "txs": ["tx"]});
        self.ask(json!({"type": "tendermint_propose", "round": round, "proposer": proposer,
            "block": block}))
    }

    /// Prevotes for the same, all prevotes, and how many it takes.
    fn prevote(&mut self, round: u64, validator: &str, hash: Value) -> [u64; 3] {
        let answer = self.ask(json!({"type": "tendermint_prevote", "round": round,
            "validator": validator, "block_hash": hash}));
        ["prevotes_for_block", "total_prevotes", "threshold"]
            .map(|field| answer[field].as_u64().unwrap_or_else(|| panic!("{answer}")))
    }

    fn status(&mut self, round: u64) -> (String, bool, u64, u64) {
        let answer = self.ask(json!({"type": "tendermint_status", "round": round}));
        let number = |field: &str| answer[field].as_u64().unwrap();
        (
            answer["phase"].as_str().unwrap().to_owned(),
            answer["block_committed"] == true,
            number("prevote_count"),
            number("precommit_count"),
        )
    }
}

#[test]
fn the_fourth_vote_of_a_decided_round_is_counted_and_harmless() {
    let mut node = Asked::new(&["n1"]);
    node.propose(1, "v1", 1);
    for (before, validator) in (0..).zip(["v1", "v2", "v3", "v4"]) {
        let votes = node.prevote(1, validator, json!("abc"));
        assert_eq!(votes, [before + 1, before + 1, 3]);
    }
    assert_eq!(node.status(1), ("commit".to_owned(), true, 4, 4));
    // Said again it changes nothing, and it cannot be taken back.
    assert_eq!(node.prevote(1, "v4", json!("abc")), [4, 4, 3]);
    let other = json!({"type": "tendermint_prevote", "round": 1, "validator": "v4",
        "block_hash": null});
    assert_eq!(node.ask(other)["code"], 12);
    // The next height begins with none of these votes, in the same round as well.
    assert_eq!(node.propose(1, "v2", 2)["type"], "tendermint_propose_ok");
    assert_eq!(node.status(1), ("propose".to_owned(), false, 0, 0));
}

#[test]
fn a_late_vote_for_something_else_changes_no_decision_and_no_later_round() {
    let mut node = Asked::new(&["n1"]);
    node.propose(0, "n1", 1);
    assert_eq!(node.prevote(0, "n1", json!("a")), [1, 1, 3]);
    node.propose(1, "n2", 1);
    for (before, validator) in (1..).zip(["n2", "n3", "n4"]) {
        assert_eq!(node.prevote(0, validator, json!("a")), [before + 1, before + 1, 3]);
    }
    // Round 0 was over without a decision.
    assert_eq!(node.status(0), ("precommit".to_owned(), false, 4, 0));
    assert_eq!(node.status(1), ("propose".to_owned(), false, 0, 0));
    for validator in ["n1", "n2", "n3"] {
        node.prevote(1, validator, json!("b"));
    }
    assert_eq!(node.prevote(1, "n4", Value::Null), [3, 4, 3]);
    assert_eq!(node.status(1), ("commit".to_owned(), true, 4, 4));
}

#[test]
fn a_vote_for_nil_is_for_no_block() {
    let mut node = Asked::new(&["n1"]);
    node.propose(0, "n1", 1);
    assert_eq!(node.prevote(0, "n1", json!("")), [0, 1, 3]);
    assert_eq!(node.prevote(0, "n2", json!("abc")), [1, 2, 3]);
    assert_eq!(node.prevote(0, "n3", json!("nil")), [1, 3, 3]);
    assert_eq!(node.status(0), ("precommit".to_owned(), false, 3, 0));
}

#[test]
fn votes_may_come_before_the_proposal() {
    let mut node = Asked::new(&["n1"]);
    assert_eq!(node.status(0), ("propose".to_owned(), false, 0, 0));
    assert_eq!(node.prevote(0, "n1", Value::Null), [0, 1, 3]);
    assert_eq!(node.prevote(0, "n1", Value::Null), [0, 1, 3]);
    assert_eq!(node.prevote(0, "n2", json!("abc")), [1, 2, 3]);
    assert_eq!(node.status(0), ("prevote".to_owned(), false, 2, 0));
    // They are part of the round that the proposal begins; of a later one, they go on waiting.
    assert_eq!(node.prevote(5, "n2", json!("abc")), [1, 1, 3]);
    node.propose(0, "n2", 1);
    assert_eq!(node.status(0), ("prevote".to_owned(), false, 2, 0));
    assert_eq!(node.prevote(0, "n3", json!("abc")), [2, 3, 3]);
    assert_eq!(node.prevote(0, "n4", json!("abc")), [3, 4, 3]);
    assert_eq!(node.status(0), ("commit".to_owned(), true, 4, 4));
    assert_eq!(node.status(5), ("prevote".to_owned(), false, 1, 0));
}

#[test]
fn a_vote_before_its_round_against_a_lock_is_counted_only() {
    let mut node = Asked::new(&["n1"]);
    node.propose(0, "n1", 1);
    for validator in ["n1", "n2"] {
        node.prevote(0, validator, json!("a"));
    }
    assert_eq!(node.prevote(2, "n1", json!("b")), [1, 1, 3]);
    assert_eq!(node.prevote(1, "n1", json!("b")), [1, 1, 3]);
    node.propose(2, "n3", 1);
    assert_eq!(node.status(1), ("prevote".to_owned(), false, 1, 0));
    assert_eq!(node.status(2), ("prevote".to_owned(), false, 1, 0));
}

#[test]
fn more_nodes_are_more_validators() {
    let mut node = Asked::new(&["n1", "n2", "n3", "n4", "n5", "n6", "n7"]);
    node.propose(0, "n1", 1);
    for (before, validator) in (0..).zip(["n1", "n2", "v3", "n4"]) {
        assert_eq!(node.prevote(0, validator, json!("abc")), [before + 1, before + 1, 5]);
    }
    assert_eq!(node.status(0), ("prevote".to_owned(), false, 4, 0));
    assert_eq!(node.prevote(0, "n7", json!("abc")), [5, 5, 5]);
    assert_eq!(node.status(0), ("commit".to_owned(), true, 5, 5));
}

#[test]
fn nodes_are_validators_by_their_own_names() {
    let mut node = Asked::new(&["n3", "n0", "n1", "n2"]);
    assert_eq!(node.propose(0, "n0", 1)["type"], "tendermint_propose_ok");
    for (before, validator) in (0..).zip(["n0", "n1", "v3", "n3"]) {
        assert_eq!(node.prevote(0, validator, json!("abc")), [before + 1, before + 1, 3]);
    }
    let unknown = node.propose(1, "n4", 2);
    assert_eq!(unknown["text"], "field `proposer`: has to be n0 to n3 or v1 to v4");

    let mut node = Asked::new(&["ann", "bob", "cyd", "dan", "eve"]);
    node.propose(0, "bob", 1);
    assert_eq!(node.prevote(0, "eve", json!("abc")), [1, 1, 4]);
    // The numbers of the task's examples are the same ones.
    for validator in ["n5", "v5"] {
        assert_eq!(node.prevote(0, validator, json!("abc")), [1, 1, 4]);
    }
    let unknown = node.propose(1, "fay", 2);
    let text = "field `proposer`: has to be a node of `init`, n1 to n5 or v1 to v5";
    assert_eq!(unknown["text"], text);
    assert_eq!(node.propose(1, "cyd", 1)["type"], "tendermint_propose_ok");
    assert_eq!(node.propose(2, "ann", 1)["code"], 12, "it is dan's turn");
    assert_eq!(node.propose(2, "dan", 1)["type"], "tendermint_propose_ok");

    // Turns are in the order of the numbers, not of the texts.
    let names: Vec<_> = (1..=12).map(|number| format!("n{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut node = Asked::new(&names);
    node.propose(0, "n1", 1);
    assert_eq!(node.propose(1, "n2", 1)["type"], "tendermint_propose_ok");
}

#[test]
fn nil_has_several_names_and_is_never_committed() {
    let mut node = Asked::new(&["n1"]);
    node.propose(0, "n1", 1);
    for (before, nil) in (0..).zip([json!("nil"), Value::Null, json!("")]) {
        let votes = node.prevote(0, &format!("n{}", before + 1), nil);
        assert_eq!(votes, [0, before + 1, 3]);
    }
    let (phase, is_committed, prevotes, _) = node.status(0);
    assert_eq!((&*phase, is_committed, prevotes), ("precommit", false, 3));
}

#[test]
fn what_was_committed_stays_so_when_the_next_height_has_begun() {
    let mut node = Asked::new(&["n1"]);
    node.propose(0, "n1", 1);
    node.prevote(0, "n1", json!("a"));
    node.propose(1, "n2", 1);
    for validator in ["n1", "n2", "n3"] {
        node.prevote(1, validator, json!("b"));
    }
    let rounds = [("prevote".to_owned(), false, 1, 0), ("commit".to_owned(), true, 3, 3)];
    assert_eq!([0, 1].map(|round| node.status(round)), rounds);
    assert_eq!(node.propose(2, "n3", 2)["type"], "tendermint_propose_ok");
    assert_eq!([0, 1].map(|round| node.status(round)), rounds);
    assert_eq!(node.status(2), ("propose".to_owned(), false, 0, 0));
    // A late vote is counted and changes nothing; another one is refused as ever.
    assert_eq!(node.prevote(1, "n4", json!("b")), [4, 4, 3]);
    assert_eq!(node.prevote(1, "n4", json!("b")), [4, 4, 3]);
    let other = json!({"type": "tendermint_prevote", "round": 1, "validator": "n4",
        "block_hash": "c"});
    assert_eq!(node.ask(other)["code"], 12);
    assert_eq!(node.status(1), ("commit".to_owned(), true, 4, 3));
    // The height goes on, whether this node saw the one before decided or not.
    assert_eq!(node.prevote(2, "n1", json!("c")), [1, 1, 3]);
    assert_eq!(node.propose(3, "n4", 3)["type"], "tendermint_propose_ok");
    assert_eq!(node.status(2), ("prevote".to_owned(), false, 1, 0));
    assert_eq!(node.propose(4, "n1", 2)["text"], "field `block`: height 3 has begun");
}
