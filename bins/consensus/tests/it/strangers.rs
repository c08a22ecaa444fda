//! Only members speak to a node as nodes, each for itself.

use std::time::Duration;

use consensus::agreement::Agreement as _;
use serde_json::{Value, json};

use crate::lonely::{Lonely, forward, heartbeat, is_silent, to, write};

fn request_vote(candidate: &str) -> Value {
    json!({"type": "request_vote", "term": 3, "candidate_id": candidate, "last_log_index": 5,
        "last_log_term": 2, "msg_id": 2})
}

fn append_entries(leader: &str) -> Value {
    json!({"type": "append_entries", "term": 3, "leader_id": leader, "prev_log_index": 0,
        "prev_log_term": 0, "entries": [], "leader_commit": 0, "msg_id": 2})
}

fn install_snapshot(leader: &str) -> Value {
    json!({"type": "install_snapshot", "term": 3, "leader_id": leader, "snapshot_index": 9,
        "snapshot_term": 2, "state": {"values": [[1, 2]], "sessions": {}}, "round": 1,
        "incarnation": 3, "msg_id": 2})
}

#[test]
fn requests_between_nodes_are_refused_to_all_others() {
    for (sender, says) in [("c1", "no member"), ("n9", "no member"), ("n3", "not whom")] {
        for body in [request_vote("n2"), append_entries("n2"), install_snapshot("n2")] {
            let mut node = Lonely::new();
            let refusal = to(sender, &node.say(sender, body.clone()));
            assert_eq!(
                (&refusal["type"], &refusal["code"]),
                (&json!("error"), &json!(12)),
                "{body}"
            );
            assert!(refusal["text"].as_str().is_some_and(|text| text.contains(says)), "{refusal}");
            let replica = node.script.node().replica().unwrap();
            assert_eq!((replica.raft().term().0, replica.leadership().0), (0, None));
        }
    }
}

#[test]
fn replies_and_orders_of_others_change_nothing() {
    for (sender, claims) in [("c1", "n2"), ("n9", "n9"), ("n3", "n2")] {
        let mut node = Lonely::new();
        let order =
            json!({"type": "timeout_now", "term": 0, "leader_id": claims, "incarnation": 2});
        assert_eq!(node.say(sender, order), Vec::<Value>::new());
    }
    let mut node = Lonely::new();
    let asked = node.advance(Duration::from_millis(300));
    for sender in ["c1", "n9"] {
        let vote = json!({"type": "request_vote_ok", "term": 9, "vote_granted": false,
            "pre_vote": true, "incarnation": 2, "in_reply_to": to("n2", &asked)["msg_id"]});
        assert_eq!(node.say(sender, vote), Vec::<Value>::new());
        let stale = json!({"type": "append_entries_ok", "success": false, "match_index": 0,
            "term": 9, "round": 1, "incarnation": 2, "in_reply_to": 1});
        assert_eq!(node.say(sender, stale), Vec::<Value>::new());
    }
    assert_eq!(node.script.node().replica().unwrap().raft().term().0, 0);
}

#[test]
fn a_forward_is_taken_from_its_origin_only() {
    let mut node = Lonely::leader();
    for sender in ["c1", "n9", "n2"] {
        // It says that it is n3's.
        assert_eq!(to(sender, &node.say(sender, forward(10, 1, 0)))["code"], 12);
    }
    assert!(is_silent("n2", &node.advance(Duration::from_millis(3))));
}

#[test]
fn what_a_client_says_in_the_name_of_nodes_does_not_disable_them() {
    let mut node = Lonely::new();
    for candidate in ["n2", "n3"] {
        node.say("c9", request_vote(candidate));
        // Nor does a member that knows nothing of incarnations take its own place by that.
        node.say(
            candidate,
            json!({"type": "append_entries_ok", "success": true, "match_index": 0,
            "in_reply_to": 1}),
        );
    }
    // n3 is still the node that it is: it leads, and is served.
    let said = node.say("n3", heartbeat());
    assert_eq!(to("n3", &said)["success"], true);
    assert_eq!(to("n3", &node.say("c1", write(5)))["type"], "forward");
    let vote = json!({"type": "request_vote", "term": 2, "candidate_id": "n2", "last_log_index": 5,
        "last_log_term": 2, "incarnation": 2, "incarnations": {"n2": 2}, "msg_id": 8});
    node.advance(Duration::from_millis(300));
    let answer = to("n2", &node.say("n2", vote));
    assert_eq!((&answer["vote_granted"], &answer["incarnations"]), (&json!(true), &Value::Null));
}
