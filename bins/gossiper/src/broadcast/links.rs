//! A node's links, and which of them has to be looked at next.
//!
//! In a large cluster a node speaks to few others, so a link takes room only once something has
//! happened to it. And whatever happens concerns few links, so only those that were written to are
//! asked again when they are due: the cost of an event grows with what it changes, not with the
//! cluster.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{Index, IndexMut};

use proto::Time;

use crate::broadcast::link::Link;
use crate::topology::Peer;

/// The links to all peers.
#[derive(Debug, Default)]
pub struct Links {
    /// By the number of the peer, the place of its link plus one; 0 where nothing has happened yet.
    places: Vec<u32>,
    kept: Vec<Kept>,
    /// What a link is to which nothing has happened.
    untouched: Link,
    /// Those that were written to since they were last asked when they are due.
    changed: Vec<Peer>,
    /// When to look at which link. For each link the entry at [`Kept::look_at`] counts, others are
    /// left over.
    agenda: BinaryHeap<Reverse<(Time, Peer)>>,
}

/// A link to which something has happened.
#[derive(Debug)]
struct Kept {
    link: Link,
    is_changed: bool,
    /// Not after it is due, unless it is among the changed ones.
    look_at: Time,
}

impl Links {
    /// Makes room for so many peers.
    pub fn resize(&mut self, peers: usize) {
        self.places.resize(peers, 0);
    }

    /// The peers to whose links something has happened, in the order of the cluster.
    pub fn used(&self) -> impl Iterator<Item = Peer> {
        (0..).map(Peer).zip(&self.places).filter(|(_, place)| **place != 0).map(|(peer, _)| peer)
    }

    /// The links that were written to since [`schedule`](Self::schedule), in that order.
    pub fn changed(&self) -> &[Peer] {
        &self.changed
    }

    /// Has every link asked again when it is due, because that follows from more than itself.
    pub fn change_all(&mut self) {
        for peer in self.used().collect::<Vec<_>>() {
            let _ = &mut self[peer];
        }
    }

    /// Asks the changed links when they are due.
    pub fn schedule(&mut self, due: impl Fn(&Link) -> Time) {
        for peer in self.changed.drain(..) {
            let kept = &mut self.kept[self.places[peer.index()] as usize - 1];
            kept.is_changed = false;
            let due = due(&kept.link);
            // One that is due later than before is looked at as planned, which costs little and
            // mostly never happens: the next thing that happens to it is due before.
            if due < kept.look_at {
                kept.look_at = due;
                self.agenda.push(Reverse((due, peer)));
            }
        }
    }

    /// When a link has to be looked at next, if nothing happens before. It may turn out not to be due.
    pub fn next_look(&mut self) -> Time {
        while let Some(Reverse((time, peer))) = self.agenda.peek() {
            if self.kept[self.places[peer.index()] as usize - 1].look_at == *time {
                return *time;
            }
            self.agenda.pop();
        }
        Time::MAX
    }

    /// The links that have to be looked at by `now`. They count as changed from here on.
    pub fn look(&mut self, now: Time) -> Vec<Peer> {
        let mut peers = Vec::new();
        while self.next_look() <= now
            && let Some(Reverse((_, peer))) = self.agenda.pop()
        {
            let _ = &mut self[peer];
            self.kept[self.places[peer.index()] as usize - 1].look_at = Time::MAX;
            peers.push(peer);
        }
        peers
    }
}

impl Index<Peer> for Links {
    type Output = Link;

    fn index(&self, peer: Peer) -> &Link {
        match self.places[peer.index()] {
            0 => &self.untouched,
            place => &self.kept[place as usize - 1].link,
        }
    }
}

impl IndexMut<Peer> for Links {
    fn index_mut(&mut self, peer: Peer) -> &mut Link {
        let place = &mut self.places[peer.index()];
        if *place == 0 {
            let link = Link::default();
            self.kept.push(Kept { link, is_changed: false, look_at: Time::MAX });
            *place = self.kept.len() as u32;
        }
        let kept = &mut self.kept[*place as usize - 1];
        if !kept.is_changed {
            kept.is_changed = true;
            self.changed.push(peer);
        }
        &mut kept.link
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broadcast::link::Queued;

    fn ms(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    fn links(count: u16) -> Links {
        let mut links = Links::default();
        links.resize(usize::from(count));
        links
    }

    /// A link is due when its queue leaves.
    fn due(link: &Link) -> Time {
        if link.queue.is_empty() { Time::MAX } else { link.send_at }
    }

    fn queue(links: &mut Links, peer: Peer, at: Time) {
        links[peer].queue.push(Queued { position: 0, is_direct: false });
        links[peer].send_at = at;
    }

    #[test]
    fn a_link_takes_room_once_something_has_happened_to_it() {
        let mut links = links(1000);
        assert!(links[Peer(7)].queue.is_empty());
        assert_eq!(links.used().count(), 0);
        queue(&mut links, Peer(9), ms(1));
        queue(&mut links, Peer(7), ms(1));
        assert_eq!(links.used().collect::<Vec<_>>(), [Peer(7), Peer(9)]);
        assert_eq!(links.kept.len(), 2);
    }

    #[test]
    fn only_changed_links_are_asked_when_they_are_due() {
        let mut links = links(100);
        for peer in 0..100 {
            queue(&mut links, Peer(peer), ms(1000));
        }
        links.schedule(due);
        links[Peer(3)].send_at = ms(10);
        let asked = std::cell::Cell::new(0);
        links.schedule(|link| {
            asked.set(asked.get() + 1);
            due(link)
        });
        assert_eq!((asked.get(), links.next_look()), (1, ms(10)));
    }

    /// Against links that are all asked, every time.
    #[test]
    fn no_due_link_is_overlooked() {
        let mut random = simulator::Random::new(1, "links");
        let mut links = links(12);
        let mut now = ms(0);
        for _ in 0..5000 {
            now = now + std::time::Duration::from_millis(random.index(4) as u64);
            let late = links.look(now);
            for peer in (0..12).map(Peer) {
                let is_seen = late.contains(&peer) || links.changed().contains(&peer);
                assert!(is_seen || due(&links[peer]) > now, "{peer:?} at {now:?}");
                if due(&links[peer]) <= now {
                    links[peer].queue.clear();
                }
            }
            for _ in 0..random.index(3) {
                let peer = Peer(random.index(12) as u16);
                let at = now + std::time::Duration::from_millis(1 + random.index(40) as u64);
                queue(&mut links, peer, at);
            }
            links.schedule(due);
            let first = (0..12).map(|peer| due(&links[Peer(peer)])).min();
            assert!(first.is_some_and(|first| links.next_look() <= first));
        }
    }
}
