//! Making a failing run smaller: fewer kinds of faults, fewer nodes, a shorter time, fewer
//! operations, fewer faults, as long as it still fails.

use std::time::Duration;

use simulator::LatencyDistribution;

use crate::options::Options;

/// Time limits are shortened in steps of so much.
const TIME_STEP: Duration = Duration::from_millis(100);
/// Seeds that are tried with a change after which everything happens differently.
const SEEDS_TRIED: u64 = 8;
/// The lowest rate that is tried, in operations a second.
const RATE_MIN: f64 = 1.0;

/// A run that was made smaller.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest run found that still fails.
    pub options: Options,
    /// How many runs it took to find it.
    pub runs: usize,
}

/// Looks for a smaller run which `fails` says fails likewise, in at most so many runs.
///
/// Less time, fewer operations and fewer faults leave the beginning of a run as it was, so the seed
/// stays. Fewer nodes or kinds of faults and a lower rate make another run of it: there a few seeds
/// are tried.
///
/// # Errors
/// The first of `fails`, if it cannot make a run; no other is tried then.
pub fn shrink<E>(
    options: &Options,
    runs_max: usize,
    fails: impl FnMut(&Options) -> Result<bool, E>,
) -> Result<Shrunk, E> {
    let mut shrinker = Shrinker { best: options.clone(), runs: 0, runs_max, fails, error: None };
    loop {
        let mut smaller = shrinker.drop_faults();
        smaller |= shrinker.drop_nodes();
        smaller |= shrinker.calm_network();
        smaller |= shrinker.shorten();
        smaller |= shrinker.lower_rate();
        if let Some(error) = shrinker.error {
            return Err(error);
        }
        if !smaller || shrinker.runs >= runs_max {
            return Ok(Shrunk { options: shrinker.best, runs: shrinker.runs });
        }
    }
}

type Change = fn(&mut Options);

struct Shrinker<F, E> {
    best: Options,
    runs: usize,
    runs_max: usize,
    fails: F,
    error: Option<E>,
}

impl<E, F: FnMut(&Options) -> Result<bool, E>> Shrinker<F, E> {
    /// Keeps the changed run if it still fails.
    fn attempt(&mut self, change: impl FnOnce(&mut Options)) -> bool {
        if self.runs >= self.runs_max || self.error.is_some() {
            return false;
        }
        let mut candidate = self.best.clone();
        change(&mut candidate);
        self.runs += 1;
        let failed = (self.fails)(&candidate).unwrap_or_else(|error| {
            self.error = Some(error);
            false
        });
        if failed {
            self.best = candidate;
        }
        failed
    }

    /// The same with a few seeds.
    fn attempt_anew(&mut self, change: impl Fn(&mut Options)) -> bool {
        let seed = self.best.seed;
        (0..SEEDS_TRIED).any(|more| {
            self.attempt(|options| {
                change(options);
                options.seed = seed.wrapping_add(more);
            })
        })
    }

    fn drop_faults(&mut self) -> bool {
        let kinds = self.best.nemesis.clone();
        let mut smaller = false;
        for kind in kinds {
            smaller |= self.attempt_anew(|options| options.nemesis.retain(|other| *other != kind));
        }
        smaller
    }

    fn drop_nodes(&mut self) -> bool {
        let count = self.best.nodes.len();
        let mut counts = vec![1, 2, 3, count / 2, count.saturating_sub(1)];
        let least = self.best.nodes_min();
        counts.retain(|fewer| (least..count).contains(fewer));
        counts.sort_unstable();
        counts.dedup();
        counts.into_iter().any(|fewer| {
            self.attempt_anew(|options| {
                let a_node = options.concurrency / count;
                options.concurrency = fewer * a_node.max(options.workload.default_concurrency(1));
                options.nodes.truncate(fewer);
            })
        })
    }

    /// Takes away what is wrong with the network all the time, and the latency.
    fn calm_network(&mut self) -> bool {
        let Options { loss, duplicate, loss_clients, latency, settle, .. } = self.best;
        let changes: [(bool, Change); 5] = [
            (loss > 0.0, |options| options.loss = 0.0),
            (duplicate > 0.0, |options| options.duplicate = 0.0),
            (loss_clients > 0.0, |options| options.loss_clients = 0.0),
            (!latency.is_zero(), |options| {
                options.latency = Duration::ZERO;
                options.latency_dist = LatencyDistribution::Constant;
            }),
            (!settle.is_zero(), |options| options.settle = Duration::ZERO),
        ];
        let mut smaller = false;
        for (applies, change) in changes {
            smaller |= applies && self.attempt_anew(change);
        }
        smaller
    }

    /// Cuts the end off: what happens before it stays as it is.
    fn shorten(&mut self) -> bool {
        let steps = self.best.time_limit.as_nanos().div_ceil(TIME_STEP.as_nanos());
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        let mut smaller = self.minimize(1, steps, |options, steps| {
            options.time_limit = TIME_STEP * u32::try_from(steps).unwrap_or(u32::MAX);
        });
        // Gaps between steps of any kind are up to twice their mean, and can be short.
        let seconds = self.best.time_limit.as_secs_f64();
        let operations = (seconds * self.best.rate * 2.0).ceil() as u64 + 1;
        let operations = self.best.max_operations.unwrap_or(u64::MAX).min(operations);
        // A run without an operation, or with a nemesis that does nothing, is another run.
        smaller |= self.minimize(1, operations, |options, most| {
            options.max_operations = Some(most);
        });
        if !self.best.nemesis.is_empty() {
            let interval = self.best.nemesis_interval.as_secs_f64();
            let faults = (seconds / interval * 2.0).ceil() as u64 + 1;
            let faults = self.best.max_faults.unwrap_or(u64::MAX).min(faults);
            smaller |= self.minimize(1, faults, |options, most| options.max_faults = Some(most));
        }
        smaller
    }

