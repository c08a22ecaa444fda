//! Requests that this node knows and has not executed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::value::{BATCH_MAX, Request, Value};
use crate::command::RequestId;

/// The most of one node, so that a Byzantine one cannot fill the memory.
const OF_ONE_NODE_MAX: usize = 1024;

/// The requests, in the order in which they came.
#[derive(Debug, Default)]
pub struct Pending {
    arrivals: u64,
    queue: BTreeMap<u64, (Request, Duration)>,
    places: BTreeMap<RequestId, u64>,
    /// Those that are part of a proposal already.
    offered: BTreeSet<u64>,
    version: u64,
}

impl Pending {
    /// Takes a request in. False if it is known, or if its node has too many.
    pub fn add(&mut self, request: Request, now: Duration) -> bool {
        let id = request.statement().id();
        let first = RequestId { session: 0, sequence: 0, ..id.clone() };
        let last = RequestId { session: u64::MAX, sequence: u64::MAX, ..id.clone() };
        let is_full = || self.places.range(first..=last).count() >= OF_ONE_NODE_MAX;
        if self.places.contains_key(&id) || is_full() {
            return false;
        }
        self.places.insert(id, self.arrivals);
        self.queue.insert(self.arrivals, (request, now));
        self.arrivals += 1;
        self.version += 1;
        true
    }

    /// A request was executed; so, for all that matters, were those of its session that are settled.
    pub fn executed(&mut self, id: &RequestId, settled: u64) {
        let first = RequestId { sequence: 0, ..id.clone() };
        let last = RequestId { sequence: settled, ..id.clone() };
        let settled = self.places.range(first..last).map(|(id, _)| id.clone());
        let over: Vec<RequestId> = settled.chain([id.clone()]).collect();
        for id in over {
            if let Some(place) = self.places.remove(&id) {
                self.queue.remove(&place);
                self.offered.remove(&place);
                self.version += 1;
            }
        }
    }

    /// Since when the oldest waits.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Duration> {
        self.queue.values().next().map(|(_, since)| *since)
    }

    /// The oldest, at most so many.
    pub fn oldest(&self, most: usize) -> impl Iterator<Item = &Request> {
        self.queue.values().map(|(request, _)| request).take(most)
    }

    /// Counts the changes.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A batch of those that are part of no proposal; from then on they are.
    pub fn offer_new(&mut self) -> Option<Value> {
        let new = self.queue.iter().filter(|(place, _)| !self.offered.contains(place));
        let new = new.take(BATCH_MAX).map(|(&place, (request, _))| (place, request.clone()));
        let (places, requests): (Vec<_>, Vec<_>) = new.unzip();
        self.offered.extend(places);
        (!requests.is_empty()).then(|| requests.into())
    }

    /// All proposals are void.
    pub fn offer_again(&mut self) {
        self.offered.clear();
    }
}
