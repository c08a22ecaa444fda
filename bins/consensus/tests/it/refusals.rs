//! Which refusal a client gets, and when.

use std::time::Duration;

use consensus::{ConsensusNode, Settings};
use serde_json::{Value, json};

use crate::lonely::{Lonely, PATIENCE, forward, heartbeat, is_silent, to, write};

#[test]
fn a_node_without_a_quorum_refuses_within_two_election_timeouts() {
    let mut node = Lonely::new();
    assert!(is_silent("c1", &node.say("c1", write(5))));
    assert!(is_silent("c2", &node.say("c2", json!({"type": "read", "key": 1, "msg_id": 6}))));
    let said = node.advance(PATIENCE);
    assert_eq!((&to("c1", &said)["code"], &to("c2", &said)["code"]), (&json!(11), &json!(11)));
    // By now it knows that it is alone, and says so at once.
    node.advance(PATIENCE);
    assert_eq!(to("c1", &node.say("c1", write(7)))["code"], 11);
}

#[test]
fn a_write_in_the_log_is_never_refused_for_certain() {
    let mut node = Lonely::leader();
    node.say("c1", write(5));
    node.say("c2", json!({"type": "read", "key": 1, "msg_id": 6}));
    // Nobody acknowledges: the leader steps down. The read did nothing, so its refusal is
    // definite; the write is in the log and may still be committed by another leader.
    let said = node.advance(Duration::from_millis(500));
    assert_eq!(to("c2", &said)["code"], 11);
    assert!(is_silent("c1", &said));
    let said = node.advance(4 * PATIENCE);
    assert_eq!((&to("c1", &said)["type"], &to("c1", &said)["code"]), (&json!("error"), &json!(0)));
}

#[test]
fn a_write_that_is_in_no_log_is_refused_for_certain_when_leadership_is_lost() {
    let mut node = Lonely::leader();
    node.say("c1", write(5));
    // A higher term shows up within the gather window.
    let said = node.say(
        "n3",
        json!({"type": "append_entries", "term": 9, "leader_id": "n3",
        "prev_log_index": 0, "prev_log_term": 0, "entries": [], "leader_commit": 0, "round": 1,
        "incarnation": 3, "msg_id": 1}),
    );
    // It is sent to the new leader instead.
    let passed_on = to("n3", &said[said.len() - 1..]);
    assert_eq!((&passed_on["type"], &passed_on["term"]), (&json!("forward"), &json!(9)));
    // That one refuses for good, and nobody else leads: nothing has happened.
    let refusal = json!({"type": "error", "code": 14, "text": "",
        "in_reply_to": passed_on["msg_id"]});
    assert!(is_silent("c1", &node.say("n3", refusal)));
    assert_eq!(to("c1", &node.advance(PATIENCE))["code"], 11);
}

#[test]
fn a_leader_that_may_have_taken_an_earlier_copy_leaves_the_outcome_open() {
    let mut node = Lonely::new();
    node.say("n3", heartbeat());
    let passed_on = to("n3", &node.say("c1", write(5)));
    // n3 leads no more. It says so to this copy; the network may have brought it another before.
    let refusal = json!({"type": "error", "code": 11, "text": "",
        "in_reply_to": passed_on["msg_id"]});
    assert_eq!(node.say("n3", refusal), Vec::<Value>::new());
    assert_eq!(to("c1", &node.advance(4 * PATIENCE))["code"], 0);
}

#[test]
fn a_forward_without_an_answer_is_tried_again_and_refused_indefinitely() {
    let mut node = Lonely::new();
    node.say("n3", heartbeat());
    let first = to("n3", &node.say("c1", write(5)));
    node.advance(Duration::from_millis(250));
    node.say("n3", heartbeat());
    let second = to("n3", &node.advance(Duration::from_millis(100)));
    // The same request, so that it is applied once.
    assert_eq!((&first["type"], &first["request"]), (&json!("forward"), &second["request"]));
    // The next leader refuses it for good; but the first one may have it in its log.
    let said = node.advance(5 * PATIENCE);
    assert_eq!(to("c1", &said)["code"], 0);
}

