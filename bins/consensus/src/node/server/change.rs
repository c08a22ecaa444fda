//! Changes of members, as operators ask for them.
//!
//! Any node takes `add_member` and `remove_member` and passes them on to the leader, who answers when
//! the change is done. A change that did not happen is refused with a definite code; with error 0 if
//! it may still happen, because its leader was lost while it was in the log.

use std::collections::{BTreeMap, VecDeque};

use proto::{Caller, Either, Error, ErrorCode, Outcome};

use super::{Ctx, Server};
use crate::agreement::{Agreement, Change};
use crate::machine::{Aside, Service};
use crate::node::Body;
use crate::token::Token;

/// How many times longer than a request a change may take: a new member has to catch up.
const PATIENCE: u32 = 12;
/// How many requests of others are remembered. They come one at a time, and a copy soon after.
const HEARD_MAX: usize = 100;

/// The changes that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The one that this node carries out as the leader.
    own: Option<(Caller, Change)>,
    /// Those that were passed on, by number.
    passed_on: BTreeMap<u64, (Caller, Change)>,
    next: u64,
    /// The latest that others passed on to this node, by number. A copy of one is not heard: its refusal
    /// would say of a change that is under way that it does not happen.
    heard: VecDeque<u64>,
}

impl Changes {
    /// Whether this is a copy of what was heard before; from now on it is.
    fn is_copy(&mut self, change: &Change) -> bool {
        let Some(number) = change.passed_on else { return false };
        if self.heard.contains(&number) {
            return true;
        }
        if self.heard.len() == HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back(number);
        false
    }
}

impl<S: Service, A: Agreement<S>> Server<S, A> {
    /// An operator wants other members.
    pub(crate) fn on_change<T: Aside>(
        &mut self,
        caller: Caller,
        change: Change,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        if self.changes.is_copy(&change) {
            return;
        }
        let own = self.replica.members().own();
        match self.replica.leadership().0 {
            Some(leader) if leader == own => match self.replica.change(&change, ctx) {
                Ok(()) => self.changes.own = Some((caller, change)),
                Err(error) => ctx.reply_error(&caller, error),
            },
            Some(leader) if change.passed_on.is_none() => {
                let leader = self.replica.members().name(leader).clone();
                let number = self.session.wrapping_add(self.changes.next);
                self.changes.next += 1;
                let passed = Change { passed_on: Some(number), ..change.clone() };
                match A::pass_change_on(passed) {
                    Some(message) => {
                        self.changes.passed_on.insert(number, (caller, change));
                        let patience = self.forward_timeout * PATIENCE;
                        let token = Token::Change { number };
                        ctx.call(&leader, Either::Right(message), patience, token);
                    }
                    None => {
                        let text = "the members never change";
                        ctx.reply_error(&caller, Error::new(ErrorCode::NotSupported, text));
                    }
                }
            }
            _ => {
                let text = "this node knows no leader";
                ctx.reply_error(&caller, Error::temporarily_unavailable(text));
            }
        }
        self.go_on(ctx);
    }

    /// The change that this node was asked for as the leader is over.
    pub(crate) fn on_changed<T: Aside>(
        &mut self,
        outcome: Result<(), Error>,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        if let Some((caller, change)) = self.changes.own.take() {
            answer(&caller, &change, outcome, ctx);
        }
    }

    /// What became of a change that was passed on.
    pub(crate) fn on_change_outcome<T: Aside>(
        &mut self,
        number: u64,
        outcome: Outcome<Body<S, A, T>>,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        let Some((caller, change)) = self.changes.passed_on.remove(&number) else { return };
        let outcome = match outcome {
            Outcome::Reply(_) => Ok(()),
            Outcome::Error(error) => Err(error),
            Outcome::Timeout => {
                Err(Error::new(ErrorCode::Timeout, "the leader has not answered in time"))
            }
        };
        answer(&caller, &change, outcome, ctx);
    }
}

fn answer<S: Service, A: Agreement<S>, T: Aside>(
    caller: &Caller,
    change: &Change,
    outcome: Result<(), Error>,
    ctx: &mut Ctx<'_, S, A, T>,
) {
    match outcome.map(|()| A::changed(change)) {
        Ok(Some(done)) => ctx.reply(caller, Either::Right(done)),
        // Nobody begins what cannot be answered.
        Ok(None) => {}
        Err(error) => ctx.reply_error(caller, error),
    }
}
