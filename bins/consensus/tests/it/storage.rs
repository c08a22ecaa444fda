//! What a node with a state directory knows after a restart.

use std::time::Duration;

use consensus::{ConsensusNode, Settings};
use proto::{Records, Script};
use serde_json::{Value, json};

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
