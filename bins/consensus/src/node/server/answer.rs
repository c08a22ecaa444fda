//! What clients and other nodes are told.

use proto::{Caller, Either, Error, ErrorCode};

use super::{Body, Ctx};
use crate::agreement::{Agreement, Heard};
use crate::machine::{Aside, Service};

/// Tells clients what came of what they wanted.
pub(super) fn reply<S: Service, A: Agreement<S>, T: Aside>(
    callers: &[Caller],
    answer: S::Answer,
    ctx: &mut Ctx<'_, S, A, T>,
) {
    for (caller, reply) in callers.iter().zip(S::replies(answer)) {
        match reply {
            Ok(message) => ctx.reply(caller, Either::Left(Either::Left(message))),
            Err(error) => ctx.reply_error(caller, error),
        }
    }
}

/// Tells a node what came of what it passed on: in the words for its client, unless it may have
/// several.
pub(super) fn reply_to_peer<S: Service, A: Agreement<S>, T: Aside>(
    caller: &Caller,
    answer: S::Answer,
    ctx: &mut Ctx<'_, S, A, T>,
) {
    if S::JOINS {
        ctx.reply(caller, Either::Right(A::forward_ok(answer)));
    } else {
        reply(std::slice::from_ref(caller), answer, ctx);
    }
}

/// Tells clients what the leader replied to what was passed on for them.
pub(super) fn pass_on<S: Service, A: Agreement<S>, T: Aside>(
    callers: &[Caller],
    body: Body<S, A, T>,
    ctx: &mut Ctx<'_, S, A, T>,
) {
    match body {
        Either::Right(message) => {
            if let Heard::ForwardOk(answer) = A::hear(message) {
                reply(callers, answer, ctx);
            }
        }
        for_client @ Either::Left(_) => {
            callers.iter().for_each(|caller| ctx.reply(caller, for_client.clone()));
        }
    }
}

pub(super) fn too_many() -> Error {
    Error::temporarily_unavailable("too many requests are open")
}

/// Final: the request was taken out before it got into the log, and this node
/// does not lead in its term any more, so that no copy can get there either.
pub(super) fn refuse_forward<S: Service, A: Agreement<S>, T: Aside>(
    caller: &Caller,
    ctx: &mut Ctx<'_, S, A, T>,
) {
    ctx.reply_error(caller, Error::new(ErrorCode::Abort, "leads no more"));
}
