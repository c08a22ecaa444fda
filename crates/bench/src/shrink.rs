//! Making a failing run smaller: fewer kinds of faults, fewer nodes, a shorter time, and in the end only
//! those operations and faults without which it does not fail, and only those messages left to chance.

use std::time::Duration;

use simulator::{Chance, LatencyDistribution, Numbers, Source};

use crate::options::Options;
use crate::reseeds::Reseeds;

/// Time limits are shortened in steps of so much.
const TIME_STEP: Duration = Duration::from_millis(100);
/// Seeds that are tried with a change after which everything happens differently.
const SEEDS_TRIED: u64 = 8;
/// Seeds that are tried for a run with half of the operations, where there are more than so many.
const SEEDS_TRIED_AGAIN: u64 = 24;
const OPERATIONS_ENOUGH: u64 = 10;
/// Most operations of a run of which single ones are left out.
const NUMBERS_MAX: u64 = 1_000_000;
/// Most messages that are lost by name instead of at random.
const LOSSES_MAX: usize = 10;
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
/// First the end is cut off, which leaves what happens before it as it was. Then, for half of the runs at
/// most, come changes that make another run of it, so that a few seeds are tried: fewer kinds of faults or
/// nodes, a calmer network, a lower rate. Where messages have to be lost, and no more than a few, those are
/// lost by name then, and not at random. At last single faults and operations are left out, many at a
/// time where that goes (delta debugging: Zeller and Hildebrandt, TSE 2002); what is left of them is drawn
/// as before. Where many operations are left, other seeds are tried with half of them. What then is still left
/// to chance is what matters: all messages are spared but those whose loss or delay does, and all draws but
/// those without which the run does not fail.
///
/// # Errors
/// The first of `fails`, if it cannot make a run; no other is tried then.
pub fn shrink<E>(
    options: &Options,
    runs_max: usize,
    fails: impl FnMut(&Options) -> Result<bool, E>,
) -> Result<Shrunk, E> {
    let mut shrinker =
        Shrinker { best: options.clone(), first: options, runs: 0, runs_max, fails, error: None };
    shrinker.forget_reseeds();
    shrinker.shorten();
    loop {
        let mut changed = shrinker.drop_faults();
        changed |= shrinker.drop_nodes();
        changed |= shrinker.calm_network();
        changed |= shrinker.lower_rate();
        if !changed {
            break;
        }
        shrinker.shorten();
    }
    let is_named = shrinker.name_losses();
    loop {
        while shrinker.runs < runs_max && shrinker.leave_out() {}
        if is_named || !shrinker.begin_again() {
            break;
        }
    }
    if !is_named {
        shrinker.spare_messages();
    }
    shrinker.spare_draws();
    shrinker.say_size();
    match shrinker.error {
        Some(error) => Err(error),
        None => Ok(Shrunk { options: shrinker.best, runs: shrinker.runs }),
    }
}

type Change = fn(&mut Options);

struct Shrinker<'a, F, E> {
    best: Options,
    first: &'a Options,
    runs: usize,
    runs_max: usize,
    fails: F,
    error: Option<E>,
}

