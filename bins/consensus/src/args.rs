//! The command line of `consensus`.

use std::time::Duration;

use proto::{Arguments, Manual, UsageError};

use crate::settings::Settings;

/// What a node on Raft says of its flags, after what it says of itself.
macro_rules! help {
    ($own:literal) => {
        concat!(
            $own,
            "\
  --election-timeout MS  shortest wait for a leader before a node campaigns; default 300
  --heartbeat MS         longest silence of a leader towards a follower; default 100
  --gather MS            how long a leader gathers requests for one round, and once more as long
                         where a second one comes meanwhile; default 3
  --compact-after N      applied entries after which the log is compacted; default 1000
  --state-dir DIR        keep term, vote, log, snapshot and whom the node has met in DIR/<node id>/.
                         Without it a node that was killed follows when it comes back, but gets no
                         vote from those that had met it. Nothing acknowledged is lost as long as
                         fewer than half of the nodes are ever killed, and each of those had been
                         met by all the others before it was killed for the first time. Otherwise
                         what was acknowledged may be lost, even what a living node still has. If
                         what is in DIR is not as the node wrote it, the node takes no part in
                         anything
"
        )
    };
}

pub(crate) use help;

/// What the node `lin-kv` says about itself.
pub const MANUAL: Manual = Manual {
    name: "lin-kv",
    summary: "a linearizable key-value store, replicated by Raft",
    usage: "[--election-timeout MS] [--heartbeat MS] [--gather MS] [--compact-after N]",
    help: help!(
        "\
It also answers `partition_test` and `verify_linearizability` of task 7-2-5.
Members come and go: `add_member` and `remove_member` with a `node_id` of those that `init` names, to any
node. Who is no member (any more, or yet: `initial_member_ids` of `init`) answers clients with error 40.

"
    ),
};

/// How long changes are gathered where nothing else is said.
const BATCH: Duration = Duration::from_millis(5);

/// Reads the arguments.
///
/// # Errors
///
/// If they are wrong; the error says what is right.
pub fn parse(arguments: &mut Arguments) -> Result<Settings, UsageError> {
    parse_onto(Settings::default(), arguments)
}

/// Reads the arguments of a node whose service joins changes of its clients.
///
/// # Errors
///
/// If they are wrong; the error says what is right.
pub fn parse_batching(arguments: &mut Arguments) -> Result<Settings, UsageError> {
    parse_onto(Settings { batch: BATCH, ..Settings::default() }, arguments)
}

fn parse_onto(mut settings: Settings, arguments: &mut Arguments) -> Result<Settings, UsageError> {
    let can_batch = !settings.batch.is_zero();
    while let Some(flag) = arguments.next_flag()? {
        match &*flag {
            "--election-timeout" => settings.election_timeout = milliseconds(arguments)?,
            "--heartbeat" => settings.heartbeat = milliseconds(arguments)?,
            "--batch" if can_batch => settings.batch = milliseconds(arguments)?,
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
    if settings.batch >= settings.election_timeout {
        return wrong("--batch has to be shorter than --election-timeout");
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
    fn only_who_joins_changes_gathers_them() {
        let batch = |line: &str| {
            let settings = parse_batching(&mut Arguments::new(line.split_whitespace()));
            settings.map(|settings| settings.batch.as_millis()).map_err(|error| error.to_string())
        };
        assert_eq!((batch(""), batch("--batch 0"), batch("--batch 25")), (Ok(5), Ok(0), Ok(25)));
        assert!(batch("--batch 300").is_err_and(|error| error.contains("--election-timeout")));
        assert!(parsed("--batch 5").is_err_and(|error| error.contains("--batch")));
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
