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

type Answer = Event<RegisterOp<Json>>;

fn is_such(event: &Answer) -> bool {
    let is_told = |error: &OpError| match error {
        OpError::Reply { name, .. } => name == ErrorCode::KeyDoesNotExist.name(),
        OpError::NetTimeout | OpError::Other(_) => false,
    };
    event.kind == Kind::Fail
        && matches!(event.action, Action::Client(RegisterOp::Read { .. }))
        && event.error.as_deref().is_some_and(is_told)
}

/// The history in which each of them is a read that found nothing, and the indices of these answers, in
/// ascending order.
pub(super) fn as_reads(history: &[Answer]) -> (Cow<'_, [Answer]>, Vec<u64>) {
    let places: Vec<usize> = (0..history.len()).filter(|&place| is_such(&history[place])).collect();
    let mut history = Cow::Borrowed(history);
    let mut indices = Vec::with_capacity(places.len());
    for place in places {
        let event = &mut history.to_mut()[place];
        if let Action::Client(RegisterOp::Read { value, .. }) = &mut event.action {
            (event.kind, *value) = (Kind::Ok, Some(None));
        }
        indices.push(event.index);
    }
    (history, indices)
}
