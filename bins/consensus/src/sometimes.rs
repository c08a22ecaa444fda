//! What should happen to a node on Raft in some run of a sweep ([`proto::Context::sometimes`]). Where it
//! never does, the paths that it takes through this crate were not tested.

use proto::{Context, Node};
use raft::{Apply, Output, Record};

/// Known from the start, as are the others of which nothing is said.
pub(crate) const ANSWERED_AGAIN: &str =
    "a change that was carried out comes once more and is answered from what is known of it";
pub(crate) const STEPPED_DOWN: &str = "a leader that hears no majority steps down";
/// Known where members change.
pub(crate) const INHERITED: &str = "a new leader finds a change of members half done";
const REPLACED: &str = "entries of one leader give way to those of another";
/// Known where logs are compacted.
const INSTALLED: &str = "a snapshot takes the place of entries that a follower lacks";

/// Tells what is looked for, in each run.
pub(crate) fn start<N: Node>(ctx: &mut Context<'_, N>) {
    for condition in [ANSWERED_AGAIN, STEPPED_DOWN, REPLACED] {
        ctx.sometimes(condition, false);
    }
}

/// Looks at what Raft wants done.
pub(crate) fn look<C, S, N: Node>(output: &Output<C, S>, ctx: &mut Context<'_, N>) {
    if let [Record::Truncate(_), Record::Append(_), ..] = &output.records[..] {
        ctx.sometimes(REPLACED, true);
    }
    if output.records.iter().any(|record| matches!(record, Record::Snapshot(_))) {
        // One that was made of the own log is not applied.
        let is_installed = output.applies.iter().any(|it| matches!(it, Apply::Restore(_)));
        ctx.sometimes(INSTALLED, is_installed);
    }
}
