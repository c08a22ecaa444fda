//! Nodes whose answers depend on the clock, with a clock that is set by hand.

use proto::{Manual, Node, Records, Script};
use serde_json::{Value, json};

use identifier::hlc::Hlc;
use identifier::lamport::LamportNode;
use identifier::snowflake::Snowflake;
use identifier::{hlc, lamport, snowflake};

/// 2024-01-01, where Snowflake timestamps count from.
const START_MS: u64 = 1_704_067_200_000;

/// A node that is asked one thing after the other.
struct Asked<N: Node> {
    script: Script<N>,
    requests: u64,
}

impl<N: Node> Asked<N> {
    fn new(node: N, name: &str, node_ids: &[&str], records: Option<Records>) -> Self {
        let mut script = Script::with_records(node, 1, records);
        script.init(name, node_ids);
        Self { script, requests: 1 }
    }

    fn ask(&mut self, mut body: Value) -> Value {
        self.requests += 1;
        body["msg_id"] = self.requests.into();
        let request = json!({"src": "c1", "dest": "n1", "body": body});
        let lines = self.script.line(&request.to_string());
        let mut reply: Value = serde_json::from_str(&lines[0]).unwrap();
        let body = reply["body"].as_object_mut().unwrap();
        assert_eq!(body.remove("in_reply_to"), Some(self.requests.into()));
        body.remove("msg_id").unwrap();
        reply["body"].take()
    }

    fn at(&mut self, clock_ms: u64, body: Value) -> Value {
        self.script.set_wall_clock_ms(clock_ms);
        self.ask(body)
    }
}

fn snowflake(name: &str) -> Asked<Snowflake> {
    let node = Snowflake::new(clocks::snowflake::Epoch::YEAR_2024);
    Asked::new(node, name, &["n1", "n2", "n3"], None)
}

#[test]
fn a_snowflake_has_the_time_the_machine_and_the_sequence() {
    let mut node = snowflake("n3");
    let generate = || json!({"type": "generate"});
    for (clock_ms, timestamp_ms, sequence) in [(7, 7, 0), (7, 7, 1), (5, 7, 2), (8, 8, 0)] {
        let id = (timestamp_ms << 22) + (3 << 12) + sequence;
        let reply = node.at(START_MS + clock_ms, generate());
        assert_eq!(reply, json!({"type": "generate_ok", "id": id}));
        let taken = node.ask(json!({"type": "decompose", "id": id}));
        assert_eq!(taken["timestamp_ms"], START_MS + timestamp_ms);
    }
}

#[test]
fn time_info_counts_whole_years_to_the_end() {
    let mut node = snowflake("n1");
    let mut years = |clock_ms| {
        let reply = node.at(clock_ms, json!({"type": "time_info"}));
        assert_eq!(reply["custom_epoch_ms"], START_MS);
        assert_eq!(reply["max_timestamp_ms"], 2_199_023_255_551_u64);
        (reply["current_ms"].as_u64().unwrap(), reply["years_remaining"].as_u64().unwrap())
    };
    assert_eq!(years(5), (0, 69), "a clock before the epoch");
    // The example of the page.
    assert_eq!(years(START_MS + 1_234_567), (1_234_567, 69));
    // 2026-11-25.
    assert_eq!(years(1_795_565_000_000).1, 66);
    // The day before the end, and after it.
    assert_eq!(years(START_MS + 2_199_023_255_551 - 86_400_000).1, 0);
    assert_eq!(years(START_MS + 2_199_023_255_551 + 86_400_000).1, 0);
}

#[test]
fn a_batch_over_the_end_of_a_sequence_rises_and_remembers_the_highest() {
    let mut node = snowflake("n1");
    let reply = node.at(START_MS + 7, json!({"type": "generate_batch", "count": 5_000}));
    let ids: Vec<u64> = serde_json::from_value(reply["ids"].clone()).unwrap();
    assert!(ids.is_sorted_by(|a, b| a < b) && ids.len() == 5_000);
    assert_eq!((ids[4_095] >> 22, ids[4_096] >> 22), (7, 8));
    assert_eq!(reply["max_sequence"], 4_095);
    let reply = node.at(START_MS + 100, json!({"type": "generate_batch", "count": 2}));
    assert_eq!(reply["max_sequence"], 4_095, "of the node's life");
}

