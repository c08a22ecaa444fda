//! Deltas on their way to peers: which of them has what, by number.

use std::collections::BTreeMap;

use crate::lattice::Lattice;

/// The deltas of one replica and how far each peer has acknowledged them (the delta-intervals of
/// Almeida, Shoker and Baquero 2018, algorithm 2).
///
/// Deltas are numbered from 0 in the order in which they are pushed. What a peer lacks is the join
/// of an interval: from the first that it has not acknowledged to the last one. It is sent as one
/// state, again and again, growing, until the peer acknowledges; so a peer that was cut off for an
/// hour gets what it missed and nothing else, in one message.
#[derive(Clone, Debug)]
pub struct DeltaBuffer<P: Ord, S> {
    deltas: BTreeMap<u64, S>,
    /// The number of the next delta.
    next: u64,
    /// Each peer has all deltas below its number.
    acknowledged: BTreeMap<P, u64>,
}

/// What a peer lacks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interval<S> {
    /// The join of the deltas.
    pub delta: S,
    /// Acknowledging this number acknowledges them.
    pub end: u64,
}

/// How many deltas are kept apart. Beyond that the oldest are joined: a peer that has only some of
/// those gets the others' company once more, which harms nothing.
const DELTAS_MAX: usize = 1000;

impl<P: Ord, S: Lattice> DeltaBuffer<P, S> {
    /// A buffer for these peers, which have everything so far.
    pub fn new(peers: impl IntoIterator<Item = P>) -> Self {
        let acknowledged = peers.into_iter().map(|peer| (peer, 0)).collect();
        Self { deltas: BTreeMap::new(), next: 0, acknowledged }
    }

    /// Adds a delta for every peer. One that says nothing is not kept.
    pub fn push(&mut self, delta: S) {
        if delta.is_bottom() || self.acknowledged.is_empty() {
            return;
        }
        self.deltas.insert(self.next, delta);
        self.next += 1;
        if self.deltas.len() > DELTAS_MAX
            && let Some((_, oldest)) = self.deltas.pop_first()
            && let Some(mut second) = self.deltas.first_entry()
        {
            let younger = std::mem::replace(second.get_mut(), oldest);
            second.get_mut().join(younger);
        }
    }

    /// The number that the next delta gets: acknowledging it acknowledges all there are.
    pub fn end(&self) -> u64 {
        self.next
    }

    /// What a peer lacks, if anything.
    pub fn interval(&self, peer: &P) -> Option<Interval<S>> {
        let from = *self.acknowledged.get(peer)?;
        let mut deltas = self.deltas.range(from..).map(|(_, delta)| delta);
        let first = deltas.next()?.clone();
        let delta = deltas.cloned().fold(first, Lattice::joined);
        Some(Interval { delta, end: self.next })
    }

    /// Whether a peer lacks something.
    pub fn lacks(&self, peer: &P) -> bool {
        self.acknowledged.get(peer).is_some_and(|from| self.deltas.range(from..).next().is_some())
    }

    /// A peer has acknowledged everything below `end`. Deltas that all peers have are forgotten.
    pub fn acknowledge(&mut self, peer: &P, end: u64) {
        if let Some(acknowledged) = self.acknowledged.get_mut(peer) {
            *acknowledged = end.clamp(*acknowledged, self.next);
        }
        let all = self.acknowledged.values().min().copied().unwrap_or(self.next);
        self.deltas = self.deltas.split_off(&all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::GSet;

    type Buffer = DeltaBuffer<&'static str, GSet<u64>>;

    fn buffer(count: u64) -> Buffer {
        let mut buffer = Buffer::new(["a", "b"]);
        for element in 0..count {
            buffer.push([element].into_iter().collect());
        }
        buffer
    }

    fn lacked(buffer: &Buffer, peer: &'static str) -> Vec<u64> {
        let interval = buffer.interval(&peer);
        assert_eq!(interval.is_some(), buffer.lacks(&peer));
        interval.map_or(Vec::new(), |interval| interval.delta.iter().copied().collect())
    }

    #[test]
    fn each_peer_lacks_what_it_has_not_acknowledged() {
        let mut buffer = buffer(3);
        assert_eq!(lacked(&buffer, "a"), [0, 1, 2]);
        buffer.acknowledge(&"a", 2);
        // A late or doubled acknowledgement takes nothing back.
        buffer.acknowledge(&"a", 1);
        assert_eq!((lacked(&buffer, "a"), lacked(&buffer, "b")), (vec![2], vec![0, 1, 2]));
        assert_eq!(buffer.interval(&"b").unwrap().end, 3);
        buffer.acknowledge(&"b", 3);
        assert_eq!((lacked(&buffer, "a"), lacked(&buffer, "b")), (vec![2], vec![]));
        assert_eq!(buffer.deltas.len(), 1, "what all have is forgotten");
        assert_eq!(lacked(&buffer, "c"), []);
    }

    #[test]
    fn what_says_nothing_and_what_is_for_nobody_is_not_kept() {
        let mut buffer = buffer(2);
        buffer.push(GSet::default());
        assert_eq!((buffer.end(), buffer.deltas.len()), (2, 2));
        let mut alone = Buffer::new([]);
        alone.push([7].into_iter().collect());
        assert_eq!((alone.end(), alone.deltas.len()), (0, 0));
    }

    #[test]
    fn an_acknowledgement_of_what_was_never_sent_counts_for_what_was() {
        let mut buffer = buffer(1);
        buffer.acknowledge(&"a", 1_000_000);
        buffer.push([7].into_iter().collect());
        assert_eq!(lacked(&buffer, "a"), [7]);
    }

    #[test]
    fn a_peer_that_never_answers_costs_no_more_than_the_state_and_loses_nothing() {
        let count = 5 * DELTAS_MAX as u64;
        let mut buffer = buffer(count);
        assert_eq!(buffer.deltas.len(), DELTAS_MAX);
        assert_eq!(lacked(&buffer, "a"), (0..count).collect::<Vec<_>>());
        buffer.acknowledge(&"a", count - 3);
        assert_eq!(lacked(&buffer, "a"), (count - 3..count).collect::<Vec<_>>());
    }
}