#[test]
fn copies_of_a_forward_are_one_request() {
    let mut node = Lonely::leader();
    node.say("n3", forward(10, 1, 0));
    node.say("n3", forward(11, 1, 0));
    let round = node.advance(Duration::from_millis(3));
    assert_eq!(to("n2", &round)["entries"].as_array().map(Vec::len), Some(1));
    let said = node.acknowledge(&round);
    assert_eq!(
        (&to("n3", &said)["type"], &to("n3", &said)["in_reply_to"]),
        (&json!("write_ok"), &json!(11))
    );
    // A copy that comes later still gets the answer and changes nothing.
    let said = node.say("n3", forward(12, 1, 0));
    assert_eq!(to("n3", &said)["type"], "write_ok");
    assert!(is_silent("n2", &node.advance(Duration::from_millis(3))));
}

#[test]
fn a_forward_for_another_term_is_refused() {
    let mut node = Lonely::leader();
    assert_eq!(to("n3", &node.say("n3", forward(10, 2, 0)))["code"], 11);
    assert_eq!(to("n3", &node.say("n3", forward(11, 0, 0)))["code"], 11);
    assert_eq!(to("n3", &Lonely::new().say("n3", forward(12, 1, 0)))["code"], 11);
}

#[test]
fn leadership_is_handed_over_on_request() {
    let mut node = Lonely::leader();
    let said = node.say("c1", json!({"type": "transfer_leadership", "to": "n2", "msg_id": 5}));
    assert_eq!(to("c1", &said)["type"], "transfer_leadership_ok");
    assert_eq!(to("n2", &said)["type"], "timeout_now");
    for wrong in ["n1", "n9"] {
        let ask = json!({"type": "transfer_leadership", "to": wrong, "msg_id": 5});
        assert_eq!(to("c1", &node.say("c1", ask))["code"], 11);
    }
}

#[test]
fn replies_that_nobody_waits_for_are_dropped() {
    let mut node = Lonely::new();
    for kind in ["write_ok", "cas_ok", "append_entries_ok"] {
        let stray = json!({"type": kind, "success": true, "match_index": 5, "msg_id": 7});
        assert_eq!(node.say("c1", stray.clone()), Vec::<Value>::new());
        assert_eq!(node.say("n2", stray), Vec::<Value>::new());
    }
}

#[test]
fn others_get_the_plain_replies_of_the_track() {
    let mut node = Lonely::new();
    let said = node.say(
        "n2",
        json!({"type": "append_entries", "term": 2, "leader_id": "n2",
        "prev_log_index": 0, "prev_log_term": 0, "leader_commit": 0, "msg_id": 2,
        "entries": [{"term": 1, "index": 1, "command": {"op": "put", "key": "x", "value": 1}}]}),
    );
    let expected = json!({"type": "append_entries_ok", "success": true, "match_index": 1,
        "in_reply_to": 2, "msg_id": 1});
    assert_eq!(to("n2", &said), expected);
    let mut node = Lonely::new();
    let said = node.say(
        "n3",
        json!({"type": "request_vote", "term": 3, "candidate_id": "n3",
        "last_log_index": 5, "last_log_term": 2, "msg_id": 2}),
    );
    let expected = json!({"type": "request_vote_ok", "term": 3, "vote_granted": true,
        "in_reply_to": 2, "msg_id": 1});
    assert_eq!(to("n3", &said), expected);
}

