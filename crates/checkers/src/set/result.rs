//! What comes of checking a set, in the words of Jepsen's `set-full`.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::history::{Event, Process};
use crate::json::Counts;
use crate::quantiles::Quantiles;
use crate::verdict::Verdict;

/// What [`check`](super::check) found. Elements are listed in the order in which they were first tried.
#[derive(Clone, Debug, PartialEq)]
pub struct SetResult<V> {
    /// Invalid when an element is lost or a read has one twice; unknown when nothing is stable or an
    /// element is open.
    pub verdict: Verdict,
    /// How many elements somebody tried to add.
    pub attempt_count: usize,
    /// How many of them are stable.
    pub stable_count: usize,
    /// Elements that were there and are gone.
    pub lost: Vec<V>,
    /// Elements that the last reads missed, in a history that ended before they had to be there.
    pub open: Vec<V>,
    /// Elements of which nothing is known: no read was invoked after they were known.
    pub never_read: Vec<V>,
    /// Stable elements that a read missed when they were known.
    pub stale: Vec<V>,
    /// The stale elements with the highest latencies, highest first; at most [`WORST_STALE_MAX`].
    pub worst_stale: Vec<ElementResult<V>>,
    /// How long stable elements could still be missed after they were known, in milliseconds.
    pub stable_latencies: Option<Quantiles>,
    /// How long lost elements were there after they were known, in milliseconds.
    pub lost_latencies: Option<Quantiles>,
    /// Elements that a single read had more than once, with the highest number of times, in the
    /// order in which they were found in the reads invoked last.
    pub duplicated: Vec<(V, usize)>,
}

/// How many elements [`SetResult::worst_stale`] has at most.
pub const WORST_STALE_MAX: usize = 8;

/// What became of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElementOutcome {
    /// It is there, as far as anybody can tell.
    Stable,
    /// It was there and is gone.
    Lost,
    /// The last reads missed it, and were too early to say that it is gone.
    Open,
    /// Nobody can tell.
    NeverRead,
}

/// What became of one element.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ElementResult<V> {
    /// The element.
    pub element: V,
    /// What became of it.
    pub outcome: ElementOutcome,
    /// For a stable element: milliseconds from when it was known to when it was last missed.
    pub stable_latency: Option<u64>,
    /// For a lost element: milliseconds from when it was known to when it was last seen.
    pub lost_latency: Option<u64>,
    /// The completion that showed first that it is there.
    pub known: Option<Moment>,
    /// The invocation of the last read that has it not.
    pub last_absent: Option<Moment>,
}

/// An event by where and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// [`Event::index`].
    pub index: u64,
    /// Nanoseconds since the run started.
    pub time: u64,
    /// Whose event it is.
    pub process: Process,
}

impl<O> From<&Event<O>> for Moment {
    fn from(event: &Event<O>) -> Self {
        Self { index: event.index, time: event.time, process: event.process }
    }
}

impl<V: Serialize> Serialize for SetResult<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("valid?", &self.verdict)?;
        map.serialize_entry("attempt-count", &self.attempt_count)?;
        map.serialize_entry("stable-count", &self.stable_count)?;
        map.serialize_entry("lost-count", &self.lost.len())?;
        map.serialize_entry("lost", &self.lost)?;
        if !self.open.is_empty() {
            map.serialize_entry("open-count", &self.open.len())?;
            map.serialize_entry("open", &self.open)?;
        }
        map.serialize_entry("never-read-count", &self.never_read.len())?;
        map.serialize_entry("never-read", &self.never_read)?;
        map.serialize_entry("stale-count", &self.stale.len())?;
        map.serialize_entry("stale", &self.stale)?;
        map.serialize_entry("worst-stale", &self.worst_stale)?;
        if let Some(latencies) = &self.stable_latencies {
            map.serialize_entry("stable-latencies", latencies)?;
        }
        if let Some(latencies) = &self.lost_latencies {
            map.serialize_entry("lost-latencies", latencies)?;
        }
        map.serialize_entry("duplicated-count", &self.duplicated.len())?;
        map.serialize_entry("duplicated", &Counts(&self.duplicated))?;
        map.end()
    }
}
