//! The value of `--consistency-models`.

use std::str::FromStr;

use checkers::transactions::{Kind, Model, Options, Order, Shape, parse_models};

/// Models of which all must hold; at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Models(Vec<Model>);

impl FromStr for Models {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let models = parse_models(list).map_err(|error| error.to_string())?;
        match models.is_empty() {
            true => Err("has to be a list of consistency models".to_owned()),
            false => Ok(Self(models)),
        }
    }
}

impl Models {
    /// For the checkers.
    pub(super) fn options(&self) -> Options {
        Options { models: self.0.clone() }
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Model> {
        self.0.iter().copied()
    }

    /// Those of which nothing is looked for.
    pub(super) fn unexamined(&self) -> impl Iterator<Item = Model> {
        self.iter().filter(|model| !model.can_be_ruled_out())
    }

    /// Whether one of them excludes anomalies of this kind.
    pub(super) fn forbid(&self, kind: Kind) -> bool {
        self.iter().any(|model| model.forbids(kind))
    }

    /// Whether one of them implies that each object by itself is linearizable: so it is where no
    /// stale read and no stale write is allowed.
    pub(super) fn make_keys_linearizable(&self) -> bool {
        self.forbid(Kind::Cycle(Order::Realtime, Shape::GSingleItem))
    }

    /// The same for sequentially consistent objects, where sessions are concerned.
    pub(super) fn make_keys_sequential(&self) -> bool {
        self.forbid(Kind::Cycle(Order::Process, Shape::GSingleItem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(list: &str) -> Models {
        list.parse().unwrap()
    }

    #[test]
    fn a_list_is_split_at_any_comma_and_every_name_is_checked() {
        let both = models("read-committed,snapshot-isolation");
        assert_eq!(both, models("read-committed , snapshot-isolation"));
        assert_eq!(both.iter().count(), 2);
        let error = "read-committed,serialisable".parse::<Models>().unwrap_err();
        assert!(error.contains("no consistency model is called \"serialisable\""), "{error}");
        assert!(error.contains("snapshot-isolation"), "{error}");
        assert!(" , ".parse::<Models>().is_err());
    }

    #[test]
    fn only_models_that_exclude_stale_reads_say_something_of_single_keys() {
        let says = |list| {
            let models = models(list);
            (models.make_keys_linearizable(), models.make_keys_sequential())
        };
        assert_eq!(says("strict-serializable"), (true, true));
        assert_eq!(says("strong-snapshot-isolation"), (true, true));
        assert_eq!(says("strong-session-serializable"), (false, true));
        assert_eq!(says("strong-session-snapshot-isolation"), (false, true));
        // Read committed, however strong, lets a transaction read an old version.
        assert_eq!(says("strong-read-committed"), (false, false));
        assert_eq!(says("strong-session-read-committed"), (false, false));
        assert_eq!(says("serializable,snapshot-isolation"), (false, false));
    }
}