#[test]
fn beyond_the_41_bits_an_id_is_refused_for_certain() {
    let mut node = snowflake("n1");
    let reply = node.at(START_MS + (1 << 41), json!({"type": "generate"}));
    let text = "the timestamp 2199023255552 is more than 2199023255551";
    assert_eq!(reply, json!({"type": "error", "code": 14, "text": text}));
    assert_eq!(node.at(START_MS, json!({"type": "generate"}))["id"], 1 << 12);
}

fn hybrid(node_ids: &[&str]) -> Asked<Hlc> {
    Asked::new(Hlc::default(), "n1", node_ids, None)
}

#[test]
fn a_hybrid_clock_ticks_receives_and_is_set_back() {
    let mut node = hybrid(&["n1"]);
    let tick = || json!({"type": "hlc_tick"});
    let stamp =
        |pt: u64, lc: u64| json!({"type": "hlc_tick_ok", "pt": pt, "lc": lc, "drift_ms": 0});
    assert_eq!(
        node.at(500, tick()),
        stamp(500, 0),
        "the field of task 2-4-3 from the first tick on"
    );
    assert_eq!(node.at(500, tick()), stamp(500, 1));
    assert_eq!(node.at(499, tick()), stamp(500, 2));
    let received = json!({"type": "hlc_receive", "remote_pt": 1_000, "remote_lc": 5});
    let reply = node.at(600, received);
    assert_eq!(
        reply,
        json!({"type": "hlc_receive_ok", "pt": 1_000, "lc": 6}),
        "the page's example"
    );
    let received = json!({"type": "hlc_receive", "remote_pt": 0, "remote_lc": 9});
    let reply = node.at(1_200, received);
    assert_eq!(reply, json!({"type": "hlc_receive_ok", "pt": 1_200, "lc": 0}), "it is ignored");
    let back = |offset_ms: i64| json!({"type": "simulate_backward", "offset_ms": offset_ms});
    node.ask(back(-150));
    node.ask(back(-50));
    let mut drifting = stamp(1_200, 1);
    drifting["drift_ms"] = 190.into();
    assert_eq!(node.at(1_210, tick()), drifting, "offsets add up");
    node.ask(back(200));
    assert_eq!(node.at(1_300, tick())["drift_ms"], 0);
}

#[test]
fn ids_of_a_hybrid_clock_are_its_stamps() {
    let mut node = hybrid(&["n1"]);
    let ids = [START_MS + 1, START_MS + 1, START_MS, START_MS + 2]
        .map(|clock_ms| node.at(clock_ms, json!({"type": "generate"}))["id"].take());
    let expected =
        ["1704067200001_0_n1", "1704067200001_1_n1", "1704067200001_2_n1", "1704067200002_0_n1"];
    assert_eq!(ids, expected);
}