    fn lower_rate(&mut self) -> bool {
        let mut smaller = false;
        while self.best.rate / 2.0 >= RATE_MIN && self.attempt_anew(|options| options.rate /= 2.0) {
            smaller = true;
        }
        smaller
    }

    /// Looks for the smallest number from `least` up to, but without, `current` that still fails,
    /// by halving: where it is not the case that all larger numbers fail too, for some small one.
    fn minimize(&mut self, least: u64, current: u64, set: impl Fn(&mut Options, u64)) -> bool {
        let (mut passes, mut fails) = (least, current);
        if least < current && self.attempt(|options| set(options, least)) {
            return true;
        }
        while fails - passes.min(fails) > 1 {
            let middle = passes + (fails - passes) / 2;
            if self.attempt(|options| set(options, middle)) {
                fails = middle;
            } else {
                passes = middle;
            }
        }
        fails < current
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::options::FaultKind::{self, Kill, Loss, Partition, Pause};
    use crate::workload::registry::named;

    /// As [`super::shrink`] does it for runs that can always be made.
    fn shrink(
        options: &Options,
        runs_max: usize,
        mut fails: impl FnMut(&Options) -> bool,
    ) -> Shrunk {
        super::shrink(options, runs_max, |options| Ok::<_, Infallible>(fails(options))).unwrap()
    }

    fn big() -> Options {
        let mut options = Options::new(named("lin-kv")).with_nodes(5);
        options.nemesis = vec![Partition, Kill, Pause, Loss];
        options.rate = 100.0;
        options.loss = 0.1;
        options.latency = Duration::from_millis(10);
        options.seed = 40;
        options
    }

    fn big_with(kind: FaultKind) -> Options {
        Options { nemesis: vec![kind, Kill], ..big() }
    }

    #[test]
    fn what_does_not_matter_goes_and_what_matters_stays() {
        // Fails with a kill, on at least three nodes, after at least 12.34 s, 17 operations and
        // 2 faults, at a rate of at least 20.
        let needs = |options: &Options| {
            options.nemesis.contains(&Kill)
                && options.nodes.len() >= 3
                && options.time_limit >= Duration::from_millis(12_340)
                && options.max_operations.unwrap_or(u64::MAX) >= 17
                && options.max_faults.unwrap_or(u64::MAX) >= 2
                && options.rate >= 20.0
        };
        let Shrunk { options, runs } = shrink(&big(), 10_000, needs);
        assert!(needs(&options));
        assert_eq!(options.nemesis, [Kill]);
        assert_eq!((options.nodes.len(), options.concurrency), (3, 6));
        assert_eq!(options.time_limit, Duration::from_millis(12_400));
        assert_eq!((options.max_operations, options.max_faults), (Some(17), Some(2)));
        assert_eq!((options.rate, options.loss, options.latency), (25.0, 0.0, Duration::ZERO));
        assert_eq!(options.seed, 40);
        assert!(runs < 300, "{runs}");
    }

    #[test]
    fn a_change_that_makes_another_run_of_it_may_need_another_seed() {
        let needs =
            |options: &Options| options.nemesis.len() == 4 || options.seed.is_multiple_of(11);
        let shrunk = shrink(&big(), 10_000, needs);
        assert_eq!((shrunk.options.nemesis, shrunk.options.seed), (Vec::<FaultKind>::new(), 44));
    }

    #[test]
    fn no_run_is_made_so_small_that_it_means_nothing() {
        let shrunk = shrink(&big(), 10_000, |options| options.nemesis.contains(&Kill)).options;
        assert_eq!((shrunk.max_operations, shrunk.max_faults), (Some(1), Some(1)));
        assert!(shrunk.time_limit >= TIME_STEP && shrunk.rate >= RATE_MIN);
        assert_eq!((shrunk.nodes.len(), shrunk.concurrency), (1, 2));
    }

    #[test]
    fn what_happens_between_nodes_keeps_two_of_them_and_liars_keep_four() {
        for (kind, least) in [(Partition, 2), (Loss, 2), (Pause, 1), (FaultKind::Byzantine, 4)] {
            let shrunk = shrink(&big_with(kind), 10_000, |options| options.nemesis.contains(&kind));
            assert_eq!(shrunk.options.nodes.len(), least, "{kind:?}");
        }
    }

    #[test]
    fn a_run_that_cannot_be_smaller_stays_and_the_number_of_runs_is_bounded() {
        let before = format!("{:?}", big());
        let shrunk = shrink(&big(), 10_000, |_| false);
        assert_eq!(format!("{:?}", shrunk.options), before);
        let mut runs = 0;
        let shrunk = shrink(&big(), 5, |_| {
            runs += 1;
            false
        });
        assert_eq!((shrunk.runs, runs), (5, 5));
        assert_eq!(shrink(&big(), 0, |_| true).runs, 0);
    }

    #[test]
    fn where_a_run_cannot_be_made_no_other_is_tried() {
        let mut runs = 0;
        let shrunk = super::shrink(&big(), 100, |_| {
            runs += 1;
            if runs == 3 { Err("no") } else { Ok(false) }
        });
        assert_eq!((shrunk.err(), runs), (Some("no"), 3));
    }
}
