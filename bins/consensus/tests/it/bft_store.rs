//! The store on PBFT and on Tendermint: clusters under faults drawn from a seed, honest ones and ones
//! with liars, of enough nodes and of too few.

use std::time::Duration;

use proto::{AnyMessage, Liar, Time};

use crate::store_cluster::{Plan, Run};

/// With keyed hashes, which cost nothing in virtual time; with signatures there is a run below.
const PROTOCOLS: [[&str; 3]; 2] =
    [["pbft", "--authenticity", "blake3"], ["tendermint", "--authenticity", "blake3"]];

fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("FIRST_SEED").unwrap_or(0);
    first..first + number("SEEDS").unwrap_or(default)
}

#[test]
fn clusters_are_safe_under_faults_and_serve_after_them() {
    for arguments in PROTOCOLS {
        for seed in seeds(5) {
            let result = Run::new(seed, &arguments, Plan::default()).run();
            assert_eq!(result, Ok(()), "{} seed {seed}", arguments[0]);
        }
    }
}

/// Slow clients, because each operation of unknown outcome is one more that may have happened at any
/// time, and a history full of them is hard to judge.
const WITH_LIARS: Plan = Plan {
    nodes: 4,
    liars: 1,
    is_wrong: false,
    is_durable: true,
    faulty: Duration::from_secs(6),
    healthy: Duration::from_secs(4),
    pause: Duration::from_millis(300),
};

#[test]
fn at_3f_plus_1_a_liar_breaks_nothing_and_honest_nodes_serve() {
    for arguments in PROTOCOLS {
        for seed in seeds(6) {
            let result = Run::new(seed, &arguments, WITH_LIARS).run();
            assert_eq!(result, Ok(()), "{} seed {seed}", arguments[0]);
        }
    }
}

#[test]
fn signatures_serve_as_well_as_hashes() {
    for protocol in ["pbft", "tendermint"] {
        let plan = Plan { faulty: Duration::from_secs(2), ..WITH_LIARS };
        assert_eq!(Run::new(1, &[protocol], plan).run(), Ok(()), "{protocol}");
    }
}

/// The first seed in which something is wrong, and what.
fn first_failure(arguments: &[&str], plan: Plan, seeds: u64) -> Option<(u64, String)> {
    let plan = Plan { is_wrong: true, ..plan };
    (0..seeds).find_map(|seed| Some((seed, Run::new(seed, arguments, plan).run().err()?)))
}

#[test]
fn at_3f_quorums_of_n_minus_f_are_made_to_disagree_within_20_seeds() {
    for [protocol, flag, hashes] in PROTOCOLS {
        let plan = Plan { nodes: 3, ..WITH_LIARS };
        let arguments = [protocol, flag, hashes, "--faulty", "1", "--quorum", "2"];
        let (seed, failure) = first_failure(&arguments, plan, 20).expect("a disagreement");
        println!("{protocol}: seed {seed}: {failure}");
        assert!(failure.starts_with("agreement"), "{failure}");
    }
}

#[test]
fn small_quorums_of_four_nodes_are_found_within_20_seeds() {
    for [protocol, flag, hashes] in PROTOCOLS {
        let arguments = [protocol, flag, hashes, "--quorum", "2"];
        let (seed, failure) = first_failure(&arguments, WITH_LIARS, 20).expect("a disagreement");
        println!("{protocol}: seed {seed}: {failure}");
        assert!(failure.starts_with("agreement"), "{failure}");
    }
}

/// A Byzantine node that is alive, hears everything, and says nothing to anybody.
#[derive(Debug)]
struct Mute;

impl Liar for Mute {
    fn tell(&mut self, _: AnyMessage, _: &mut Vec<AnyMessage>) {}
}

/// How `f` nodes fall silent.
#[derive(Debug, Clone, Copy)]
enum Silence {
    /// They were killed.
    Dead,
    /// They are Byzantine.
    Mute,
}

impl Silence {
    fn begin(self, run: &mut Run, node: usize) {
        match self {
            Self::Dead => run.cluster.crash(node),
            Self::Mute => {
                run.cluster.set_liar(node, Box::new(Mute));
                run.cluster.lie(node, true);
            }
        }
    }

    fn end(self, run: &mut Run, node: usize) {
        match self {
            Self::Dead => run.cluster.restart(node),
            Self::Mute => run.cluster.lie(node, false),
        }
    }
}

#[test]
fn at_3f_quorums_of_2f_plus_1_serve_nobody_while_f_are_silent() {
    for [protocol, flag, hashes] in PROTOCOLS {
        for (faulty, nodes, silence) in [
            (1, 3, Silence::Mute),
            (1, 3, Silence::Dead),
            (2, 6, Silence::Mute),
            (1, 4, Silence::Mute),
            (1, 4, Silence::Dead),
        ] {
            let what = format!("{protocol}, {nodes} nodes, {silence:?}");
            let quorum = (2 * faulty + 1).to_string();
            let faults = faulty.to_string();
            let arguments = [protocol, flag, hashes, "--faulty", &faults, "--quorum", &quorum];
            let plan = Plan { nodes, ..Plan::default() };
            let mut run = Run::new(1, &arguments, plan);
            (0..faulty).for_each(|node| silence.begin(&mut run, node));
            run.run_until(Time::ZERO + Duration::from_secs(10)).unwrap();
            // With one node more all others serve; without it nobody does.
            let is_enough = nodes > 3 * faulty;
            let unserved: Vec<usize> = (if is_enough { 0..faulty } else { 0..nodes }).collect();
            assert_eq!(run.silent(), unserved, "{what}");
            (0..faulty).for_each(|node| silence.end(&mut run, node));
            run.run_until(Time::ZERO + Duration::from_secs(20)).unwrap();
            assert_eq!(run.silent(), [0; 0], "{what}: none is silent any more");
        }
    }
}
