//! Messages that were sent and may arrive yet: what a journal says of a receipt it has said before.

use std::ops::Range;

use rustc_hash::FxHashMap;

/// How much is remembered at once, in bytes.
const BYTES_MAX: usize = 16 << 20;

/// What was sent.
#[derive(Default)]
pub(super) struct OnTheWay {
    /// From whom to whom, and what: the end of the line of each message.
    messages: Vec<u8>,
    /// By number of the message, where it stands and the place of its receiver.
    known: FxHashMap<u64, (Range<usize>, usize)>,
}

impl OnTheWay {
    /// Remembers a message, or forgets the others where they have become too many.
    pub(super) fn note(&mut self, id: u64, message: &[u8], receiver: usize) {
        if self.messages.len() + message.len() > BYTES_MAX {
            self.messages.clear();
            self.known.clear();
        }
        let start = self.messages.len();
        self.messages.extend_from_slice(message);
        self.known.insert(id, (start..self.messages.len(), receiver));
    }

    /// The receiver of a message, if just this was sent.
    pub(super) fn receiver(&self, id: u64, message: &[u8]) -> Option<usize> {
        let (place, receiver) = self.known.get(&id)?;
        (self.messages[place.clone()] == *message).then_some(*receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_arrives() {
        let mut on_the_way = OnTheWay::default();
        on_the_way.note(1, b"one", 4);
        on_the_way.note(2, b"two", 5);
        assert_eq!(on_the_way.receiver(1, b"one"), Some(4));
        assert_eq!(on_the_way.receiver(2, b"two"), Some(5));
        assert_eq!(on_the_way.receiver(1, b"two"), None);
        assert_eq!(on_the_way.receiver(2, b"twos"), None);
        assert_eq!(on_the_way.receiver(3, b"one"), None);
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let mut on_the_way = OnTheWay::default();
        on_the_way.note(1, b"one", 4);
        on_the_way.note(2, &vec![b'x'; BYTES_MAX - 2], 5);
        assert_eq!(
            (on_the_way.receiver(1, b"one"), on_the_way.messages.len()),
            (None, BYTES_MAX - 2)
        );
        on_the_way.note(3, b"ab", 6);
        assert_eq!(on_the_way.receiver(3, b"ab"), Some(6));
        assert!(on_the_way.messages.len() <= BYTES_MAX);
    }
}
