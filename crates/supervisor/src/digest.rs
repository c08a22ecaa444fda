//! What a run did, call by call, as one number, or as a list in which the first difference shows.

use std::time::Duration;

/// One stop of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Call {
    /// Which node.
    pub node: u32,
    /// Which of its threads, by the number the thread itself sees.
    pub thread: u32,
    /// The system call's number; negative for what is no call: a signal (minus its number).
    pub number: i32,
    /// The node's time at the stop, in nanoseconds since the run began.
    pub nanoseconds: u64,
}

impl Call {
    /// The node's time at the stop.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds)
    }
}

/// A hash over all calls and all output, in their order.
///
/// It guards against accidents, not against forgers: multiply and rotate, 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        self.add(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    pub(crate) const fn value(self) -> u64 {
        self.0
    }
}

/// Where two records of the same seed part: the position, and the call there in each (`None` where
/// a record has ended). `None` if they are the same.
pub fn first_difference(
    left: &[Call],
    right: &[Call],
) -> Option<(usize, Option<Call>, Option<Call>)> {
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (a, b) = (left.get(same).copied(), right.get(same).copied());
    (a.is_some() || b.is_some()).then_some((same, a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(thread: u32, number: i32) -> Call {
        Call { node: 0, thread, number, nanoseconds: 5 }
    }

    #[test]
    fn the_same_record_has_no_difference_and_a_shorter_one_ends() {
        let record = [call(1, 2), call(1, 3)];
        assert_eq!(first_difference(&record, &record), None);
        assert_eq!(first_difference(&record, &record[..1]), Some((1, Some(call(1, 3)), None)));
        assert_eq!(
            first_difference(&record, &[call(1, 2), call(2, 3)]),
            Some((1, Some(call(1, 3)), Some(call(2, 3))))
        );
    }

    #[test]
    fn a_digest_knows_order_and_where_bytes_end() {
        let of = |parts: &[&[u8]]| {
            let mut digest = Digest::new();
            parts.iter().for_each(|part| digest.add_bytes(part));
            digest.value()
        };
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"a", b"b"]), of(&[b"b", b"a"]));
        assert_eq!(of(&[b"same"]), of(&[b"same"]));
    }
}
