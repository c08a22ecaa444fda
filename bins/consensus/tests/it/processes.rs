//! Real nodes that are killed, and lose what they had stored.

use std::fs;

use serde_json::{Value, json};

use crate::network::{NAMES, Network, refusal};

fn write(value: u64) -> Value {
    json!({"type": "write", "key": "x", "value": value})
}

fn read() -> Value {
    json!({"type": "read", "key": "x"})
}

/// Reads x often enough for elections to happen meanwhile. Where nobody has it nobody may answer.
fn nobody_denies_that_x_is_there(network: &mut Network, nodes: [&'static str; 2]) {
    for _ in 0..4 {
        for node in nodes {
            let answer = network.ask(node, &read());
            assert_eq!(
                (&answer["type"], &answer["code"]),
                (&json!("error"), &json!(11)),
                "{answer}"
            );
        }
    }
}

#[test]
fn a_node_whose_records_were_removed_does_not_elect_one_that_knew_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut network, stays, [loses, away]) = Network::acquainted(Some(dir.path().to_owned()));
    network.cut_off(&[away]);
    network.insist(stays, &write(1), "write_ok");
    network.kill(loses);
    network.kill(away);
    fs::remove_file(dir.path().join(loses).join("records.redb")).unwrap();
    network.cut_off(&[stays]);
    network.start(loses);
    network.start(away);
    nobody_denies_that_x_is_there(&mut network, [loses, away]);
    network.cut_off(&[]);
    for node in NAMES {
        assert_eq!(network.insist(node, &read(), "read_ok")["value"], 1);
    }
}

#[test]
fn without_a_directory_a_killed_node_does_not_elect_one_that_knew_it() {
    let (mut network, stays, [loses, away]) = Network::acquainted(None);
    network.cut_off(&[away]);
    network.insist(stays, &write(1), "write_ok");
    network.kill(loses);
    network.cut_off(&[stays]);
    network.start(loses);
    nobody_denies_that_x_is_there(&mut network, [loses, away]);
    network.cut_off(&[]);
    for node in NAMES {
        assert_eq!(network.insist(node, &read(), "read_ok")["value"], 1);
    }
}

#[test]
fn a_late_forward_of_a_former_life_does_not_end_the_living_one() {
    let (mut network, _, [node, _]) = Network::acquainted(None);
    // A session of its own, that nobody has seen anything of.
    network.kill(node);
    network.start(node);
    network.delay(node, "forward");
    network.send(node, &write(1));
    network.wait_for_held();
    network.kill(node);
    network.start(node);
    // What is held is the first life's only.
    let held = network.take_held();
    network.insist(node, &write(2), "write_ok");
    network.put_through(held);
    for value in 3..6 {
        let answer = network.ask(node, &write(value));
        assert_eq!(answer["type"], "write_ok", "{answer}");
        assert_eq!(network.insist(node, &read(), "read_ok")["value"], value);
    }
}

#[test]
fn a_client_cannot_speak_for_nodes() {
    let mut network = Network::new(None);
    NAMES.iter().for_each(|name| network.start(name));
    for candidate in ["n2", "n3"] {
        let request = json!({"type": "request_vote", "term": 1, "candidate_id": candidate,
            "last_log_index": 0, "last_log_term": 0});
        assert_eq!(network.ask("n1", &request)["code"], 12);
    }
    for value in [1, 2] {
        for node in NAMES {
            network.insist(node, &write(value), "write_ok");
        }
    }
}

#[test]
fn the_records_of_another_node_and_damaged_ones_are_refused_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let mut network = Network::new(Some(dir.path().to_owned()));
    network.start("n1");
    assert_eq!(network.ask("n1", &read())["code"], 11);
    network.kill("n1");
    fs::rename(dir.path().join("n1"), dir.path().join("n2")).unwrap();
    let (code, text) = refusal("n2", dir.path());
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
    assert!(text.contains("the records of node n1, not of n2"), "{text}");
    let file = dir.path().join("n2/records.redb");
    let good = fs::read(&file).unwrap();
    // Places at which redb panics are among them.
    for place in (0..512).step_by(8) {
        let mut damaged = good.clone();
        damaged[place..place + 8].fill(0xa5);
        fs::write(&file, damaged).unwrap();
        let (code, text) = refusal("n2", dir.path());
        assert_eq!((code, text.lines().count()), (Some(1), 1), "{place}: {text}");
        assert!(!text.contains("panicked"), "{place}: {text}");
    }
}