#[test]
fn a_long_computation_leaves_the_node_responsive() {
    let mut node = Lonely::leader();
    let test = json!({"type": "partition_test", "cluster_size": 5, "operations": 3000,
        "partition_after_op": 1000, "heal_after_op": 2000, "msg_id": 8});
    assert!(is_silent("c9", &node.say("c9", test)));
    assert!(node.script.node().replica().is_some_and(|replica| replica.raft().is_leader()));
    // It is worked off by timers, and others are answered first.
    let said = node.say("c1", json!({"type": "nonsense", "msg_id": 9}));
    assert_eq!(to("c1", &said)["code"], 10);
    let result = to("c9", &node.advance(Duration::from_millis(1)));
    assert_eq!((&result["total_ops"], &result["linearizable"]), (&json!(3000), &json!(true)));
}

#[test]
fn a_client_is_answered_in_the_order_of_its_requests_though_the_first_takes_long() {
    let mut script = proto::Script::new(ConsensusNode::new(Settings::default()));
    script.init("n1", &["n1"]);
    let mut node = Lonely { script };
    let test = json!({"type": "partition_test", "cluster_size": 5, "operations": 3000,
        "partition_after_op": 1000, "heal_after_op": 2000, "msg_id": 1});
    let verify = json!({"type": "verify_linearizability", "history": [], "msg_id": 2});
    let malformed = json!({"type": "verify_linearizability", "history": {}, "msg_id": 3});
    let read = json!({"type": "read", "key": 1, "msg_id": 5});
    for request in [test, verify, malformed, write(4), read] {
        assert_eq!(node.say("c1", request), Vec::<Value>::new());
    }
    // Nobody else waits.
    assert_eq!(to("c2", &node.say("c2", write(6)))["type"], "write_ok");
    let said = node.advance(Duration::from_millis(1));
    let answers = said.iter().map(|line| (line["dest"].clone(), &line["body"]["in_reply_to"]));
    let expected = [1, 2, 3, 4, 5].map(|msg_id| (json!("c1"), json!(msg_id)));
    assert!(answers.eq(expected.iter().map(|(dest, msg_id)| (dest.clone(), msg_id))), "{said:?}");
    assert_eq!(said[4]["body"]["value"], 4);
}

#[test]
fn so_many_requests_wait_for_a_long_computation_and_no_more() {
    let mut script = proto::Script::new(ConsensusNode::new(Settings::default()));
    script.init("n1", &["n1"]);
    let mut node = Lonely { script };
    let test = json!({"type": "partition_test", "cluster_size": 5, "operations": 100,
        "partition_after_op": 10, "heal_after_op": 20, "msg_id": 1});
    assert!(is_silent("c1", &node.say("c1", test)));
    let mut refused = 0;
    for msg_id in 2..70_002 {
        let said = node.say("c1", json!({"type": "read", "key": 1, "msg_id": msg_id}));
        refused += usize::from(!is_silent("c1", &said));
    }
    assert_eq!(refused, 70_000 - 65_536);
    // Those that wait are answered once the computation is done, in their order.
    let said = node.advance(Duration::from_millis(1));
    let answers: Vec<_> = said.iter().map(|line| line["body"]["in_reply_to"].as_u64()).collect();
    assert_eq!(answers, (1..65_538).map(Some).collect::<Vec<_>>());
}

#[test]
fn a_guided_sweep_is_told_role_membership_terms_and_how_far_the_log_is() {
    use proto::Aspect::{Plain, Rank};
    let aspects = |node: &Lonely| {
        let mut aspects = Vec::new();
        proto::Node::aspects(node.script.node(), &mut aspects);
        aspects
    };
    let follower = [Plain(0), Plain(1), Rank(0), Rank(0), Rank(0), Rank(0)];
    assert_eq!(aspects(&Lonely::new()), follower);
    let mut node = Lonely::leader();
    // Its no-op of term 1 is committed; a write is not yet.
    assert_eq!(aspects(&node), [Plain(3), Plain(1), Rank(1), Rank(1), Rank(1), Rank(1)]);
    node.say("c1", write(5));
    node.advance(Duration::from_millis(20));
    assert_eq!(aspects(&node), [Plain(3), Plain(1), Rank(1), Rank(1), Rank(2), Rank(1)]);
}

