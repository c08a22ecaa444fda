//! Whom to follow where Maelstrom and we differ.

use std::str::FromStr;

use serde::Serialize;

/// Another bench whose figures are to be those of the run, also where ours are better.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compat {
    /// Maelstrom: messages are waited for in turn ([`NetworkOptions::in_turn`](simulator::NetworkOptions::in_turn)); in lin-kv only the
    /// first group reads, and the first idle worker of a half gets the next operation; who begins an operation
    /// late never catches up.
    Maelstrom,
}

impl FromStr for Compat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "maelstrom" => Ok(Self::Maelstrom),
            _ => Err("has to be maelstrom".to_owned()),
        }
    }
}
