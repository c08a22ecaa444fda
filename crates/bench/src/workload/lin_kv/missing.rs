//! Reads that are answered with `key-does-not-exist`. For statistics they failed, as with Maelstrom; but
//! they say something of the register all the same: that it was empty. A store that forgot all its keys
//! would otherwise never be found out.

use std::borrow::Cow;

use checkers::linearizable::RegisterOp;
use checkers::{Action, Event, Kind, OpError};
use proto::{ErrorCode, Json};

/// What is added to the explanation where the impossible read is such an answer.
pub(super) const REMARK: &str = " It was not answered with null, but with the error `key-does-not-exist`, \
                                 which says the same.";

fn is_such(event: &Event<RegisterOp<Json>>) -> bool {
    let is_told = |error: &OpError| match error {
        OpError::Reply { name, .. } => name == ErrorCode::KeyDoesNotExist.name(),
        OpError::NetTimeout | OpError::Other(_) => false,
    };
    event.kind == Kind::Fail
        && matches!(event.action, Action::Client(RegisterOp::Read { .. }))
        && event.error.as_deref().is_some_and(is_told)
}

/// The indices of these answers, in ascending order.
pub(super) fn reads(history: &[Event<RegisterOp<Json>>]) -> Vec<u64> {
    history.iter().filter(|event| is_such(event)).map(|event| event.index).collect()
}

/// The history in which each of them is a read that found nothing.
pub(super) fn as_reads(history: &[Event<RegisterOp<Json>>]) -> Cow<'_, [Event<RegisterOp<Json>>]> {
    if !history.iter().any(is_such) {
        return Cow::Borrowed(history);
    }
    let as_read = |event: &Event<RegisterOp<Json>>| {
        let mut event = event.clone();
        if is_such(&event)
            && let Action::Client(RegisterOp::Read { value, .. }) = &mut event.action
        {
            (event.kind, *value) = (Kind::Ok, Some(None));
        }
        event
    };
    history.iter().map(as_read).collect()
}
