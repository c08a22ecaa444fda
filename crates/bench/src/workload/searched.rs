//! What is said of objects for each of which an order was searched by itself: how many have none, and how
//! many could not be decided, which is another thing.

use checkers::Verdict;
use checkers::linearizable::Undecided;

use crate::exhibit::Highlight;

/// How many of the objects have which verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tally {
    all: usize,
    pub(super) invalid: usize,
    pub(super) undecided: usize,
}

impl Tally {
    pub(super) fn of(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let mut tally = Self { all: 0, invalid: 0, undecided: 0 };
        for verdict in verdicts {
            tally.all += 1;
            tally.invalid += usize::from(verdict == Verdict::Invalid);
            tally.undecided += usize::from(verdict == Verdict::Unknown);
        }
        tally
    }

    /// Why not all is well with these `objects` (`keys`), given what the invalid ones are or did:
    /// `1 of 3 keys are not linearizable, 1 could not be decided`.
    pub(super) fn complaint(&self, objects: &str, invalid: &str) -> String {
        let Self { all, invalid: bad, undecided } = self;
        match (bad, undecided) {
            (0, _) => format!("{undecided} of {all} {objects} could not be decided"),
            (_, 0) => format!("{bad} of {all} {objects} {invalid}"),
            _ => format!("{bad} of {all} {objects} {invalid}, {undecided} could not be decided"),
        }
    }

    /// The same as a figure, with a word for what is invalid.
    pub(super) fn highlight(&self, objects: &str, invalid: &str) -> Highlight {
        let of_these = [(self.invalid, invalid), (self.undecided, "undecided")];
        Highlight::Count {
            name: objects.to_owned(),
            count: self.all as u64,
            of_these: of_these.map(|(count, what)| (count as u64, what.to_owned())).to_vec(),
        }
    }
}

/// Why an object (`key 3`) could not be decided, and what could be done, if a flag is there for it.
pub(super) fn undecided(object: &str, why: Undecided, flag: Option<&str>) -> String {
    match flag.filter(|_| why.is_of_limit()) {
        Some(flag) => format!("{object} could not be decided: {why}; more with --{flag}"),
        None => format!("{object} could not be decided: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use checkers::Verdict::{Invalid, Unknown, Valid};

    use super::*;

    #[test]
    fn what_is_undecided_is_not_called_wrong() {
        let complaint = |verdicts: &[Verdict]| {
            let tally = Tally::of(verdicts.iter().copied());
            tally.complaint("keys", "are not linearizable")
        };
        assert_eq!(complaint(&[Valid, Unknown]), "1 of 2 keys could not be decided");
        assert_eq!(complaint(&[Invalid, Valid]), "1 of 2 keys are not linearizable");
        assert_eq!(
            complaint(&[Invalid, Unknown, Valid]),
            "1 of 3 keys are not linearizable, 1 could not be decided"
        );
    }

    #[test]
    fn a_flag_is_named_where_it_helps() {
        let tell = |why| undecided("key 3", why, Some("max-states"));
        let of_states = tell(Undecided::StatesMax);
        assert!(of_states.ends_with("as many states as it may; more with --max-states"));
        assert!(!tell(Undecided::Stopped).contains("--max-states"));
    }
}