#[test]
fn what_came_during_a_handing_over_that_failed_is_served() {
    let mut node = Lonely::leader();
    // n3 has nothing of the log, so the order to campaign waits for it; and it never answers.
    let ask = json!({"type": "transfer_leadership", "to": "n3", "msg_id": 5});
    assert_eq!(to("c1", &node.say("c1", ask))["type"], "transfer_leadership_ok");
    assert!(is_silent("n2", &node.say("c1", write(6))));
    let mut said = Vec::new();
    for _ in 0..40 {
        let now = node.advance(Duration::from_millis(10));
        let is_for_n2 = |message: &Value| {
            message["dest"] == "n2" && message["body"]["type"] == "append_entries"
        };
        if now.iter().any(is_for_n2) {
            said.extend(node.acknowledge(&now));
        }
        said.extend(now);
    }
    assert_eq!(
        (&to("c1", &said)["type"], &to("c1", &said)["in_reply_to"]),
        (&json!("write_ok"), &json!(6))
    );
}

#[test]
fn a_late_forward_of_a_former_life_does_not_end_the_living_one() {
    let mut node = Lonely::leader();
    let mut msg_id = 20;
    // The living session of n3, the first message of its former one, and the living one again.
    for (session, sequence) in [(78, 0), (77, 0), (78, 1), (78, 2), (77, 1), (78, 3)] {
        msg_id += 1;
        let mut forward = forward(msg_id, 1, sequence);
        forward["request"]["session"] = session.into();
        forward["request"]["settled"] = sequence.into();
        node.say("n3", forward);
        let round = node.advance(Duration::from_millis(3));
        let answer = to("n3", &node.acknowledge(&round));
        assert_eq!((&answer["type"], &answer["in_reply_to"]), (&json!("write_ok"), &json!(msg_id)));
    }
}

#[test]
fn what_one_round_does_for_a_follower_is_told_it_in_one_message() {
    let mut node = Lonely::leader();
    for sequence in 0..3 {
        node.say("n3", forward(10 + sequence, 1, sequence));
    }
    let round = node.advance(Duration::from_millis(6));
    let said = node.acknowledge(&round);
    let answers: Vec<_> =
        (0..3).map(|sequence| json!({"sequence": sequence, "answer": "written"})).collect();
    let told: Vec<_> = said.iter().filter(|message| message["dest"] == "n3").collect();
    assert_eq!(told.len(), 1, "{said:?}");
    let body = &told[0]["body"];
    assert_eq!((&body["type"], &body["session"]), (&json!("forwards_done"), &json!(77)));
    assert_eq!(body["answers"], json!(answers));
}

#[test]
fn answers_that_come_together_reach_their_clients_once_and_only_from_a_member_to_this_life() {
    let mut node = Lonely::new();
    node.say("n3", heartbeat());
    let request = to("n3", &node.say("c1", write(5)))["request"].clone();
    let second = to("n3", &node.say("c2", write(6)))["request"].clone();
    let answer = |session: &Value| {
        let answers = [&request, &second]
            .map(|request| json!({"sequence": request["sequence"], "answer": "written"}));
        json!({"type": "forwards_done", "session": session, "answers": answers, "msg_id": 2})
    };
    let session = &request["session"];
    assert_eq!(node.say("n9", answer(session)), Vec::<Value>::new(), "no member");
    assert_eq!(node.say("n3", answer(&json!(1))), Vec::<Value>::new(), "another life's");
    let said = node.say("n3", answer(session));
    for (client, number) in [("c1", 5), ("c2", 6)] {
        let told = to(client, &said);
        assert_eq!((&told["type"], &told["in_reply_to"]), (&json!("write_ok"), &json!(number)));
    }
    assert_eq!(node.say("n3", answer(session)), Vec::<Value>::new(), "once");
    // The calls that carried them end, and that is all.
    let said = node.advance(4 * PATIENCE);
    assert!(is_silent("c1", &said) && is_silent("c2", &said), "{said:?}");
}
