//! When a replica compares its state with that of its anchor, and who that is.

use std::time::Duration;

use proto::{Context, Time};

use super::link::{ATTEMPTS_MAX, Asked};
use super::{Replica, Replicated, State, Step};

/// When a replica that has just started compares, a little more by chance.
pub(super) const GREETING_DELAY: Duration = Duration::from_millis(700);
/// How long nothing has to change before a replica compares.
pub(super) const QUIET: Duration = Duration::from_secs(1);
/// How long changes can put that off.
const PATIENCE: Duration = Duration::from_secs(5);

/// A comparison that is to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settling {
    pub(super) since: Time,
    pub(super) at: Time,
}

/// A comparison under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    /// The place of the peer among the links.
    pub(super) link: usize,
    pub(super) asked: Asked,
}

impl<S: State> Replica<S> {
    /// Something has changed that the anchor may not know.
    pub(super) fn unsettle(&mut self, now: Time) {
        if !self.links.is_empty() {
            let since = self.settling.map_or(now, |settling| settling.since);
            self.settling = Some(Settling { since, at: (now + QUIET).min(since + PATIENCE) });
        }
    }

    /// Ends the comparison with this peer, if there is one.
    pub(super) fn compared(&mut self, index: usize, now: Time) -> bool {
        let Some(comparison) = self.comparison.filter(|comparison| comparison.link == index) else {
            return false;
        };
        self.comparison = None;
        self.links[index].measure(comparison.asked, now);
        true
    }

    /// The peer has said something: it is there.
    pub(super) fn answers<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        ctx: &mut Context<'_, N>,
    ) {
        let link = &mut self.links[index];
        if link.failed {
            link.failed = false;
            ctx.log(format!("{} answers again", link.id));
            if link.open.is_some_and(|open| open.attempts > 1) {
                link.open = None;
                self.send_pending(index, 1, ctx);
            }
            self.unsettle(ctx.now());
        }
    }

    /// The peer does not answer. Another one may be the anchor now, until this one says something: so it
    /// is asked on, for it may be there, have missed something and think that it has all.
    pub(super) fn fail<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        ctx: &mut Context<'_, N>,
    ) {
        let link = &mut self.links[index];
        if !link.failed {
            link.failed = true;
            let is_asked = link.open.is_some();
            ctx.log(format!("{} does not answer", link.id));
            self.unsettle(ctx.now());
            if !is_asked {
                self.probe(index, ATTEMPTS_MAX + 1, ctx);
            }
        }
    }

    /// Asks a peer whether it has the same, for the so-many-th time.
    fn ask<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        attempts: u32,
        ctx: &mut Context<'_, N>,
    ) -> Asked {
        let asked = self.asked(index, attempts, ctx);
        let sum = self.sum();
        self.send(index, Step::Compare { sum }, ctx);
        asked
    }

    /// Asks a peer that does not answer with a small message, for the so-many-th time.
    pub(super) fn probe<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        attempts: u32,
        ctx: &mut Context<'_, N>,
    ) {
        self.links[index].open = Some(self.ask(index, attempts, ctx));
    }

    /// Asks the anchor whether it has the same, after so many attempts without an answer.
    pub(super) fn compare<N: Replicated<State = S>>(
        &mut self,
        attempts: u32,
        ctx: &mut Context<'_, N>,
    ) {
        let up = self.links.iter().position(|link| !link.failed);
        // If nobody answers, all are asked in turn.
        let Some(index) = up.or_else(|| (attempts as usize).checked_rem(self.links.len())) else {
            return;
        };
        let is_same = self.comparison.is_some_and(|comparison| comparison.link == index);
        let attempts = if is_same || up.is_none() { attempts.saturating_add(1) } else { 1 };
        let asked = self.ask(index, attempts, ctx);
        self.comparison = Some(Comparison { link: index, asked });
    }
}
