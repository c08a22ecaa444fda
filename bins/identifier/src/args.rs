//! The command line of `identifier`.

use proto::{Arguments, Program, UsageError};

use crate::scheme::Scheme;

/// What the program says about itself.
pub const PROGRAM: Program = Program {
    name: "identifier",
    version: env!("CARGO_PKG_VERSION"),
    usage: "[unique-ids] [--scheme counter|timestamp|random]",
    help: "\
A Maelstrom node on stdin and stdout that answers `generate` with an id that is unique in the
whole cluster, without asking anybody.

  unique-ids          the workload; it is the default and the only one
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
    arguments.workload(&[("unique-ids", ())])?;
    let mut scheme = Scheme::default();
    while let Some(flag) = arguments.next_flag()? {
        match &*flag {
            "--scheme" => scheme = arguments.choice(&Scheme::NAMED)?,
            _ => return Err(arguments.unknown(&flag)),
        }
    }
    Ok(scheme)
}
