use std::cmp::Ordering;

use super::equivocation::{Said, names, simulate};
use super::*;

fn tested(n: u64, f: u64) -> (bool, String, bool) {
    match test(n, f) {
        Ok(Body::BftTestInsufficientOk { sufficient, reason, attack_possible }) => {
            (sufficient, reason, attack_possible)
        }
        other => panic!("{n} nodes, {f} of them Byzantine: {other:?}"),
    }
}

#[test]
fn whether_nodes_are_enough_is_said_of_any_number() {
    assert_eq!(tested(1000, 2), (true, "1000 >= 3*2+1 = 7".to_owned(), false));
    assert_eq!(tested(1000, 334), (false, "1000 < 3*334+1 = 1003".to_owned(), true));
    assert_eq!(tested(1000, 333), (true, "1000 >= 3*333+1 = 1000".to_owned(), false));
    // There are no two honest nodes that could disagree, but one alone convinces no client.
    assert_eq!(tested(2, 1), (false, "2 < 3*1+1 = 4".to_owned(), true));
    assert_eq!(tested(1, 1), (false, "1 < 3*1+1 = 4".to_owned(), true));
    assert_eq!(tested(1, 5), (false, "1 < 3*5+1 = 16".to_owned(), true));
    let needed = 3 * u128::from(u64::MAX) + 1;
    let reason = format!("{0} < 3*{0}+1 = {needed}", u64::MAX);
    assert_eq!(tested(u64::MAX, u64::MAX), (false, reason, true));
    assert!(test(0, 0).is_err());
}

#[test]
fn what_is_worked_out_is_what_an_attack_comes_to() {
    for n in 1..=12_u64 {
        for f in 0..n {
            let expected = n - f >= 2 && (n - f).div_ceil(2) <= f;
            assert_eq!(can_split(n, f), expected, "{n} nodes, {f} of them Byzantine");
            let (sufficient, _, attack_possible) = tested(n, f);
            assert_ne!(sufficient, attack_possible, "{n} nodes, {f} of them Byzantine");
        }
    }
}

fn said(value: &str) -> Said {
    Said { value: value.to_owned() }
}

/// What a node that equivocates did not send to the others of four, they do without.
#[test]
fn a_contradiction_is_found_however_few_peers_heard_it() {
    let simulated = |values: &[&str]| {
        let said = |value: &&str| BTreeMap::from([("prepare".to_owned(), said(value))]);
        let sent = (2..).map(|peer| format!("to_n{peer}")).zip(values.iter().map(said)).collect();
        let mut caught = Caught::default();
        let simulated = simulate(&mut caught, "n1", 1, &sent).unwrap();
        assert!(simulated.consensus_safe, "{values:?}");
        assert_eq!(simulated.equivocation_detected, !names(&caught).is_empty(), "{values:?}");
        (simulated.equivocation_detected, simulated.chosen_value, simulated.reason)
    };
    let none = "no_value_had_a_quorum".to_owned();
    assert_eq!(simulated(&["A", "B"]), (true, None, none.clone()));
    assert_eq!(simulated(&["A"]), (false, None, none));
    // Two that heard the same are a quorum with the liar, and the fourth learns it from them.
    let agreed = "all_agreed_on_A".to_owned();
    assert_eq!(simulated(&["A", "A"]), (false, Some("A".to_owned()), agreed));
    assert!(simulate(&mut Caught::default(), "n1", 1, &BTreeMap::new()).is_err());
}

/// However many peers there are, the value that more than half of them heard is chosen, and no other.
#[test]
fn what_a_majority_of_the_peers_heard_is_chosen() {
    for peers in 3..=13_usize {
        for heard in 0..=peers {
            let value = |peer| if peer < heard { "A" } else { "B" };
            let said = |peer| BTreeMap::from([("prepare".to_owned(), said(value(peer)))]);
            let sent = (0..peers).map(|peer| (format!("to_n{}", peer + 2), said(peer))).collect();
            let simulated = simulate(&mut Caught::default(), "n1", 1, &sent).unwrap();
            assert!(simulated.consensus_safe, "{heard} of {peers}");
            let expected = match (2 * heard).cmp(&peers) {
                Ordering::Less => Some("B".to_owned()),
                Ordering::Equal => None,
                Ordering::Greater => Some("A".to_owned()),
            };
            assert_eq!(simulated.chosen_value, expected, "{heard} of {peers}");
        }
    }
}

#[test]
fn two_runs_do_not_contradict_each_other() {
    let mut caught = Caught::default();
    for value in ["A", "B"] {
        let heard =
            |peer| (format!("to_n{peer}"), BTreeMap::from([("prepare".to_owned(), said(value))]));
        let simulated = simulate(&mut caught, "n1", 1, &(2..5).map(heard).collect()).unwrap();
        assert!(!simulated.equivocation_detected, "{value}");
    }
    assert_eq!(names(&caught), [""; 0]);
}

#[test]
fn a_fault_is_classified_by_what_its_description_says() {
    let byzantine = (FaultType::Byzantine, false, true);
    let crash = (FaultType::Crash, true, true);
    for (scenario, expected) in [
        ("node_sends_different_values_to_different_peers", byzantine),
        ("node_votes_twice_in_one_round", byzantine),
        ("node_votes_twice", byzantine),
        ("double_voting", byzantine),
        ("selective_sending", byzantine),
        ("node_sends_wrong_values", byzantine),
        ("node_sends_corrupted_data", byzantine),
        ("node lies about its state", byzantine),
        ("node_goes_silent_and_forges_messages", byzantine),
        ("node_crashes", crash),
        ("Node-Crash", crash),
        ("node_stops_responding", crash),
        ("node_does_not_respond", crash),
        ("node_goes_silent", crash),
        ("node_is_down", crash),
        ("power_failure", crash),
        ("network_partition", crash),
        ("message_loss", crash),
        ("two_nodes_crash", crash),
    ] {
        match classify(scenario) {
            Ok(Body::ClassifyFaultOk { fault_type, cft_handles, bft_handles }) => {
                assert_eq!((fault_type, cft_handles, bft_handles), expected, "{scenario}");
            }
            other => panic!("{scenario}: {other:?}"),
        }
    }
    for (name, _) in EXAMPLES {
        assert_ne!(behavior("scenario", name).unwrap(), Behavior::Silence, "{name}");
    }
    for neither in ["", "moon", "node"] {
        assert!(classify(neither).is_err(), "{neither}");
    }
}

#[test]
fn a_demonstration_takes_any_name_of_a_node_and_any_wording() {
    for node in ["n1", "n3", "n4", "n5", "replica-7"] {
        for (algorithm, description, expected) in [
            (Algorithm::Raft, "equivocation", (false, "raft_trusted_byzantine_node_response")),
            (Algorithm::Raft, "double_voting", (false, "raft_trusted_byzantine_node_response")),
            (Algorithm::Raft, "crash", (true, "raft_bears_crash")),
            (Algorithm::Pbft, "silence", (true, "pbft_bears_silence")),
            (Algorithm::Pbft, "wrong_values", (true, "pbft_bears_wrong_values")),
        ] {
            match fail(algorithm, node, description) {
                Ok(Body::CftFailureDemoOk { consensus_reached, value_correct, reason }) => {
                    assert!(consensus_reached, "{node} {description}");
                    assert_eq!((value_correct, reason.as_str()), expected, "{node}");
                }
                other => panic!("{node} {description}: {other:?}"),
            }
        }
    }
}
