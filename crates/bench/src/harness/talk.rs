//! What a node was asked and what it answered, and from when on it answers nothing any more.

use std::time::Duration;

use proto::Time;

/// The account of a node's answers.
#[derive(Clone, Default)]
pub(super) struct Talk {
    /// Operations that it was asked for while it was not known to be dead.
    pub(super) asked: u64,
    /// Those among them that it answered in time, in whatever way.
    pub(super) answered: u64,
    /// Those that it answered when nobody waited any more.
    pub(super) late: u64,
    /// How long the first of these took.
    pub(super) first_late: Duration,
    /// When its last answer came, whether in time or not.
    pub(super) last_answer: Time,
    /// What has gone unanswered of all that it was asked since.
    pub(super) silence: Option<Silence>,
}

/// Requests that were not answered in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Silence {
    /// How many.
    pub(super) requests: u64,
    /// When the first of them was sent.
    pub(super) since: Time,
    /// Its type.
    pub(super) kind: &'static str,
}

impl Talk {
    /// The node has answered something.
    pub(super) fn answer(&mut self, now: Time) {
        self.answered += 1;
        self.speak(now);
    }

    /// The node has answered what nobody waits for any more, after so long.
    pub(super) fn answer_late(&mut self, now: Time, took: Duration) {
        if self.late == 0 {
            self.first_late = took;
        }
        self.late += 1;
        self.speak(now);
    }

    fn speak(&mut self, now: Time) {
        self.last_answer = now;
        self.silence = None;
    }

    /// A request of this type that was sent at that time has not been answered in time.
    pub(super) fn silence(&mut self, since: Time, kind: &'static str) {
        if since < self.last_answer {
            // It has answered others since.
            return;
        }
        match &mut self.silence {
            // Requests end in the order in which they began.
            Some(silence) => silence.requests += 1,
            None => self.silence = Some(Silence { requests: 1, since, kind }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_silent_from_the_first_request_after_its_last_answer() {
        let time = Time::from_nanos;
        let mut talk = Talk::default();
        talk.answer(time(10));
        talk.silence(time(9), "write");
        assert_eq!(talk.silence, None, "it has answered since");
        talk.silence(time(11), "read");
        talk.silence(time(12), "write");
        assert_eq!(talk.silence, Some(Silence { requests: 2, since: time(11), kind: "read" }));
        talk.answer_late(time(20), Duration::from_nanos(9));
        talk.answer_late(time(21), Duration::from_nanos(5));
        assert_eq!((talk.silence, talk.late), (None, 2));
        assert_eq!(talk.first_late, Duration::from_nanos(9));
    }
}
