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

/// The node says so once, with what to do, answers everything with it, and writes nothing over.
fn refuses(records: Records, nodes: &[&str], what: &str) {
    let mut script =
        Script::with_records(ConsensusNode::new(Settings::default()), 2, Some(records.clone()));
    script.init("n1", nodes);
    let [log] = script.logs() else { panic!("{what}: {:?}", script.logs()) };
    assert!(log.contains(what) && log.contains("remove it to start empty"), "{what}: {log}");
    let answer = ask(&mut script, json!({"type": "read", "key": "x", "msg_id": 1}));
    assert!(answer["code"] == 14 && answer["text"].as_str().unwrap().contains(what), "{answer}");
    let vote = json!({"type": "request_vote", "term": 40, "candidate_id": "n2", "msg_id": 1,
        "last_log_index": 9, "last_log_term": 9, "incarnation": 9});
    let line = json!({"src": "n2", "dest": "n1", "body": vote}).to_string();
    assert!(script.line(&line)[0].contains(r#""type":"error""#), "it votes for nobody");
    assert_eq!(script.advance(Duration::from_secs(5)), [""; 0], "it does not campaign");
    assert_eq!(*script.records(), records, "nothing is written over");
}

#[test]
fn records_that_are_not_as_the_node_wrote_them_are_refused_with_what_to_do() {
    let mut script = start(Records::new(), 1);
    for value in 0..15 {
        ask(&mut script, json!({"type": "write", "key": "x", "value": value, "msg_id": 2}));
    }
    let good = script.records().clone();
    // One of each kind at least, and of entries those after the snapshot.
    let names: Vec<_> = good.keys().map(|key| key.escape_ascii().to_string()).collect();
    assert!(
        ["ballot", "incarnation", "snapshot"].iter().all(|name| names.contains(&(*name).into()))
    );
    let entries: Vec<_> = good.keys().filter(|key| key.starts_with(b"entry/")).cloned().collect();
    assert!(entries.len() > 3, "{names:?}");
    for (key, name) in good.keys().zip(&names) {
        let mut damaged = good.clone();
        damaged.insert(key.clone(), b"{\"term\": not".to_vec());
        refuses(damaged, &["n1"], name);
    }
    let without = |key: &[u8]| {
        let mut records = good.clone();
        records.remove(key);
        records
    };
    refuses(without(b"incarnation"), &["n1"], "`incarnation` is missing");
    refuses(without(b"ballot"), &["n1"], "`ballot` is older than the log");
    refuses(without(b"snapshot"), &["n1"], "entry 1 of the log is missing");
    refuses(without(&entries[1]), &["n1"], "of the log is missing");
    let with = |key: &[u8], value: &[u8]| {
        let mut records = good.clone();
        records.insert(key.to_vec(), value.to_vec());
        records
    };
    refuses(with(&entries[1], &good[&entries[2]]), &["n1"], "of the log is missing");
    refuses(with(&entries[2], &good[&entries[1]]), &["n1"], "of the log is missing");
    refuses(with(b"value/1", b"1"), &["n1"], "`value/1` is of another kind of node");
    let rank = with(b"ballot", br#"{"term":9,"voted_for":3}"#);
    refuses(rank, &["n1", "n2", "n3"], "of a larger cluster");
}

#[test]
fn records_of_another_cluster_are_refused() {
    let mut voted = start(Records::new(), 1).records().clone();
    voted.insert(b"ballot".to_vec(), br#"{"term":9,"voted_for":"n5"}"#.to_vec());
    refuses(voted, &["n1", "n2", "n3"], "of a cluster of other nodes, n5 among them");
}

#[test]
fn a_snapshot_takes_the_place_of_what_it_covers_and_of_nothing_else() {
    let settings = Settings { compact_after: 10, ..Settings::default() };
    let mut node = ConsensusNode::new(settings.clone());
    let mut records = Records::new();
    // A follower of n2 that has entry 12, while 11 are committed and compacted.
    for (prev, count, commit, agrees) in [(0, 12, 11, true), (12, 0, 12, true), (13, 0, 12, false)]
    {
        let mut script = Script::with_records(node, 1, Some(records));
        script.init("n1", &["n1", "n2", "n3"]);
        let entries: Vec<_> =
            (1..=count).map(|index| json!({"term": 1, "index": index, "command": null})).collect();
        let append = json!({"type": "append_entries", "term": 1, "leader_id": "n2", "msg_id": 1,
            "prev_log_index": prev, "prev_log_term": i32::from(prev > 0), "entries": entries,
            "leader_commit": commit, "round": 1, "incarnation": 2});
        let lines = script.line(&json!({"src": "n2", "dest": "n1", "body": append}).to_string());
        let answer: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(answer["body"]["success"], agrees, "after {prev}: {answer}");
        records = script.records().clone();
        assert!(records.contains_key(b"snapshot".as_slice()));
        assert_eq!(records.keys().filter(|key| key.starts_with(b"entry/")).count(), 1);
        node = ConsensusNode::new(settings.clone());
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
