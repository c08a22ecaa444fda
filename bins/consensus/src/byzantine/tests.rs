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
    // There are no two honest nodes that could disagree.
    assert_eq!(tested(2, 1), (false, "2 < 3*1+1 = 4".to_owned(), false));
    assert_eq!(tested(1, 1), (false, "1 < 3*1+1 = 4".to_owned(), false));
    assert_eq!(tested(1, 5), (false, "1 < 3*5+1 = 16".to_owned(), false));
    let needed = 3 * u128::from(u64::MAX) + 1;
    let reason = format!("{0} < 3*{0}+1 = {needed}", u64::MAX);
    assert_eq!(tested(u64::MAX, u64::MAX), (false, reason, false));
    assert!(test(0, 0).is_err());
}

#[test]
fn what_is_worked_out_is_what_an_attack_comes_to() {
    for n in 1..=12_u64 {
        for f in 0..n {
            let expected = n - f >= 2 && (n - f).div_ceil(2) <= f;
            assert_eq!(tested(n, f).2, expected, "{n} nodes, {f} of them Byzantine");
        }
    }
}

/// What a node that equivocates did not send to the others of four, they do without.
#[test]
fn a_contradiction_is_found_however_few_peers_heard_it() {
    let simulated = |values: &[&str]| {
        let said = |value: &&str| {
            BTreeMap::from([("prepare".to_owned(), Said { value: (*value).to_owned() })])
        };
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

#[test]
fn other_names_of_the_same_fault_are_known() {
    for (scenario, expected) in [
        ("node_crash", (FaultType::Crash, true, true)),
        ("network_partition", (FaultType::Crash, true, true)),
        ("equivocation", (FaultType::Byzantine, false, true)),
    ] {
        match classify(scenario) {
            Ok(Body::ClassifyFaultOk { fault_type, cft_handles, bft_handles }) => {
                assert_eq!((fault_type, cft_handles, bft_handles), expected, "{scenario}");
            }
            other => panic!("{scenario}: {other:?}"),
        }
    }
    // What the other messages of the task speak of can be asked about as well.
    let is_byzantine = |scenario| match classify(scenario) {
        Ok(Body::ClassifyFaultOk { fault_type, .. }) => fault_type == FaultType::Byzantine,
        other => panic!("{scenario}: {other:?}"),
    };
    for (name, behavior) in BEHAVIORS {
        assert_eq!(is_byzantine(name), behavior != Behavior::Silence, "{name}");
    }
    for (name, _) in EXAMPLES {
        assert!(is_byzantine(name), "{name}");
    }
    assert!(is_byzantine("selective_sending"));
    for algorithm in [Algorithm::Raft, Algorithm::Pbft] {
        match fail(algorithm, "n2", "crash") {
            Ok(Body::CftFailureDemoOk { consensus_reached: true, value_correct: true, reason }) => {
                assert!(reason.ends_with("_bears_crash"), "{reason}");
            }
            other => panic!("{algorithm:?}: {other:?}"),
        }
    }
}
