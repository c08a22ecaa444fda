//! The parameters of a Byzantine fault-tolerant node, and how they are given.

use std::time::Duration;

use bft::Quorums;
use proto::{Arguments, UsageError};

use super::keys::{Authenticity, DEFAULT_SECRET};
use super::order::TIMEOUT_MAX;

/// How a node is run; the same for all nodes of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long a view or a step of a round lasts at first.
    pub timeout: Duration,
    /// What all keys are derived from.
    pub secret: String,
    /// How it is shown who said something.
    pub authenticity: Authenticity,
    /// How many nodes may be Byzantine, if not as many as possible.
    pub faulty: Option<usize>,
    /// How many nodes make a quorum, if not all but those.
    pub quorum: Option<usize>,
    /// After how many slots there is a checkpoint.
    pub checkpoint_every: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(400),
            secret: DEFAULT_SECRET.to_owned(),
            authenticity: Authenticity::default(),
            faulty: None,
            quorum: None,
            checkpoint_every: 32,
        }
    }
}

/// The flags on one line.
pub const USAGE: &str = "[--timeout MS] [--secret TEXT] [--authenticity ed25519|blake3] [--faulty N] \
                         [--quorum N] [--checkpoint-every N]";

/// The flags one by one, for help texts.
macro_rules! flags {
    () => {
        "\
  --timeout MS           how long a view, or a step of a round, lasts at first; it doubles with each
                         that fails, up to 2000; default 400
  --secret TEXT          what the keys of all nodes are derived from, the same for all. Without it
                         they are known to everybody who can read: for tests only
  --authenticity ed25519|blake3
                         signatures that only the signer can make (default), or keyed hashes that
                         every node of the cluster could make: faster, and no help against liars
  --faulty N             how many nodes may be Byzantine; default (n-1)/3
  --quorum N             how many nodes make a quorum; default n minus those. Other numbers are for
                         looking at what goes wrong
  --checkpoint-every N   slots after which nodes compare states and forget what led there; default 32
  --state-dir DIR        keep votes, proofs and state in DIR/<node id>/, stored before anybody hears
                         of them. Without it a node that was killed and comes back has forgotten what
                         it voted for, and counts among the Byzantine ones
"
    };
}
pub(crate) use flags;

impl Settings {
    /// Reads the flags.
    ///
    /// # Errors
    /// If they are wrong; the error says what is right.
    pub fn parse(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let mut settings = Self::default();
        while let Some(flag) = arguments.next_flag()? {
            match &*flag {
                "--timeout" => {
                    let timeout: u32 = arguments.value("a number of milliseconds")?;
                    settings.timeout = Duration::from_millis(u64::from(timeout));
                }
                "--secret" => settings.secret = arguments.value("a text")?,
                "--authenticity" => {
                    let known =
                        [("ed25519", Authenticity::Ed25519), ("blake3", Authenticity::Blake3)];
                    settings.authenticity = arguments.choice(&known)?;
                }
                "--faulty" => settings.faulty = Some(arguments.value("a number of nodes")?),
                "--quorum" => settings.quorum = Some(arguments.value("a number of nodes")?),
                "--checkpoint-every" => {
                    settings.checkpoint_every = arguments.value("a number of slots")?;
                }
                _ => return Err(arguments.unknown(&flag)),
            }
        }
        let wrong = |text: &str| Err(UsageError::Wrong(text.to_owned()));
        if settings.timeout.is_zero() || settings.timeout > TIMEOUT_MAX {
            return wrong("--timeout has to be between 1 and 2000");
        }
        if !(1..=bft::pbft::WINDOW / 2).contains(&settings.checkpoint_every) {
            return wrong("--checkpoint-every has to be between 1 and 128");
        }
        if settings.quorum == Some(0) {
            return wrong("--quorum has to be at least 1");
        }
        Ok(settings)
    }

    /// The quorums of a cluster of so many nodes.
    #[must_use]
    pub fn quorums(&self, nodes: usize) -> Quorums {
        let right = Quorums::of(nodes);
        let faulty = self.faulty.unwrap_or(right.faulty).min(nodes);
        let quorum = self.quorum.unwrap_or(nodes - faulty);
        Quorums::sized(nodes, faulty, quorum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Settings, String> {
        let mut arguments = Arguments::new(line.split_whitespace());
        Settings::parse(&mut arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_set_what_they_name() {
        assert_eq!(parsed(""), Ok(Settings::default()));
        let settings = parsed("--faulty 1 --quorum 3 --authenticity blake3").unwrap();
        assert_eq!(settings.quorums(3), Quorums::sized(3, 1, 3));
        assert_eq!(settings.authenticity, Authenticity::Blake3);
        assert_eq!(Settings::default().quorums(4), Quorums::of(4));
        assert_eq!(parsed("--faulty 2").unwrap().quorums(6), Quorums::sized(6, 2, 4));
    }

    #[test]
    fn wrong_flags_are_refused_with_what_is_right() {
        for (line, says) in [
            ("--timeout 2001", "2000"),
            ("--timeout 0", "2000"),
            ("--authenticity none", "blake3"),
            ("--checkpoint-every 0", "128"),
            ("--quorum 0", "at least 1"),
            ("--faulty few", "number of nodes"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
