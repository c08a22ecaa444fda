//! What of a run is left to chance: all of it, or only some of the draws, each by who makes it and by its
//! number.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::numbers::Numbers;

/// Who draws in a run. Each has numbers of its own, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// What clients ask for, which of them, and when: a number is a draw.
    Generator,
    /// Which faults there are, whom they hit, and when: a number is a draw.
    Nemesis,
    /// Whom changes of members are asked of: a number is a draw.
    Operator,
    /// What becomes of messages: a number is a message, in the order in which they are sent.
    Messages,
    /// How old the answers of services are: a number is a draw.
    Services,
    /// What nodes draw themselves, and in programs whose turn it is: a number is a node.
    Nodes,
    /// Which nodes are Byzantine, 0, and what each of them says: 1 is the first node, and so on.
    Liars,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Generator,
        Self::Nemesis,
        Self::Operator,
        Self::Messages,
        Self::Services,
        Self::Nodes,
        Self::Liars,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Nemesis => "nemesis",
            Self::Operator => "operator",
            Self::Messages => "messages",
            Self::Services => "services",
            Self::Nodes => "nodes",
            Self::Liars => "liars",
        }
    }
}

/// What is left to chance. A draw that is not is made all the same, so that the others stay what they are, and
/// then takes the calmest value that it can have: nothing happens that need not, the first of several is
/// taken, and what takes time takes its mean.
///
/// As people write it: `generator:0-36,40,nodes:1-` leaves those to chance and nothing else; `none`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chance {
    /// What is not left to chance, by source.
    spared: [Numbers; Source::ALL.len()],
}

impl Chance {
    /// Whether all is left to chance.
    pub fn is_all(&self) -> bool {
        self.spared.iter().all(Numbers::is_empty)
    }

    /// Whether nothing is.
    pub fn is_none(&self) -> bool {
        self.spared.iter().all(|spared| spared.others().is_empty())
    }

    /// Which numbers of this source are not left to chance.
    pub fn spared(&self, source: Source) -> &Numbers {
        &self.spared[source as usize]
    }

    /// Leaves everything of this source to chance but these numbers.
    pub fn spare(&mut self, source: Source, numbers: Numbers) {
        self.spared[source as usize] = numbers;
    }

    /// Nothing is left to chance.
    pub fn none() -> Self {
        Self { spared: std::array::from_fn(|_| Numbers::only(&[])) }
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for source in Source::ALL {
            let left = self.spared(source).others();
            if !left.is_empty() {
                write!(f, "{comma}{}:{left}", source.name())?;
                comma = ",";
            }
        }
        if comma.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

impl FromStr for Chance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut chance = Self::none();
        if text.trim() == "none" {
            return Ok(chance);
        }
        let wrong = || {
            let names = Source::ALL.map(Source::name).join("`, `");
            format!(
                "has to be `none`, or who draws and the numbers of what is left to chance, such as \
                 `generator:0-36,40,nodes:1-`; there are `{names}`"
            )
        };
        let mut open = None::<(Source, String)>;
        let mut close = |open: Option<(Source, String)>| -> Result<(), String> {
            let Some((source, numbers)) = open else { return Ok(()) };
            let numbers: Numbers = numbers.parse().map_err(|_| wrong())?;
            let left = chance.spared(source).others();
            chance.spare(source, left.and(numbers).others());
            Ok(())
        };
        for part in text.split(',') {
            match (part.split_once(':'), &mut open) {
                (Some((name, numbers)), _) => {
                    let named = |source: &Source| source.name() == name.trim();
                    let source = Source::ALL.into_iter().find(named).ok_or_else(wrong)?;
                    close(open.replace((source, numbers.to_owned())))?;
                }
                (None, Some((_, numbers))) => {
                    numbers.push(',');
                    numbers.push_str(part);
                }
                (None, None) => return Err(wrong()),
            }
        }
        close(open)?;
        Ok(chance)
    }
}

impl Serialize for Chance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        for (text, written) in [
            ("none", "none"),
            ("generator:0-36,40,nodes:1-", "generator:0-36,40,nodes:1-"),
            (" liars:0 , messages: 7 ,5-6", "messages:5-7,liars:0"),
            ("nodes:1,nodes:3-,services:0", "services:0,nodes:1,3-"),
        ] {
            let chance: Chance = text.parse().unwrap();
            assert_eq!(chance.to_string(), written);
            assert_eq!(written.parse(), Ok(chance.clone()));
            assert_eq!((chance.is_none(), chance.is_all()), (written == "none", false));
        }
        let all = Source::ALL.map(|source| format!("{}:0-", source.name())).join(",");
        assert_eq!(all.parse(), Ok(Chance::default()));
        assert!(Chance::default().is_all() && !Chance::default().is_none());
        for wrong in
            ["", "all", "0-", "nodes", "nodes:", "node:1", "nodes:a", "none,nodes:1", "1,nodes:1"]
        {
            let error = wrong.parse::<Chance>().unwrap_err();
            assert!(error.contains("`operator`, `messages`"), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_is_not_named_is_spared() {
        let chance: Chance = "generator:2-3,7-".parse().unwrap();
        let spared = |source, number| chance.spared(source).contains(number);
        let left: Vec<u64> = (0..9).filter(|number| !spared(Source::Generator, *number)).collect();
        assert_eq!(left, [2, 3, 7, 8]);
        assert!(Source::ALL[1..].iter().all(|source| spared(*source, 0) && spared(*source, 99)));
    }
}
