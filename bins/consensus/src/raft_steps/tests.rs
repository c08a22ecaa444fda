//! Logs that do not begin at 1, have gaps, or hold an entry twice or too early.

use proto::Script;
use serde_json::{Value, json};

use super::RaftSteps;

fn node() -> Script<RaftSteps> {
    let mut node = Script::new(RaftSteps::default());
    node.init("n1", &["n1"]);
    node
}

/// The answer to a request.
fn ask(node: &mut Script<RaftSteps>, mut body: Value) -> Value {
    body["msg_id"] = json!(1);
    let said = node.line(&json!({"src": "c1", "dest": "n1", "body": body}).to_string());
    let mut answer: Value = serde_json::from_str(&said[0]).unwrap();
    assert_eq!(said.len(), 1, "{said:?}");
    answer["body"].take()
}

fn put(index: u64, key: &str) -> Value {
    json!({"index": index, "term": 1, "command": {"op": "put", "key": key, "value": index}})
}

/// The indices of the results, and `last_applied`.
fn apply(node: &mut Script<RaftSteps>, entries: &[Value]) -> (Vec<u64>, Value) {
    let answer = ask(node, json!({"type": "apply_entries", "entries": entries}));
    let results = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let indices = results.iter().map(|result| result["index"].as_u64().unwrap()).collect();
    (indices, answer["last_applied"].clone())
}

/// What a seeded node makes of it.
fn seed(node: &mut Script<RaftSteps>, entries: &[Value], commit_index: u64) -> (Value, Value) {
    let seed = json!({"type": "seed_committed_log", "entries": entries,
        "commit_index": commit_index});
    assert_eq!(ask(node, seed)["type"], "seed_committed_log_ok");
    let mut answer = ask(node, json!({"type": "get_state"}));
    assert_eq!(answer["type"], "state_reply");
    (answer["state"].take(), answer["last_applied"].take())
}

#[test]
fn what_is_applied_is_passed_over_wherever_it_stands() {
    let mut node = node();
    assert_eq!(apply(&mut node, &[put(1, "a"), put(1, "b"), put(2, "c")]), (vec![1, 2], json!(2)));
    assert_eq!(apply(&mut node, &[put(3, "d")]), (vec![3], json!(3)));
    assert_eq!(apply(&mut node, &[put(1, "e"), put(4, "f")]), (vec![4], json!(4)));
    assert_eq!(apply(&mut node, &[put(6, "h"), put(2, "e"), put(5, "g")]), (vec![5, 6], json!(6)));
    let state = ask(&mut node, json!({"type": "get_state"}));
    assert_eq!(state["state"], json!({"a": 1, "c": 2, "d": 3, "f": 4, "g": 5, "h": 6}));
}

#[test]
fn a_gap_in_the_apply_channel_applies_nothing() {
    let mut node = node();
    for entries in
        [vec![put(2, "a")], vec![put(1, "a"), put(3, "b")], vec![put(1, "a"), put(u64::MAX, "b")]]
    {
        let answer = ask(&mut node, json!({"type": "apply_entries", "entries": entries}));
        assert_eq!(answer["code"], 12);
    }
    assert_eq!(ask(&mut node, json!({"type": "get_state"}))["last_applied"], 0);
}

#[test]
fn a_seeded_entry_waits_for_the_one_before_it() {
    let mut node = node();
    let gap = [put(1, "x"), put(3, "y")];
    assert_eq!(seed(&mut node, &gap, 3), (json!({"x": 1}), json!(1)));
    assert_eq!(seed(&mut node, &gap, 1), (json!({"x": 1}), json!(1)));
    assert_eq!(seed(&mut node, &[put(2, "y")], 2), (json!({}), json!(0)));
    // The leader brings what is missing, and what comes after.
    seed(&mut node, &gap, 3);
    let append = json!({"type": "append_entries", "term": 1, "leader_id": "n2",
        "prev_log_index": 1, "prev_log_term": 1, "entries": [put(2, "z"), put(3, "y")],
        "leader_commit": 3});
    assert_eq!(ask(&mut node, append)["match_index"], 3);
    let state = ask(&mut node, json!({"type": "get_state"}));
    assert_eq!(state["state"], json!({"x": 1, "y": 3, "z": 2}));
}

/// A follower looks at terms and indices: to it a command is any object, and one of no operation that
/// the store has changes nothing.
#[test]
fn a_log_takes_commands_that_are_none_of_the_stores() {
    let mut node = node();
    let foreign = |index| json!({"index": index, "term": 1, "command": {"kind": "noop"}});
    let append = json!({"type": "append_entries", "term": 1, "leader_id": "n2",
        "prev_log_index": 0, "prev_log_term": 0, "entries": [foreign(1), put(2, "x")],
        "leader_commit": 2});
    let answer = ask(&mut node, append);
    assert_eq!((&answer["success"], &answer["match_index"]), (&json!(true), &json!(2)));
    let state = ask(&mut node, json!({"type": "get_state"}));
    assert_eq!((&state["state"], &state["last_applied"]), (&json!({"x": 2}), &json!(2)));
    // What is asked of the store itself has to be an operation.
    let apply = json!({"type": "apply_entries", "entries": [foreign(3)]});
    assert_eq!(ask(&mut node, apply)["text"], "field `entries`: entry 3 has no op");
}

