//! What a node that was killed, or lost its power, has to do with what is not there any more.

use std::io;

use super::search::Search;
use super::why::{Served, carries};
use crate::history::Operation;
use crate::report::text;
use crate::report::words::Problem;

/// That a node was killed, and by what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kill {
    pub(super) time: u64,
    /// What was not synced is gone as well.
    of_power: bool,
}

impl Kill {
    /// What happened to it: `was killed`.
    pub(super) const fn what(self) -> &'static str {
        if self.of_power { "lost its power" } else { "was killed" }
    }

    /// The same with the time: `was killed at 3.2 s`.
    pub(super) fn words(self) -> String {
        format!("{} at {}", self.what(), text::seconds(self.time))
    }

    /// What it is to be blamed for.
    pub(super) const fn blame(self) -> &'static str {
        if self.of_power { "it had not synced it" } else { "it did not keep it" }
    }
}

impl Search<'_> {
    /// The first kill of a node between two times.
    pub(super) fn kill(&self, node: &str, from: u64, to: u64) -> Option<Kill> {
        let kills = self.kills_of(node).filter(|kill| (from..to).contains(&kill.time));
        kills.min_by_key(|kill| kill.time)
    }

    /// The last kill of a node until some time.
    fn last_kill(&self, node: &str, until: u64) -> Option<Kill> {
        self.kills_of(node).filter(|kill| kill.time <= until).max_by_key(|kill| kill.time)
    }

    fn kills_of(&self, node: &str) -> impl Iterator<Item = Kill> {
        let of_power = |name: &str| match name {
            "kill" => Some(false),
            "lose-unsynced" => Some(true),
            _ => None,
        };
        self.evidence.faults.iter().filter_map(move |fault| {
            let is_hit = fault.whom.split(", ").any(|name| name == node);
            let of_power = of_power(&fault.name).filter(|_| is_hit)?;
            Some(Kill { time: fault.start, of_power })
        })
    }

    /// Why a node may have died by itself: what it found of its files after it had been killed.
    pub(super) fn why_died(&self, problem: &Problem) -> Option<String> {
        let kill =
            (problem.kind == "died").then(|| self.last_kill(&problem.node, problem.time))??;
        let (node, killed) = (&problem.node, kill.words());
        Some(match kill.of_power {
            true => format!(
                "Before that {node} {killed}: what it had not synced was gone, so a file may be empty or end in \
                 the middle, and it has to be able to start with that."
            ),
            false => format!(
                "Before that {node} {killed}: it has to be able to start with what it had written until then."
            ),
        })
    }

    /// Why what the first operation was told holds no more when the last one is told otherwise: a node that had
    /// dealt with it was killed in between. Where nothing but the first shows that it is gone, that was any time
    /// later.
    pub(super) fn why_not_kept(
        &mut self,
        key: &str,
        is_gone: bool,
        shown: &[Operation],
    ) -> io::Result<Option<String>> {
        let (first, until) = match shown {
            [first, .., last] => (first, last.invoked.time),
            [only] if is_gone => (only, u64::MAX),
            _ => return Ok(None),
        };
        let Some(Served { node, asked, answered }) = self.served(first)? else { return Ok(None) };
        // Whom it asked meanwhile about the same. Where that was one other, it may have handed the request on
        // and kept nothing itself.
        let mut dealt_with_it = Vec::new();
        for message in self.between_nodes(asked)? {
            if self.name(message.src) == node
                && message.sent <= answered
                && message.received.is_some()
                && carries(&message.body, key)
            {
                dealt_with_it.push(text::line(self.name(message.dest), 40));
            }
        }
        dealt_with_it.dedup();
        dealt_with_it.insert(usize::from(dealt_with_it.len() == 1), node.clone());
        let killed =
            dealt_with_it.iter().find_map(|name| Some((name, self.kill(name, answered, until)?)));
        let Some((name, kill)) = killed else { return Ok(None) };
        let (at, killed) = (text::seconds(answered), kill.words());
        let (when, what) = (text::seconds(kill.time), kill.what());
        Ok(Some(match (name == &node, is_gone) {
            (true, true) => {
                format!("{node}, which acknowledged it at {at}, {killed}: {}.", kill.blame())
            }
            (false, true) => {
                let blame = kill.blame();
                format!("{node} acknowledged it at {at} for {name}, which {killed}: {blame}.")
            }
            (true, false) => format!(
                "In between, at {when}, {node}, which had answered the first, {what}, and may have \
                 forgotten it."
            ),
            (false, false) => format!(
                "In between, at {when}, {name}, which {node} had asked for the first, {what}, and may \
                 have forgotten it."
            ),
        }))
    }
}
