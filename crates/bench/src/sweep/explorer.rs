//! Which run comes next: by its seed alone, or by what was seen in the runs before it.
//!
//! A guided sweep is made of islands of so many runs. On an island every other run is a
//! [mixed](Strategy::Mixed) one; the others begin like a run that reached a state of the cluster which no run
//! of the island had reached before, and draw all chance anew from the moment at which it did. So the choices of
//! a run are a seed and the moments at which another one takes over, which is also how it is repeated
//! (`--reseed`) and made smaller. Which runs an island has depends on its number alone, and not on how
//! many of them are tried at a time, or by whom.

use std::time::Duration;

use rustc_hash::FxHashSet;
use simulator::Random;

use super::{Attempt, Runner, Strategy};
use crate::command_line::Call;
use crate::outcome::FailureKind;
use crate::run::TestError;

/// Runs of an island.
const ISLAND: u64 = 100;
/// Chance that a run goes on from another one, where there is one.
const BRANCH: f64 = 0.5;
/// Runs that are gone on from: the last ones that reached something new.
const KEPT_MAX: usize = 20;

/// Makes the runs of a sweep one after the other, in rising order of their seeds.
pub struct Explorer<'a> {
    strategy: Strategy,
    base: &'a Call,
    /// The number of the island on which it is.
    number: u64,
    island: Island,
}

/// What is known from the runs of an island.
#[derive(Default)]
struct Island {
    seen: FxHashSet<u64>,
    kept: Vec<Kept>,
}

/// A run in which something new happened, and when.
struct Kept {
    call: Call,
    news: Vec<Duration>,
}

impl<'a> Explorer<'a> {
    /// One that has seen nothing yet. `base` is what was asked for.
    pub fn new(strategy: Strategy, base: &'a Call) -> Self {
        Self { strategy, base, number: u64::MAX, island: Island::default() }
    }

    /// How many seeds belong together: what comes of one of them depends on those before it.
    pub fn together(strategy: Strategy) -> u64 {
        if strategy == Strategy::Guided { ISLAND } else { 1 }
    }

    /// Makes the run of a seed. Where the seed has drawn faults so dense that not one operation of some kind
    /// succeeded, that says nothing about the node: then it is the run that was asked for.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn attempt(
        &mut self,
        runner: &dyn Runner,
        seed: u64,
    ) -> Result<(Call, Attempt), TestError> {
        let mut call = self.call(seed);
        let attempt = runner.attempt(&call)?;
        self.learn(&call, &attempt.reached);
        // Nobody wants to know any more.
        call.options.cover = false;
        let failure = attempt.outcome.failure();
        if self.strategy == Strategy::Independent
            || failure.is_none_or(|failure| failure.kind != FailureKind::Stats)
        {
            return Ok((call, attempt));
        }
        attempt.discard();
        let call = Strategy::Independent.call(self.base, seed);
        let attempt = runner.attempt(&call)?;
        Ok((call, attempt))
    }

    /// The run of a seed.
    pub fn call(&mut self, seed: u64) -> Call {
        if self.strategy != Strategy::Guided {
            return self.strategy.call(self.base, seed);
        }
        if self.number != seed / ISLAND {
            self.number = seed / ISLAND;
            self.island = Island::default();
        }
        let mut call =
            self.island.branch(seed).unwrap_or_else(|| Strategy::Mixed.call(self.base, seed));
        call.options.cover = true;
        call
    }

    /// Learns which states a run has reached, in the order in which it did.
    pub fn learn(&mut self, call: &Call, reached: &[(Duration, u64)]) {
        if self.strategy == Strategy::Guided {
            self.island.learn(call, reached);
        }
    }
}

impl Island {
    /// A run that begins like an earlier one, if this seed has it so.
    fn branch(&self, seed: u64) -> Option<Call> {
        let mut random = Random::new(seed, "guided");
        if !random.chance(BRANCH) {
            return None;
        }
        let Kept { call, news } = random.pick(&self.kept)?;
        let time = *random.pick(news)?;
        let mut call = call.clone();
        call.options.reseeds = call.options.reseeds.and_from(time, seed);
        Some(call)
    }

    fn learn(&mut self, call: &Call, reached: &[(Duration, u64)]) {
        let is_new = |(_, state): &&(Duration, u64)| self.seen.insert(*state);
        let news: Vec<_> = reached.iter().filter(is_new).map(|(time, _)| *time).collect();
        if news.is_empty() {
            return;
        }
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        self.kept.push(Kept { call: call.clone(), news });
    }
}

#[cfg(test)]
mod tests;