#[test]
fn a_seed_is_applied_in_the_order_of_indices() {
    let mut node = node();
    assert_eq!(seed(&mut node, &[put(2, "x"), put(1, "x")], 2), (json!({"x": 2}), json!(2)));
    let zero = json!({"type": "seed_committed_log", "entries": [put(0, "x")], "commit_index": 0});
    assert_eq!(ask(&mut node, zero)["code"], 12);
}

#[test]
fn a_new_leaders_log_may_begin_anywhere_and_hold_no_commands() {
    let mut node = node();
    let change = |log: &Value, commit_index: u64| {
        json!({"type": "leader_change", "new_leader": "n1", "new_term": 3, "log": log,
            "commit_index": commit_index})
    };
    let log = json!([{"index": 3, "term": 1, "command": "x"}, {"index": 4, "term": 2}]);
    for (commit_index, committed) in
        [(4, json!([5])), (3, json!([4, 5])), (2, json!([3, 4, 5])), (0, json!([1, 2, 3, 4, 5]))]
    {
        let answer = ask(&mut node, change(&log, commit_index));
        assert_eq!(answer["noop_appended_at"], 5, "{answer}");
        assert_eq!(answer["safe_to_apply_after_commit"], true);
        let commit = json!({"type": "simulate_noop_commit", "noop_index": 5});
        let answer = ask(&mut node, commit);
        assert_eq!(answer["entries_now_committed"], committed);
        assert_eq!(answer["new_commit_index"], 5);
    }
    let refused = [
        json!([{"index": 3, "term": 1}, {"index": 5, "term": 1}]),
        json!([{"index": 0, "term": 1}]),
        json!([{"index": u64::MAX, "term": 1}]),
        json!([{"index": 20_000, "term": 1}]),
    ];
    for log in &refused {
        assert_eq!(ask(&mut node, change(log, 0))["code"], 12, "{log}");
    }
}

/// Whether entries of the given terms after index `prev` were taken, from a leader of term 3.
fn append(node: &mut Script<RaftSteps>, prev: [u64; 2], terms: &[u64], commit: u64) -> Value {
    let entry = |(index, term)| {
        let mut entry = put(index, "x");
        entry["term"] = json!(term);
        entry
    };
    let entries: Vec<_> = (prev[0] + 1..).zip(terms).map(entry).collect();
    let request = json!({"type": "append_entries", "term": 3, "leader_id": "n2",
        "prev_log_index": prev[0], "prev_log_term": prev[1], "entries": entries,
        "leader_commit": commit});
    ask(node, request)["success"].take()
}

#[test]
fn another_term_before_the_new_entries_is_refused_committed_or_not() {
    for commit_index in [0, 2] {
        let mut node = node();
        assert_eq!(append(&mut node, [0, 0], &[1, 1], commit_index), true);
        for prev in [[1, 2], [1, 9], [2, 0], [2, 3], [3, 1], [7, 9]] {
            assert_eq!(append(&mut node, prev, &[], 2), false, "{prev:?}");
            assert_eq!(append(&mut node, prev, &[3], 2), false, "{prev:?}: nothing is taken");
        }
        let info = ask(&mut node, json!({"type": "get_log_info"}));
        assert_eq!(info["last_index"], 2);
        assert_eq!(append(&mut node, [2, 1], &[3], 2), true);
    }
    // Of what a snapshot took away no term is known, but of its own last entry.
    let mut node = node();
    append(&mut node, [0, 0], &[1, 1], 2);
    ask(&mut node, json!({"type": "take_snapshot", "threshold": 1}));
    assert_eq!(append(&mut node, [1, 2], &[], 2), true);
    assert_eq!(append(&mut node, [2, 2], &[], 2), false);
    assert_eq!(append(&mut node, [2, 1], &[3], 2), true);
}

#[test]
fn null_is_a_value_and_a_field_that_is_left_out_is_none() {
    let nothing =
        json!({"index": 1, "term": 1, "command": {"op": "put", "key": "x", "value": null}});
    let mut node = node();
    assert_eq!(seed(&mut node, std::slice::from_ref(&nothing), 1), (json!({"x": null}), json!(1)));
    let mut node = self::node();
    let get = json!({"index": 2, "term": 1, "command": {"op": "get", "key": "x"}});
    let answer = ask(&mut node, json!({"type": "apply_entries", "entries": [nothing, get]}));
    assert_eq!(answer["results"][1], json!({"index": 2, "result": null}));
    let none = json!({"index": 3, "term": 1, "command": {"op": "put", "key": "x"}});
    let answer = ask(&mut node, json!({"type": "apply_entries", "entries": [none]}));
    assert_eq!(answer["text"], "field `entries`: entry 3 has no value");
}
