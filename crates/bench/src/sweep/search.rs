//! Trying seeds on many threads, with an answer that does not depend on how many.

use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::seeds::Seeds;

/// Runs seeds on so many threads, those together that belong together, begun in rising order, and
/// shows what came of them to `watch` as they end.
///
/// When `watch` breaks at some, none above them is begun any more. Those below have all been begun and
/// are still shown; so whoever breaks at every failing seed sees the lowest failing one, whatever the
/// number of threads. What a run leaves behind is gone when `watch` has seen it: memory does not grow
/// with the number of seeds.
pub fn search<T>(
    seeds: Seeds,
    threads: NonZeroUsize,
    run: impl Fn(Range<u64>) -> T + Sync,
    watch: impl FnMut(T) -> ControlFlow<()> + Send,
) {
    let next = AtomicU64::new(0);
    // Positions from here on are not begun any more.
    let end = AtomicU64::new(u64::MAX);
    let watch = Mutex::new(watch);
    let work = || {
        loop {
            let position = next.fetch_add(1, Ordering::SeqCst);
            if position >= end.load(Ordering::SeqCst) {
                return;
            }
            let Some(seeds) = seeds.get(position) else { return };
            let outcome = run(seeds);
            let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
            if watch(outcome).is_break() {
                end.fetch_min(position, Ordering::SeqCst);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.get() {
            scope.spawn(work);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::seeds::{SeedRange, Shard};

    /// The seeds below 500 that were tried and those of them that failed, breaking at each failing
    /// one if `stop`.
    fn try_out(
        threads: usize,
        stop: bool,
        fails: impl Fn(u64) -> bool + Sync,
    ) -> (Vec<u64>, Vec<u64>) {
        let seeds = Seeds::new(SeedRange { start: 0, end: 500 }, Shard::default(), 1);
        let (mut tried, mut failed) = (Vec::new(), Vec::new());
        let run = |seeds: Range<u64>| {
            let seed = seeds.start;
            // Low seeds take longer, so that higher ones end sooner.
            let work = (0..(500 - seed) * 20).fold(seed, |sum, more| sum.wrapping_mul(31) ^ more);
            (seed, fails(seed) || work == 1)
        };
        search(seeds, NonZeroUsize::new(threads).unwrap(), run, |(seed, failure)| {
            tried.push(seed);
            if failure {
                failed.push(seed);
            }
            if failure && stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        tried.sort_unstable();
        failed.sort_unstable();
        (tried, failed)
    }

    #[test]
    fn the_lowest_failing_seed_is_found_whatever_the_number_of_threads() {
        for threads in [1, 2, 8] {
            let (tried, failed) = try_out(threads, true, |seed| seed >= 100 && seed % 7 == 0);
            assert_eq!(failed[0], 105, "{threads} threads");
            assert_eq!(tried[..106], (0..106).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_new_begins_after_the_end() {
        let seeds = Seeds::new(SeedRange { start: 0, end: u64::MAX }, Shard::default(), 1);
        let threads = NonZeroUsize::new(3).unwrap();
        let (mut ended, mut later) = (false, 0);
        search(
            seeds,
            threads,
            |seeds| seeds.start,
            |seed| {
                later += u64::from(ended);
                ended |= seed == 10;
                if ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        // What the other two threads had under way still comes.
        assert!(ended && later <= 2, "{later}");
    }

    #[test]
    fn without_a_break_every_seed_is_tried_once() {
        let (tried, failed) = try_out(4, false, |seed| seed % 100 == 50);
        assert_eq!(tried, (0..500).collect::<Vec<_>>());
        assert_eq!(failed, [50, 150, 250, 350, 450]);
    }
}