impl<E, F: FnMut(&Options) -> Result<bool, E>> Shrinker<'_, F, E> {
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

    /// The same with a few seeds, and as long a run as the first was; for half of all runs at most.
    fn attempt_anew(&mut self, change: impl Fn(&mut Options)) -> bool {
        self.attempt_seeds(SEEDS_TRIED, self.runs_max / 2, change)
    }

    /// The same with so many seeds, as long as there were fewer runs than so many.
    fn attempt_seeds(&mut self, seeds: u64, runs: usize, change: impl Fn(&mut Options)) -> bool {
        let (first, seed) = (self.first, self.best.seed);
        (0..seeds).any(|more| {
            self.runs < runs
                && self.attempt(|options| {
                    options.time_limit = first.time_limit;
                    options.max_operations = first.max_operations;
                    options.max_faults = first.max_faults;
                    options.omit_operations = first.omit_operations.clone();
                    options.omit_faults = first.omit_faults.clone();
                    options.chance = first.chance.clone();
                    options.lose_messages = first.lose_messages.clone();
                    options.reseeds = Reseeds::default();
                    options.seed = seed.wrapping_add(more);
                    change(options);
                })
        })
    }

    /// Where many operations are left, looks for another run that needs at most half of them: one that is
    /// easily found may have had bad luck.
    fn begin_again(&mut self) -> bool {
        let operations = self.best.size().0.unwrap_or(0);
        let half = Some(operations / 2);
        let found = operations > OPERATIONS_ENOUGH
            && self.attempt_seeds(SEEDS_TRIED_AGAIN, self.runs_max, |options| {
                options.max_operations = half;
            });
        if found {
            self.shorten();
        }
        found
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
        let Options { loss, duplicate, loss_clients, latency, latency_dist, settle, .. } =
            self.best;
        let changes: [(bool, Change); 6] = [
            (loss > 0.0, |options| options.loss = 0.0),
            (duplicate > 0.0, |options| options.duplicate = 0.0),
            (loss_clients > 0.0, |options| options.loss_clients = 0.0),
            (!latency.is_zero(), |options| {
                options.latency = Duration::ZERO;
                options.latency_dist = LatencyDistribution::Constant;
            }),
            // With fewer chances drawn, what is left out changes less of the rest.
            (latency_dist != LatencyDistribution::Constant, |options| {
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

    /// Lets the seeds before the last ones decide the rest too.
    fn forget_reseeds(&mut self) {
        while !self.best.reseeds.is_empty()
            && self.attempt(|options| options.reseeds = options.reseeds.without_last())
        {}
    }

    /// Cuts the end off: what happens before it stays as it is.
    fn shorten(&mut self) {
        self.shorten_time();
        // A run without an operation, or with a nemesis that does nothing, is another run.
        let operations = self.operations_max();
        self.minimize(1, operations, |options, most| options.max_operations = Some(most));
        if !self.best.nemesis.is_empty() {
            let faults = self.faults_max();
            self.minimize(1, faults, |options, most| options.max_faults = Some(most));
        }
    }

    /// Where every smaller number was too small, a run that was shortened says how many operations and
    /// faults its time has room for.
    fn say_size(&mut self) {
        if self.best.time_limit < self.first.time_limit {
            let (operations, faults) = (self.operations_max(), self.faults_max());
            self.best.max_operations.get_or_insert(operations);
            if !self.best.nemesis.is_empty() {
                self.best.max_faults.get_or_insert(faults);
            }
        }
    }

    fn shorten_time(&mut self) {
        let steps = self.best.time_limit.as_nanos().div_ceil(TIME_STEP.as_nanos());
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        self.minimize(1, steps, |options, steps| {
            options.time_limit = TIME_STEP * u32::try_from(steps).unwrap_or(u32::MAX);
        });
    }

    /// How many operations the main phase can have.
    fn operations_max(&self) -> u64 {
        let Options { max_operations, rate, .. } = self.best;
        max_operations.unwrap_or(u64::MAX).min(self.steps_max(rate))
    }

    /// How many faults the nemesis can bring.
    fn faults_max(&self) -> u64 {
        let Options { ref nemesis, max_faults, nemesis_interval, .. } = self.best;
        // Each kind comes and goes by itself.
        let rate = nemesis.len() as f64 / nemesis_interval.as_secs_f64();
        max_faults.unwrap_or(u64::MAX).min(self.steps_max(rate))
    }

    /// How many steps the main phase can have that come at this rate.
    fn steps_max(&self, rate: f64) -> u64 {
        // Gaps between steps of any kind are up to twice their mean, and can be short.
        (self.best.time_limit.as_secs_f64() * rate * 2.0).ceil() as u64 + 1
    }

    /// Leaves out single faults and operations.
    fn leave_out(&mut self) -> bool {
        let mut smaller = false;
        if !self.best.nemesis.is_empty() && !self.attempt(Options::forget_faults) {
            let faults = kept(&self.best.omit_faults, self.faults_max());
            smaller |= self.thin_out(faults, |shrinker, faults, most| {
                shrinker.attempt(|options| {
                    options.max_faults = Some(most);
                    options.omit_faults = Numbers::all_but(faults, most);
                })
            });
        }
        let operations = kept(&self.best.omit_operations, self.operations_max());
        smaller |= self.thin_out(operations, Self::leave_operations);
        self.shorten_time();
        smaller
    }

    /// Leaves to chance what becomes of few messages: those that are sent early, and of them those that
    /// matter. Says which; nothing if there are too many to tell.
    fn spare_messages(&mut self) -> Option<Vec<u64>> {
        if !self.best.draws_fates()
            || self.attempt(Options::calm_network) && !self.best.draws_fates()
        {
            return Some(Vec::new());
        }
        self.spare(Source::Messages)
    }

    /// Leaves to chance only few draws of this source: early ones, and of them those that matter. Says
    /// which; nothing if there are too many to tell.
    fn spare(&mut self, source: Source) -> Option<Vec<u64>> {
        let spare_from = |options: &mut Options, end: u64| {
            let left = kept(options.chance.spared(source), end);
            options.chance.spare(source, Numbers::only(&left));
        };
        // So many are surely all.
        let ends = std::iter::successors(Some(1), |end| Some(2 * end));
        let mut ends = ends.take_while(|end| *end < NUMBERS_MAX);
        if self.attempt(|options| spare_from(options, 0)) {
            return Some(Vec::new());
        }
        let end = ends.find(|end| self.attempt(|options| spare_from(options, *end)))?;
        self.minimize(end / 2 + 1, end, spare_from);
        self.thin_out(kept(self.best.chance.spared(source), end), |shrinker, kept, _| {
            shrinker.attempt(|options| options.chance.spare(source, Numbers::only(kept)))
        });
        Some(kept(self.best.chance.spared(source), end))
    }

    /// Has what comes now take one such part of all runs at most; gives how many there are in all.
    fn save_runs(&mut self, part: usize) -> usize {
        let of_now = self.runs_max.min(self.runs + self.runs_max / part);
        std::mem::replace(&mut self.runs_max, of_now)
    }

    /// Leaves nothing to chance but what matters, in an eighth of all runs at most.
    fn spare_draws(&mut self) {
        let runs_max = self.save_runs(8);
        if !self.attempt(|options| options.chance = Chance::none()) {
            let has_fates = self.best.draws_fates();
            let open = |source: &Source| *source != Source::Messages || !has_fates;
            // The generator has the most draws, and the most of those that matter.
            Source::ALL.into_iter().filter(open).rev().for_each(|source| {
                self.spare(source);
            });
        }
        self.runs_max = runs_max;
    }

    /// Has those messages lost by name that have to be, and leaves nothing else about messages to chance; says
    /// whether that fails too. For a quarter of all runs at most.
    fn name_losses(&mut self) -> bool {
        if !self.best.loses_at_random() {
            return false;
        }
        let (before, runs_max) = (self.best.clone(), self.save_runs(4));
        let lost = self.spare_messages().unwrap_or_default();
        let is_named = (1..=LOSSES_MAX).contains(&lost.len())
            && self.attempt(|options| options.lose_by_name(&lost));
        self.runs_max = runs_max;
        // Messages that are spared by their numbers would be others with fewer operations.
        if !is_named && self.best.draws_fates() {
            self.best = before;
        }
        is_named
    }

    /// Leaves out all operations but these, if the run still fails; says whether. With operations messages go,
    /// so that those that have to be lost have lower numbers: the likeliest are tried first.
    fn leave_operations(&mut self, operations: &[u64], most: u64) -> bool {
        let lost = self.best.lose_messages.clone();
        let Some(highest) = lost.highest() else {
            return self.attempt(|options| options.leave_operations(operations, most));
        };
        let before = self.best.omit_operations.left_below(self.operations_max());
        let gone = before.saturating_sub(operations.len() as u64);
        let likeliest = gone * highest / before.max(1);
        let most_fewer = highest.min(gone * 2 * self.best.nodes.len() as u64);
        let mut fewer: Vec<u64> = (0..=most_fewer).collect();
        fewer.sort_by_key(|fewer| fewer.abs_diff(likeliest));
        fewer.into_iter().any(|fewer| {
            self.attempt(|options| {
                options.leave_operations(operations, most);
                options.lose_messages = lost.lowered_by(fewer);
            })
        })
    }

    /// Looks for few of these numbers with which the run still fails, at least one: leaves out halves of
    /// them, quarters, and so on. `fails` gets those that stay, and the first number above them.
    fn thin_out(
        &mut self,
        mut kept: Vec<u64>,
        mut fails: impl FnMut(&mut Self, &[u64], u64) -> bool,
    ) -> bool {
        let before = kept.len();
        let mut length = before / 2;
        while length > 0 {
            let (mut at, count) = (0, kept.len());
            while at < kept.len() {
                let end = kept.len().min(at + length);
                let stay = [&kept[..at], &kept[end..]].concat();
                match stay.last() {
                    Some(last) if fails(self, &stay, last + 1) => kept = stay,
                    _ => at = end,
                }
            }
            // With the last one gone another may do without.
            if length > 1 || kept.len() == count {
                length /= 2;
            }
        }
        kept.len() < before
    }

    fn lower_rate(&mut self) -> bool {
        let mut changed = false;
        while self.best.rate / 2.0 >= RATE_MIN && self.attempt_anew(|options| options.rate /= 2.0) {
            changed = true;
        }
        changed
    }

    /// Looks for the smallest number from `least` up to, but without, `current` that still fails,
    /// by halving: where it is not the case that all larger numbers fail too, for some small one.
    fn minimize(&mut self, least: u64, current: u64, set: impl Fn(&mut Options, u64)) {
        let (mut passes, mut fails) = (least, current);
        if least < current && self.attempt(|options| set(options, least)) {
            return;
        }
        while fails - passes.min(fails) > 1 {
            let middle = passes + (fails - passes) / 2;
            if self.attempt(|options| set(options, middle)) {
                fails = middle;
            } else {
                passes = middle;
            }
        }
    }
}

/// The numbers below `end` that are not left out; none where they are too many to try without some.
fn kept(omitted: &Numbers, end: u64) -> Vec<u64> {
    let end = if end <= NUMBERS_MAX { end } else { 0 };
    (0..end).filter(|number| !omitted.contains(*number)).collect()
}

#[cfg(test)]
mod tests;
