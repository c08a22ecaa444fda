//! The command line of `consensus`.

use std::time::Duration;

use proto::{Arguments, Manual, UsageError};

use crate::settings::Settings;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "lin-kv",
    summary: "a linearizable key-value store, replicated by Raft",
    usage: "[--election-timeout MS] [--heartbeat MS] [--gather MS] [--compact-after N]",
    help: "\
It also answers `partition_test` and `verify_linearizability` of task 7-2-5.

  --election-timeout MS  shortest wait for a leader before a node campaigns; default 300
  --heartbeat MS         longest silence of a leader towards a follower; default 100
  --gather MS            how long a leader gathers requests for one round; default 3
  --compact-after N      applied entries after which the log is compacted; default 1000
  --state-dir DIR        keep term, vote, log, snapshot and whom the node has met in DIR/<node id>/.
                         Without it a node that was killed follows when it comes back, but gets no
                         vote from those that had met it. Nothing acknowledged is lost as long as
                         fewer than half of the nodes are ever killed, and each of those had been
                         met by all the others before it was killed for the first time. Otherwise
                         what was acknowledged may be lost, even what a living node still has
",
};

/// Reads the arguments.
///
/// # Errors
///
/// If they are wrong; the error says what is right.
pub fn parse(arguments: &mut Arguments) -> Result<Settings, UsageError> {
    let mut settings = Settings::default();
    while let Some(flag) = arguments.next_flag()? {
        match &*flag {
            "--election-timeout" => settings.election_timeout = milliseconds(arguments)?,
            "--heartbeat" => settings.heartbeat = milliseconds(arguments)?,
            "--gather" => settings.gather = milliseconds(arguments)?,
            "--compact-after" => settings.compact_after = arguments.value("a number of entries")?,
            _ => return Err(arguments.unknown(&flag)),
        }
    }
    let wrong = |text: &str| Err(UsageError::Wrong(text.to_owned()));
    if settings.heartbeat.is_zero() || settings.heartbeat * 2 > settings.election_timeout {
        return wrong("--election-timeout has to be at least twice --heartbeat, and that not 0");
    }
    if settings.gather >= settings.heartbeat {
        return wrong("--gather has to be shorter than --heartbeat");
    }
    if settings.compact_after == 0 {
        return wrong("--compact-after has to be at least 1");
    }
    Ok(settings)
}

fn milliseconds(arguments: &mut Arguments) -> Result<Duration, UsageError> {
    let number: u32 = arguments.value("a number of milliseconds")?;
    Ok(Duration::from_millis(u64::from(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Settings, String> {
        parse(&mut Arguments::new(line.split_whitespace())).map_err(|error| error.to_string())
    }

    #[test]
    fn options_set_what_they_name() {
        let settings =
            Settings { election_timeout: Duration::from_millis(500), ..Settings::default() };
        assert_eq!(parsed("--election-timeout 500 --state-dir here"), Ok(settings));
        assert_eq!(parsed(""), Ok(Settings::default()));
    }

    #[test]
    fn wrong_arguments_are_refused_with_what_is_right() {
        for (line, says) in [
            ("--gather 100", "--heartbeat"),
            ("--gather soon", "milliseconds"),
            ("--heartbeat 200", "twice"),
            ("--compact-after 0", "at least 1"),
            ("--nonsense", "--nonsense"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(says) && !error.contains('\n'), "{line}: {error}");
        }
    }
}
