//! The one timer of a node whose protocol says when something is due next.

use std::time::Duration;

use proto::{Context, Node, Time, TimerId};

/// A protocol's time: since the start of the node's clock.
pub(crate) fn now<N: Node>(ctx: &Context<'_, N>) -> Duration {
    ctx.now().since(Time::ZERO)
}

/// A timer that goes off at the protocol's next deadline, or before it.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    set: Option<(Duration, TimerId)>,
}

impl Alarm {
    /// Follows the deadline; [`Duration::MAX`] is never. A timer that is early does no harm, so a
    /// deadline that moves away keeps the timer it has.
    pub(crate) fn set<N: Node>(
        &mut self,
        deadline: Duration,
        token: N::Token,
        ctx: &mut Context<'_, N>,
    ) {
        if self.set.is_some_and(|(at, _)| at <= deadline) {
            return;
        }
        self.cancel(ctx);
        if deadline < Duration::MAX {
            let after = deadline.saturating_sub(now(ctx));
            self.set = Some((deadline, ctx.set_timer(after, token)));
        }
    }

    /// Nothing is due any more.
    pub(crate) fn cancel<N: Node>(&mut self, ctx: &mut Context<'_, N>) {
        if let Some((_, timer)) = self.set.take() {
            ctx.cancel_timer(timer);
        }
    }

    /// Its timer has gone off.
    pub(crate) fn went_off(&mut self) {
        self.set = None;
    }
}
