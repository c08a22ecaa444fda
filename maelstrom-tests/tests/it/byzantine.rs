//! `--nemesis byzantine` in virtual time: nodes that lie, and what the history makes of it.

use std::time::Duration;

use checkers::{Kind, Process};
use eddy::analysis::{Subject, analyse};
use eddy::harness::Record;
use eddy::options::{FaultKind, Options};
use eddy::outcome::Outcome;
use eddy::programs::CONSENSUS;
use eddy::progress::Silent;
use eddy::simulated::simulate;
use eddy::workload::registry::named;

/// With keyed hashes, which are enough where nobody forges them, and fast.
const PROTOCOLS: [&str; 2] = ["pbft", "tendermint"];

fn options(nodes: usize, seed: u64) -> Options {
    let mut options = Options::new(named("lin-kv")).with_nodes(nodes);
    options.rate = 15.0;
    options.time_limit = Duration::from_secs(12);
    options.settle = Duration::from_secs(3);
    options.latency = Duration::from_millis(10);
    options.nemesis = vec![FaultKind::Byzantine];
    options.nemesis_interval = Duration::from_secs(3);
    options.seed = seed;
    options
}

fn run(protocol: &str, more: &[&str], options: &Options) -> Record {
    let args = [protocol, "--authenticity", "blake3", "--state-dir", "x"];
    let args: Vec<String> = args.iter().chain(more).map(|&word| word.to_owned()).collect();
    simulate(CONSENSUS, &args, options, None, &mut Silent).expect("it runs")
}

/// Why a run is not valid, if it is not.
fn failure(options: &Options, record: &Record) -> Option<String> {
    let results = analyse(options, &Subject::default(), record, &[], &mut || false);
    Outcome::of(&results).failure().map(|failure| failure.cause.clone())
}

#[test]
fn one_liar_of_four_breaks_nothing_and_all_serve_when_it_is_honest_again() {
    for protocol in PROTOCOLS {
        for seed in 0..3 {
            let mut options = options(4, seed);
            options.nemesis.extend([FaultKind::Partition, FaultKind::Loss, FaultKind::Kill]);
            let record = run(protocol, &[], &options);
            assert_eq!(failure(&options, &record), None, "{protocol}, seed {seed}");
            assert!(record.unsettled.is_empty(), "{protocol}, seed {seed}");
        }
    }
}

#[test]
fn one_liar_of_three_is_found_by_a_few_seeds() {
    for protocol in PROTOCOLS {
        let found = (0..20).find_map(|seed| {
            let mut options = options(3, seed);
            options.byzantine_nodes = Some(1);
            let record = run(protocol, &["--faulty", "1", "--quorum", "2"], &options);
            failure(&options, &record)
        });
        println!("{protocol}: {found:?}");
        assert!(found.is_some(), "{protocol}");
    }
}

#[test]
fn what_goes_through_a_liar_is_never_known_and_what_it_makes_up_is_in_the_history() {
    let (mut through_liar, mut made_up) = (0, 0);
    for seed in 0..4 {
        let options = options(4, seed);
        let [liar] = options.liars()[..] else { panic!("one of four") };
        let record = run("pbft", &[], &options);
        let mut lies = false;
        for event in record.history.events() {
            match event.f() {
                "start-byzantine" => lies = true,
                "stop-byzantine" => lies = false,
                _ => {}
            }
            let Process::Client(process) = event.process() else { continue };
            if process >= 1 << 32 {
                made_up += 1;
                assert_ne!(event.kind(), Kind::Ok);
            } else if lies && process as usize % options.concurrency % 4 == liar {
                through_liar += 1;
                assert_ne!(event.kind(), Kind::Ok, "process {process}");
            }
        }
    }
    assert!(through_liar > 20, "{through_liar} events through the liar");
    assert!(made_up > 0 && made_up % 2 == 0, "{made_up} events that no client made");
}

#[test]
fn a_node_of_which_nobody_has_said_how_it_lies_is_refused() {
    let args = ["lin-kv".to_owned()];
    let error = simulate(CONSENSUS, &args, &options(4, 0), None, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("nobody has said how this node lies"), "{error}");
}