#[test]
fn peers_are_told_of_stamps_in_turn_and_only_while_some_are_given_out() {
    let mut node = hybrid(&["n1", "n2", "n3"]);
    let mut round = |is_asked: bool| {
        if is_asked {
            node.at(500, json!({"type": "generate"}));
        }
        let lines = node.script.advance(std::time::Duration::from_millis(20));
        let told = |line: &String| {
            let message: Value = serde_json::from_str(line).unwrap();
            assert_eq!(message["body"]["type"], "hlc_stamp");
            message["dest"].as_str().unwrap().to_owned()
        };
        lines.iter().map(told).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(round(false), none);
    assert_eq!(round(true), ["n2"]);
    assert_eq!(round(false), none);
    assert_eq!(round(true), ["n3"]);
    assert_eq!(round(true), ["n2"]);
    let stamp = json!({"src": "n2", "dest": "n1", "body": {"type": "hlc_stamp", "pt": 900, "lc": 3, "msg_id": 7}});
    assert_eq!(node.script.line(&stamp.to_string()), none, "not answered");
    let silent = node.script.advance(std::time::Duration::from_secs(10));
    assert_eq!(silent, none, "nor passed on by itself");
    assert_eq!(
        node.at(500, json!({"type": "generate"}))["id"],
        "900_4_n1",
        "above the one heard of"
    );
}

#[test]
fn what_nodes_tell_each_other_of_stamps_counts_nothing() {
    let mut node = hybrid(&["n1", "n2", "n3"]);
    let far = json!({"type": "hlc_receive", "remote_pt": 9_000, "remote_lc": 5});
    assert_eq!(node.at(500, far)["lc"], 6);
    let mut told = Vec::new();
    let mut heard = |node: &mut Asked<Hlc>, pt: u64, lc: u64| {
        let tells = node.script.advance(std::time::Duration::from_millis(20));
        let tells = tells.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        told.extend(tells.map(|told| told["body"]["lc"].clone()));
        let stamp =
            json!({"src": "n2", "dest": "n1", "body": {"type": "hlc_stamp", "pt": pt, "lc": lc}});
        assert!(node.script.line(&stamp.to_string()).is_empty());
        node.ask(json!({"type": "hlc_get"}))
    };
    let shows = |pt: u64, lc: u64| json!({"type": "hlc_get_ok", "pt": pt, "lc": lc});
    assert_eq!(heard(&mut node, 8_000, 77), shows(9_000, 6), "it is lower");
    assert_eq!(node.at(500, json!({"type": "hlc_tick"}))["lc"], 7, "one more than before");
    assert_eq!(heard(&mut node, 9_000, 7), shows(9_000, 7));
    assert_eq!(node.at(500, json!({"type": "generate"}))["id"], "9000_8_n1");
    assert_eq!(heard(&mut node, 9_000, 20), shows(9_000, 20), "it is higher");
    assert_eq!(node.at(500, json!({"type": "hlc_tick"}))["lc"], 21);
    assert_eq!(told, [6, 7, 8], "each time the highest");
}

#[test]
fn after_a_restart_stamps_and_ids_are_above_all_that_may_have_been_given_out() {
    let mut first = Asked::new(Hlc::default(), "n1", &["n1"], Some(Records::new()));
    first.at(START_MS, json!({"type": "generate"}));
    first.ask(json!({"type": "hlc_receive", "remote_pt": START_MS + 5_000, "remote_lc": 0}));
    let records = first.script.records().clone();
    let mut second = Asked::new(Hlc::default(), "n1", &["n1"], Some(records));
    assert_eq!(second.at(5, json!({"type": "generate"}))["id"], "1704067206000_1_n1");

    let node = || Snowflake::new(clocks::snowflake::Epoch::YEAR_2024);
    let mut first = Asked::new(node(), "n1", &["n1"], Some(Records::new()));
    first.at(START_MS + 3, json!({"type": "generate"}));
    let records = first.script.records().clone();
    let mut second = Asked::new(node(), "n1", &["n1"], Some(records));
    let id = second.at(START_MS, json!({"type": "generate"}))["id"].as_u64().unwrap();
    assert_eq!(id >> 22, 10_003);
}

#[test]
fn a_stamped_message_goes_out_after_the_reply_that_it_follows() {
    let mut script = Script::new(LamportNode::default());
    script.init("n1", &["n1", "n2"]);
    let request = r#"{"src":"c1","dest":"n1","body":{"type":"send_stamped","msg_id":2,"target":"n2","data":"hello"}}"#;
    assert_eq!(
        script.line(request),
        [
            r#"{"src":"n1","dest":"c1","body":{"type":"send_stamped_ok","clock":1,"in_reply_to":2,"msg_id":1}}"#,
            r#"{"src":"n1","dest":"n2","body":{"type":"stamped","data":"hello","clock":1,"msg_id":2}}"#,
        ]
    );
}

#[test]
fn an_unreadable_record_is_said_and_no_stamp_is_given_out() {
    let text = "the record `hybrid` of an earlier life is unreadable: restore the directory of \
                this node in the state directory, or remove it to start empty";
    let records = Records::from([("hybrid".into(), b"?".to_vec())]);
    let mut node = Asked::new(Hlc::default(), "n1", &["n1"], Some(records));
    for request in ["hlc_tick", "hlc_get", "generate"] {
        let reply = node.ask(json!({"type": request}));
        assert_eq!(reply, json!({"type": "error", "code": 14, "text": text}), "{request}");
    }
    assert_eq!(node.script.logs(), [format!("no stamps can be given out: {text}")]);
}

#[test]
fn every_node_has_a_manual_and_is_in_the_table() {
    let program = identifier::program();
    let names: Vec<_> = program.entries().iter().map(|entry| entry.manual.name).collect();
    let expected = [
        "unique-ids",
        "snowflake",
        "lamport",
        "vector-clock",
        "siblings",
        "hlc",
        "compare-ids",
        "echo",
    ];
    assert_eq!(names, expected);
    for Manual { name, help, summary, .. } in [hlc::MANUAL, lamport::MANUAL, snowflake::MANUAL] {
        assert!(help.ends_with('\n') && !summary.ends_with('.'), "{name}");
    }
}
