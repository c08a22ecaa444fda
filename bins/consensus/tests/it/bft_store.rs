//! The store on PBFT and on Tendermint: clusters under faults drawn from a seed, all of them honest.

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
