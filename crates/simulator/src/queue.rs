//! The queue of what is going to happen, in order of time and then of birth.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proto::Time;

/// Things by the time they are due. Those due at the same time come in the order of insertion.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    /// Small entries, so that moving them about costs little; the things themselves stay put.
    heap: BinaryHeap<Reverse<(Time, u64, u32)>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    inserted: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), inserted: 0 }
    }
}

impl<T> Queue<T> {
    /// Adds something that is due at `time`.
    pub fn push(&mut self, time: Time, thing: T) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(thing);
                slot
            }
            None => {
                self.slots.push(Some(thing));
                self.slots.len() as u32 - 1
            }
        };
        self.heap.push(Reverse((time, self.inserted, slot)));
        self.inserted += 1;
    }

    /// When the first thing is due.
    pub fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((time, ..))| *time)
    }

    /// Takes the first thing.
    pub fn pop(&mut self) -> Option<(Time, T)> {
        let Reverse((time, _, slot)) = self.heap.pop()?;
        self.free.push(slot);
        let thing = self.slots[slot as usize].take()?;
        Some((time, thing))
    }

    /// How many things wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((queue.len(), queue.pop()), (1, Some((Time::ZERO, "again"))));
    }
}
