//! The command line of `identifier`.

use proto::{Arguments, Manual, UsageError};

use crate::scheme::Scheme;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "unique-ids",
    summary: "answers `generate` with an id that is unique in the whole cluster, asking nobody",
    usage: "[--scheme counter|timestamp|random]",
    help: "\
It serves Maelstrom's workload `unique-ids`.

  --scheme counter    <node id>-<counter from 0>; the default
  --scheme timestamp  <node id>-<milliseconds since 1970>-<sequence>
  --scheme random     <node id>-<milliseconds since 1970>-<random salt>
  --state-dir DIR     keep in DIR/<node id>/ which ids may have been given out, so that counters
                      and timestamps go on after them when the node is restarted
",
};

/// Reads the arguments.
///
/// # Errors
/// If they are wrong; the error says what is right.
pub fn parse(arguments: &mut Arguments) -> Result<Scheme, UsageError> {
    let mut scheme = Scheme::default();
    while let Some(flag) = arguments.next_flag()? {
        match &*flag {
            "--scheme" => scheme = arguments.choice(&Scheme::NAMED)?,
            _ => return Err(arguments.unknown(&flag)),
        }
    }
    Ok(scheme)
}
