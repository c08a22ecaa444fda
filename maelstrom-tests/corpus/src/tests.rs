//! That the nodes are right but for their bug, and that bugs are found. All of them are for `just corpus`.

use std::collections::BTreeSet;
use std::time::Duration;

use bench::sweep::Strategy;

use super::*;

#[test]
fn nodes_are_right_without_their_bug() {
    for bug in RIGHT {
        let base = bug.call(0).unwrap();
        for seed in 0..2 {
            for strategy in [Strategy::Independent, Strategy::Mixed] {
                let failure = measure::failure(&strategy.call(&base, seed)).unwrap();
                assert!(
                    failure.is_none(),
                    "{} with {strategy}, seed {seed}: {failure:?}",
                    bug.name
                );
            }
        }
    }
}

#[test]
fn every_bug_has_a_name_a_source_and_runs_that_can_be_made() {
    let names: BTreeSet<_> = ALL.iter().chain(RIGHT).map(|bug| bug.name).collect();
    assert_eq!(names.len(), ALL.len() + RIGHT.len());
    for bug in ALL {
        assert!(!bug.source.is_empty() && !bug.what.is_empty() && !bug.seen_by.is_empty());
        assert!(bug.call(7).is_ok(), "{}", bug.name);
    }
}

#[test]
fn bugs_are_found_and_made_smaller_and_found_again_from_the_command() {
    for name in ["store-lazy-sync", "gossip-fire-and-forget", "paxos-promise-hides"] {
        let bug = ALL.iter().find(|bug| bug.name == name).unwrap();
        let trial = measure::Trial {
            bug: name.to_owned(),
            strategy: Strategy::Mixed.to_string(),
            number: 0,
            seeds_max: 60,
        };
        let found = measure::run(bug, Strategy::Mixed, &trial, 0, &|| Duration::ZERO).unwrap();
        let seed = found.seeds.expect(name) - 1;
        let call = Strategy::Mixed.call(&bug.call(0).unwrap(), seed);
        let failure = measure::failure(&call).unwrap();
        assert_eq!(failure.map(|failure| failure.cause), found.cause, "{name}");
    }
}

#[test]
fn a_trial_that_goes_on_is_made_smaller_as_one_that_was_made_at_once() {
    let bug = ALL.iter().find(|bug| bug.name == "raft-refuses-what-waited").unwrap();
    for strategy in [Strategy::Independent, Strategy::Mixed, Strategy::Guided] {
        let trial = measure::Trial {
            bug: bug.name.to_owned(),
            strategy: strategy.to_string(),
            number: 1,
            seeds_max: 60,
        };
        let found = |runs| measure::run(bug, strategy, &trial, runs, &|| Duration::ZERO).unwrap();
        let (quick, whole) = (found(0), found(40));
        assert!(whole.size.is_some(), "{strategy}: {whole:?}");
        let later = measure::shrink_found(bug, strategy, &trial, &quick, 40).unwrap();
        assert_eq!((later.size, later.seeds), (whole.size, whole.seeds), "{strategy}");
    }
}
