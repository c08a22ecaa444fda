//! What random schedules have in common, whichever protocol they drive: what is tried with how many
//! nodes and seeds, and what has to come of it.

use std::fmt::Debug;

use bft::Quorums;

/// How many events a schedule has for each node.
pub(crate) const EVENTS: usize = 100;

/// What the Byzantine nodes would like to see decided; nobody may.
pub(crate) const INVALID: u32 = 666;

pub(crate) fn is_valid(value: &u32) -> bool {
    *value != INVALID
}

/// A cluster, some of it Byzantine, and a network without order.
pub(crate) trait Schedule: Sized {
    /// A way to get the protocol wrong, or none by default.
    type Mistake: Copy + Debug + Default;

    fn new(seed: u64, quorums: Quorums, mistake: Self::Mistake) -> Self;

    /// Lets things happen by chance. An error says what must not be.
    fn run(&mut self) -> Result<(), String>;

    /// Whether the honest nodes decide something once they are left alone, all of them the same.
    fn gets_on(&mut self) -> Result<bool, String>;
}

/// The first seed in which something is wrong.
fn first_failure<S: Schedule>(
    seeds: u64,
    quorums: Quorums,
    mistake: S::Mistake,
) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| Some((seed, S::new(seed, quorums, mistake).run().err()?)))
}

/// Nothing breaks an invariant, and what is left alone gets on.
pub(crate) fn stands_with_3f_plus_1<S: Schedule>() {
    for (nodes, seeds) in [(4, 3000), (7, 300), (5, 300), (1, 10)] {
        for seed in 0..seeds {
            let mut schedule = S::new(seed, Quorums::of(nodes), S::Mistake::default());
            assert_eq!(schedule.run(), Ok(()), "{nodes} nodes, seed {seed}");
            assert_eq!(schedule.gets_on(), Ok(true), "{nodes} nodes, seed {seed}");
        }
    }
}

/// Quorums of n - f of 3f nodes are made to disagree within 100 seeds.
pub(crate) fn disagrees_with_3f<S: Schedule>() {
    let quorums = Quorums::sized(3, 1, 2);
    let failure = first_failure::<S>(100, quorums, S::Mistake::default());
    let (_, failure) = failure.expect("a disagreement");
    assert!(failure.starts_with("agreement"), "{failure}");
}

/// Four nodes that make this mistake disagree within so many seeds: with which, and how.
pub(crate) fn found<S: Schedule>(seeds: u64, mistake: S::Mistake) -> (u64, String) {
    let found = first_failure::<S>(seeds, Quorums::of(4), mistake);
    let (seed, failure) = found.unwrap_or_else(|| panic!("{mistake:?} was not found"));
    assert!(failure.starts_with("agreement"), "{mistake:?}: {failure}");
    (seed, failure)
}
