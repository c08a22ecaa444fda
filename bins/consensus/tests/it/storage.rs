//! What a node with a state directory knows after a restart.

use std::time::Duration;

use consensus::{ConsensusNode, Settings};
use proto::{Effect, Engine, Node, Now, Records, Script, Time};
use serde_json::{Value, json};

type Body = <ConsensusNode as Node>::Body;

fn start(records: Records, seed: u64) -> Script<ConsensusNode> {
    let settings = Settings { compact_after: 10, ..Settings::default() };
    let mut script = Script::with_records(ConsensusNode::new(settings), seed, Some(records));
    script.init("n1", &["n1"]);
    script
}

fn ask(script: &mut Script<ConsensusNode>, body: Value) -> Value {
    let lines = script.line(&json!({"src": "c1", "dest": "n1", "body": body}).to_string());
    serde_json::from_str::<Value>(&lines[0]).expect("JSON")["body"].clone()
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    let mut records = Records::new();
    for life in 0..5 {
        let mut script = start(records, life);
        for step in 0..13 {
            let written = life * 13 + step;
            if written > 0 {
                let read = ask(&mut script, json!({"type": "read", "key": "x", "msg_id": 1}));
                assert_eq!(read["value"], written - 1);
            }
            let write = json!({"type": "write", "key": "x", "value": written, "msg_id": 2});
            assert_eq!(ask(&mut script, write)["type"], "write_ok");
        }
        records = script.records().clone();
        // Compacted: the snapshot, and what came after it.
        assert!(records.len() < 20, "{} records", records.len());
    }
}

#[test]
fn records_that_cannot_be_read_are_not_used_in_part() {
    let mut script = start(Records::new(), 1);
    ask(&mut script, json!({"type": "write", "key": "x", "value": 1, "msg_id": 2}));
    let good = script.records().clone();
    let incarnation = good.get(b"incarnation".as_slice()).cloned();
    for key in good.keys() {
        let mut damaged = good.clone();
        damaged.insert(key.clone(), b"{\"term\": not".to_vec());
        let mut script = start(damaged, 2);
        assert_eq!(script.logs().len(), 1, "{:?}", script.logs());
        // It is another node from now on: whoever knew the old one does not count its votes.
        assert_ne!(script.records().get(b"incarnation".as_slice()), incarnation.as_ref());
        assert_eq!(ask(&mut script, json!({"type": "read", "key": "x", "msg_id": 1}))["code"], 20);
    }
}

#[test]
fn a_vote_is_stored_before_it_is_sent_and_not_given_twice() {
    let settings = Settings::default();
    let vote = |candidate: &str| {
        json!({"src": candidate, "dest": "n1", "body": {"type": "request_vote", "term": 4,
            "candidate_id": candidate, "last_log_index": 0, "last_log_term": 0, "msg_id": 1,
            "incarnation": 9}})
        .to_string()
    };
    let granted = |lines: Vec<String>| {
        serde_json::from_str::<Value>(&lines[0]).unwrap()["body"]["vote_granted"].clone()
    };
    let mut records = Records::new();
    for (life, (candidate, expected)) in
        (0..).zip([("n2", true), ("n3", false), ("n2", true), ("n3", false)])
    {
        let node = ConsensusNode::new(settings.clone());
        let mut script = Script::with_records(node, life, Some(records));
        script.init("n1", &["n1", "n2", "n3"]);
        assert_eq!(granted(script.line(&vote(candidate))), expected);
        script.advance(Duration::from_millis(10));
        records = script.records().clone();
    }
}

/// A node with a state directory, and what it asked for after each line, in order.
struct Journal {
    engine: Engine<ConsensusNode>,
    now: Now,
}

impl Journal {
    fn start() -> Self {
        let engine = Engine::new(ConsensusNode::new(Settings::default()), 1, true);
        let mut journal = Self { engine, now: Now::default() };
        journal.hear(
            "c0",
            json!({"type": "init", "msg_id": 1, "node_id": "n1",
            "node_ids": ["n1", "n2", "n3"]}),
        );
        journal
    }

    fn hear(&mut self, src: &str, body: Value) -> Vec<Effect<Body>> {
        let line = json!({"src": src, "dest": "n1", "body": body}).to_string();
        let mut effects = Vec::new();
        let message = proto::decode(&line).unwrap();
        self.engine.receive(self.now, message, |_| Records::new(), &mut effects);
        effects
    }

    /// What it asks for once its next timer is due.
    fn wake(&mut self) -> Vec<Effect<Body>> {
        let mut effects = Vec::new();
        self.now.monotonic = self.engine.next_due().unwrap_or(Time::ZERO);
        self.engine.fire(self.now, &mut effects);
        effects
    }
}

/// Whether something is stored, and everything before anything is sent.
fn is_stored_first(effects: &[Effect<Body>]) -> bool {
    let is_write = |effect: &Effect<_>| matches!(effect, Effect::Persist(_));
    let is_send = |effect: &Effect<_>| matches!(effect, Effect::Send(_));
    let first_send = effects.iter().position(is_send).expect("nothing is sent");
    effects.iter().rposition(is_write).is_some_and(|last_write| last_write < first_send)
}

#[test]
fn messages_leave_after_the_records_that_they_speak_of() {
    let mut node = Journal::start();
    let append = json!({"type": "append_entries", "term": 1, "leader_id": "n2", "msg_id": 1,
        "prev_log_index": 0, "prev_log_term": 0, "leader_commit": 0, "round": 1, "incarnation": 2,
        "entries": [{"term": 1, "index": 1, "command": null}]});
    let said = node.hear("n2", append);
    assert!(is_stored_first(&said), "an acknowledgement: {said:?}");
    let said = node.hear(
        "n3",
        json!({"type": "install_snapshot", "term": 2, "leader_id": "n3",
        "snapshot_index": 4, "snapshot_term": 1, "state": {"values": [], "sessions": {}},
        "round": 1, "incarnation": 3, "msg_id": 1}),
    );
    assert!(is_stored_first(&said), "a snapshot's acknowledgement: {said:?}");

    let mut node = Journal::start();
    let said = node.hear(
        "n2",
        json!({"type": "request_vote", "term": 1, "candidate_id": "n2",
        "last_log_index": 0, "last_log_term": 0, "incarnation": 2, "msg_id": 1}),
    );
    assert!(is_stored_first(&said), "a vote: {said:?}");

    let mut node = Journal::start();
    node.wake();
    let vote = |pre_vote: bool| {
        json!({"type": "request_vote_ok", "term": 1, "vote_granted": true, "pre_vote": pre_vote,
            "incarnation": 2, "in_reply_to": 1})
    };
    let said = node.hear("n2", vote(true));
    assert!(is_stored_first(&said), "the vote for itself: {said:?}");
    let said = node.hear("n2", vote(false));
    assert!(is_stored_first(&said), "a leader's first entry: {said:?}");
    node.hear("c1", json!({"type": "write", "key": 1, "value": 2, "msg_id": 1}));
    let said = node.wake();
    assert!(is_stored_first(&said), "a proposal: {said:?}");
}
