//! The command line.

use std::time::Duration;

use crate::settings::Settings;

/// What `--help` prints.
pub const HELP: &str = "\
consensus: a linearizable key-value store by Raft, as a Maelstrom node

usage: consensus [WORKLOAD] [OPTIONS]

workloads:
  lin-kv    Maelstrom's lin-kv and the messages of task 7-2-5 (the default)

options:
  --state-dir DIR        keep term, vote, log and snapshot in DIR/<node id>/
  --election-timeout MS  shortest wait for a leader before campaigning [300]
  --heartbeat MS         longest silence of a leader towards a follower [100]
  --gather MS            how long a leader gathers requests for one round [3]
  --compact-after N      applied entries after which the log is compacted [1000]
  --help                 print this
  --version              print the version
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Run a node.
    Run(Settings),
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// Reads the command line, the program's name left out.
///
/// # Errors
///
/// One line that says what is right.
pub fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Request, lexopt::Error> {
    use lexopt::Arg::{Long, Short, Value};
    use lexopt::ValueExt as _;

    let mut settings = Settings::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut has_workload = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Request::Help),
            Long("version") | Short('V') => return Ok(Request::Version),
            Long("state-dir") => settings.state_dir = Some(parser.value()?.into()),
            Long("election-timeout") => settings.election_timeout = milliseconds(&mut parser)?,
            Long("heartbeat") => settings.heartbeat = milliseconds(&mut parser)?,
            Long("gather") => settings.gather = milliseconds(&mut parser)?,
            Long("compact-after") => settings.compact_after = parser.value()?.parse()?,
            Value(workload) if !has_workload => {
                has_workload = true;
                if workload != "lin-kv" {
                    let workload = workload.display();
                    return Err(format!("no workload `{workload}`; there is: lin-kv").into());
                }
            }
            other => return Err(other.unexpected()),
        }
    }
    if settings.heartbeat.is_zero() || settings.heartbeat * 2 > settings.election_timeout {
        let problem = "--election-timeout must be at least twice --heartbeat, which must not be 0";
        return Err(problem.into());
    }
    if settings.gather >= settings.heartbeat {
        return Err("--gather must be shorter than --heartbeat".into());
    }
    if settings.compact_after == 0 {
        return Err("--compact-after must be at least 1".into());
    }
    Ok(Request::Run(settings))
}

fn milliseconds(parser: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    use lexopt::ValueExt as _;
    let number: u32 = parser.value()?.parse()?;
    Ok(Duration::from_millis(u64::from(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(Into::into)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_set_what_they_name() {
        let settings = Settings {
            election_timeout: Duration::from_millis(500),
            state_dir: Some("here".into()),
            ..Settings::default()
        };
        let line = "lin-kv --election-timeout 500 --state-dir here";
        assert_eq!(parsed(line), Ok(Request::Run(settings)));
        assert_eq!(parsed(""), Ok(Request::Run(Settings::default())));
    }

    #[test]
    fn wrong_arguments_are_refused_with_what_is_right() {
        for (line, says) in [
            ("broadcast", "lin-kv"),
            ("lin-kv lin-kv", "lin-kv"),
            ("--gather 100", "--heartbeat"),
            ("--gather soon", "soon"),
            ("--heartbeat 200", "twice"),
            ("--compact-after 0", "at least 1"),
            ("--nonsense", "--nonsense"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(says) && !error.contains('\n'), "{line}: {error}");
        }
    }
}
