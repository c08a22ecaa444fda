//! The queue of what is going to happen, in order of time and then of birth.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use proto::Time;

/// How many delays have a row of their own: none, for clients, and the latency where it is constant.
const ROWS: usize = 2;

/// Things by the time they are due. Those due at the same time come in the order of insertion.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    /// Things that came with the same delay, and so in the order in which they are due.
    rows: [Row; ROWS],
    /// All others. Small entries, so that moving them about costs little; the things themselves stay
    /// put.
    heap: BinaryHeap<Reverse<Entry>>,
    /// The first entry, and where it is: asked for far more often than it changes.
    first: Option<(Entry, usize)>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    inserted: u64,
}

/// When something is due, the how manyth it was, and the slot it is in.
type Entry = (Time, u64, u32);

#[derive(Clone, Debug, Default)]
struct Row {
    delay: Duration,
    entries: VecDeque<Entry>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            rows: Default::default(),
            heap: BinaryHeap::new(),
            first: None,
            slots: Vec::new(),
            free: Vec::new(),
            inserted: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Adds something that is due at `time`.
    pub fn push(&mut self, time: Time, thing: T) {
        let entry = self.keep(time, thing);
        self.push_on_heap(entry);
    }

    fn push_on_heap(&mut self, entry: Entry) {
        self.heap.push(Reverse(entry));
        self.note(entry, ROWS);
    }

    /// Notes where a new entry is, if it is the first one.
    fn note(&mut self, entry: Entry, place: usize) {
        if self.first.is_none_or(|(first, _)| entry < first) {
            self.first = Some((entry, place));
        }
    }

    /// Adds something that is due `delay` from now. Where most things have one of few delays this
    /// is faster than [`push`](Self::push); otherwise it is the same.
    pub fn push_after(&mut self, now: Time, delay: Duration, thing: T) {
        let time = now + delay;
        let entry = self.keep(time, thing);
        let mut rows = self.rows.iter_mut().zip(0..);
        match rows.find(|(row, _)| row.delay == delay || row.entries.is_empty()) {
            Some((row, place)) if row.entries.back().is_none_or(|(last, ..)| *last <= time) => {
                row.delay = delay;
                row.entries.push_back(entry);
                self.note(entry, place);
            }
            _ => self.push_on_heap(entry),
        }
    }

    fn keep(&mut self, time: Time, thing: T) -> Entry {
        let slot = match self.free.pop() {
            Some(slot) => {
                let place = &mut self.slots[slot as usize];
                // It is free. The compiler does not know that, and would copy the thing once more to drop
                // what may be there.
                *place = None;
                *place = Some(thing);
                slot
            }
            None => {
                self.slots.push(Some(thing));
                self.slots.len() as u32 - 1
            }
        };
        self.inserted += 1;
        (time, self.inserted - 1, slot)
    }

    /// The first entry of all rows and the heap, and the row's number; the heap's is [`ROWS`].
    fn find_first(&self) -> Option<(Entry, usize)> {
        let mut first = self.heap.peek().map(|Reverse(entry)| (*entry, ROWS));
        for (row, place) in self.rows.iter().zip(0..) {
            if let Some(entry) = row.entries.front()
                && first.is_none_or(|(first, _)| *entry < first)
            {
                first = Some((*entry, place));
            }
        }
        first
    }

    /// When the first thing is due.
    pub fn next_time(&self) -> Option<Time> {
        self.first.map(|((time, ..), _)| time)
    }

    /// Takes the first thing.
    pub fn pop(&mut self) -> Option<(Time, T)> {
        let ((time, _, slot), place) = self.first?;
        match self.rows.get_mut(place) {
            Some(row) => drop(row.entries.pop_front()),
            None => drop(self.heap.pop()),
        }
        self.first = self.find_first();
        self.free.push(slot);
        let thing = self.slots[slot as usize].take()?;
        Some((time, thing))
    }

    /// How many things wait.
    pub fn len(&self) -> usize {
        self.heap.len() + self.rows.iter().map(|row| row.entries.len()).sum::<usize>()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn things_come_in_order_of_time_and_then_of_insertion() {
        let mut queue = Queue::default();
        for (time, name) in [(2, "c"), (1, "a"), (2, "d"), (1, "b")] {
            queue.push(Time::from_nanos(time), name);
        }
        assert_eq!(queue.next_time(), Some(Time::from_nanos(1)));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
        queue.push(Time::ZERO, "again");
        assert_eq!((queue.len(), queue.is_empty()), (1, false));
        assert_eq!((queue.pop(), queue.is_empty()), (Some((Time::ZERO, "again")), true));
    }

    /// Against a list that is sorted.
    #[test]
    fn it_makes_no_difference_how_a_thing_was_put_in() {
        for seed in 0..50 {
            let mut random = Random::new(seed, "queue");
            let delays = 1 + random.index(4);
            let (mut queue, mut expected) = (Queue::default(), Vec::new());
            let mut now = Time::ZERO;
            for number in 0..500_u32 {
                let delay = Duration::from_nanos(3 * random.index(delays) as u64);
                if random.chance(0.3) {
                    queue.push(now + delay, number);
                } else {
                    queue.push_after(now, delay, number);
                }
                expected.push((now + delay, number));
                if random.chance(0.6) {
                    let first = expected.iter().copied().min();
                    expected.retain(|entry| Some(*entry) != first);
                    assert_eq!(queue.next_time(), first.map(|(time, _)| time));
                    assert_eq!(queue.pop(), first);
                    now = first.map_or(now, |(time, _)| time);
                }
                assert_eq!(queue.len(), expected.len());
            }
        }
    }
}
