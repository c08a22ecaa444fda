//! `identifier snowflake`: ids of 63 bits that rise on each node, and tools to look at them
//! (tasks 2-2-1 to 2-2-5).
//!
//! Unique because the machine's bits tell nodes apart and a machine's ids only rise, whatever its
//! clock does (see [`clocks::snowflake`]). Assumed: every node of the cluster gets the same list of
//! nodes in `init`; and a node that is restarted has a state directory, or a clock that shows a
//! later time than any id of its earlier life. With a state directory timestamps are reserved ahead
//! and the new life begins after them.
//!
//! The machine is the number at the end of the node's name (`n3` is machine 3), if all nodes of the
//! cluster have one that fits 10 bits and no two the same one. Otherwise it is the node's place in
//! the list of nodes.

use std::collections::BTreeSet;

use clocks::snowflake::{Epoch, Generator, MACHINE_MAX, OutOfRange, Parts, TIMESTAMP_MAX_MS};
use proto::{
    Arguments, Caller, Context, Error, ErrorCode, Manual, Node, NodeId, Records, UsageError,
};
use serde::{Deserialize, Serialize};

use crate::input::bad_field;
use crate::reservation::Reservation;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "snowflake",
    summary: "unique ids of 63 bits that rise on each node: milliseconds, machine, sequence",
    usage: "[--epoch 2024|unix]",
    help: "\
It answers `generate`, `generate_batch`, `decompose`, `time_info` and `verify_ids`.

  --epoch 2024     timestamps count from 2024-01-01T00:00:00Z; the default
  --epoch unix     timestamps count from 1970-01-01T00:00:00Z
  --state-dir DIR  keep in DIR/<node id>/ which timestamps may have been used, so that ids go on
                   after them when the node is restarted
",
};

/// Timestamps that are reserved with one synced record: one record every ten seconds.
const BLOCK_MS: u64 = 10_000;
/// Ids that one request may ask for: their reply is a line of 2 MB.
const BATCH_MAX: u64 = 100_000;
/// A year of the Gregorian calendar on average, 365.2425 days.
const YEAR_MS: u64 = 31_556_952_000;

/// The messages of `snowflake`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Asks for a new id.
    Generate,
    /// The answer to `generate`.
    GenerateOk {
        /// The id.
        id: u64,
    },
    /// Asks for several ids.
    GenerateBatch {
        /// How many, from 1 to 100,000.
        count: u64,
    },
    /// The answer to `generate_batch`.
    GenerateBatchOk {
        /// The ids in the order in which they were made.
        ids: Vec<u64>,
        /// The highest sequence that any id of this node had so far.
        max_sequence: u64,
    },
    /// Takes an id apart.
    Decompose {
        /// An id, of this node or another with the same epoch.
        id: u64,
    },
    /// The answer to `decompose`.
    DecomposeOk {
        /// When it was made, in milliseconds since 1970.
        timestamp_ms: u64,
        /// Where it was made.
        machine_id: u64,
        /// Which one of that millisecond it is.
        sequence: u64,
    },
    /// Asks how far time has come.
    TimeInfo,
    /// The answer to `time_info`.
    TimeInfoOk {
        /// The timestamp that an id made now would have, in milliseconds since the epoch.
        current_ms: u64,
        /// The epoch, in milliseconds since 1970.
        custom_epoch_ms: u64,
        /// The highest timestamp there is.
        max_timestamp_ms: u64,
        /// Whole years until then.
        years_remaining: u64,
    },
    /// Examines a list of ids.
    VerifyIds {
        /// The ids.
        ids: Vec<u64>,
    },
    /// The answer to `verify_ids`.
    VerifyIdsOk {
        /// How many there are.
        count: usize,
        /// How many different ones.
        unique: usize,
        /// Whether none is lower than the one before it.
        is_sorted: bool,
        /// Those that are there more than once, each once, in rising order.
        duplicates: Vec<u64>,
    },
}

/// A node that gives out Snowflake ids.
#[derive(Clone, Debug)]
pub struct Snowflake {
    epoch: Epoch,
    /// Where ids come from, or why there can be none.
    generator: Result<Generator, Error>,
    reservation: Reservation,
}

impl Snowflake {
    /// A node whose timestamps count from `epoch`.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            generator: Err(Error::temporarily_unavailable("this node has not seen `init` yet")),
            reservation: Reservation::new("snowflake", BLOCK_MS),
        }
    }

    /// Reads the arguments.
    ///
    /// # Errors
    /// If they are wrong; the error says what is right.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let mut epoch = Epoch::YEAR_2024;
        while let Some(flag) = arguments.next_flag()? {
            match &*flag {
                "--epoch" => {
                    epoch =
                        arguments.choice(&[("2024", Epoch::YEAR_2024), ("unix", Epoch::UNIX)])?;
                }
                _ => return Err(arguments.unknown(&flag)),
            }
        }
        Ok(Self::new(epoch))
    }

    fn start(&mut self, restored: &Records, ctx: &Context<'_, Self>) -> Result<Generator, Error> {
        let machine = machine(ctx.id(), ctx.node_ids()).ok_or_else(|| {
            let text =
                format!("more than {} nodes, or this one is not among them", MACHINE_MAX + 1);
            Error::new(ErrorCode::Abort, text)
        })?;
        let mut generator = Generator::new(machine, self.epoch).map_err(unavailable)?;
        let first_unix_ms = self.reservation.restore(restored)?;
        generator.skip_to(self.epoch.since_ms(first_unix_ms));
        Ok(generator)
    }

    /// A new id.
    fn generate(&mut self, ctx: &mut Context<'_, Self>) -> Result<u64, Error> {
        let generator = self.generator.as_mut().map_err(|error| error.clone())?;
        let parts = generator.generate(ctx.wall_clock_ms()).map_err(unavailable)?;
        self.reservation.cover(self.epoch.unix_ms + parts.timestamp_ms, ctx);
        parts.encode().map_err(unavailable)
    }

    fn generate_batch(&mut self, count: u64, ctx: &mut Context<'_, Self>) -> Result<Body, Error> {
        if !(1..=BATCH_MAX).contains(&count) {
            return Err(bad_field("count", format!("{count} is not from 1 to {BATCH_MAX}")));
        }
        let ids = (0..count).map(|_| self.generate(ctx)).collect::<Result<_, _>>()?;
        let generator = self.generator.as_ref().map_err(|error| error.clone())?;
        Ok(Body::GenerateBatchOk { ids, max_sequence: generator.highest_sequence() })
    }

    fn decompose(&self, id: u64) -> Result<Body, Error> {
        let parts = Parts::decode(id).map_err(|error| bad_field("id", error))?;
        Ok(Body::DecomposeOk {
            timestamp_ms: self.epoch.unix_ms + parts.timestamp_ms,
            machine_id: parts.machine,
            sequence: parts.sequence,
        })
    }

    fn time_info(&self, clock_ms: u64) -> Result<Body, Error> {
        let generator = self.generator.as_ref().map_err(|error| error.clone())?;
        let current_ms = generator.timestamp_ms(clock_ms);
        Ok(Body::TimeInfoOk {
            current_ms,
            custom_epoch_ms: self.epoch.unix_ms,
            max_timestamp_ms: TIMESTAMP_MAX_MS,
            years_remaining: TIMESTAMP_MAX_MS.saturating_sub(current_ms) / YEAR_MS,
        })
    }
}

impl Node for Snowflake {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.generator = self.start(&restored, ctx);
        if let Err(error) = &self.generator {
            ctx.log(format!("no ids can be given out: {}", error.text));
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let answer = match body {
            Body::Generate => self.generate(ctx).map(|id| Body::GenerateOk { id }),
            Body::GenerateBatch { count } => self.generate_batch(count, ctx),
            Body::Decompose { id } => self.decompose(id),
            Body::TimeInfo => self.time_info(ctx.wall_clock_ms()),
            Body::VerifyIds { ids } => Ok(verify(&ids)),
            // Replies: they never come as requests.
            Body::GenerateOk { .. }
            | Body::GenerateBatchOk { .. }
            | Body::DecomposeOk { .. }
            | Body::TimeInfoOk { .. }
            | Body::VerifyIdsOk { .. } => return,
        };
        match answer {
            Ok(body) => ctx.reply(&from, body),
            Err(error) => ctx.reply_error(&from, error),
        }
    }
}

/// There will be no id: nothing of the request happened.
fn unavailable(error: OutOfRange) -> Error {
    Error::new(ErrorCode::Abort, error.to_string())
}

/// The machine that a node is; see the module. Nothing if there are too many nodes, or if the node
/// is none of them and has no number.
pub(crate) fn machine(id: &NodeId, node_ids: &[NodeId]) -> Option<u64> {
    let numbers: Option<BTreeSet<u64>> = node_ids.iter().map(number).collect();
    if numbers.is_some_and(|numbers| numbers.len() == node_ids.len()) {
        return number(id);
    }
    let place = node_ids.iter().position(|node| node == id)?;
    u64::try_from(place).ok().filter(|place| *place <= MACHINE_MAX)
}

/// The number at the end of a node's name, if it fits.
fn number(id: &NodeId) -> Option<u64> {
    let name = id.as_str();
    let digits = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    name[digits..].parse().ok().filter(|number| *number <= MACHINE_MAX)
}

fn verify(ids: &[u64]) -> Body {
    let (mut different, mut duplicates) = (BTreeSet::new(), BTreeSet::new());
    for id in ids {
        if !different.insert(*id) {
            duplicates.insert(*id);
        }
    }
    Body::VerifyIdsOk {
        count: ids.len(),
        unique: different.len(),
        is_sorted: ids.is_sorted(),
        duplicates: duplicates.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machines(names: &[&str]) -> Vec<Option<u64>> {
        let node_ids: Vec<_> = names.iter().map(|name| NodeId::new(name)).collect();
        node_ids.iter().map(|id| machine(id, &node_ids)).collect()
    }

    #[test]
    fn the_machine_is_the_number_of_the_node() {
        assert_eq!(machines(&["n3", "n1", "n1023"]), [Some(3), Some(1), Some(1023)]);
        assert_eq!(machines(&["rack2-host7"]), [Some(7)]);
    }

    #[test]
    fn where_numbers_do_not_tell_all_nodes_apart_it_is_the_place() {
        for names in [["n1", "m1"], ["n1", "n01"], ["n1", "n1024"], ["n1", "alpha"], ["", "n0"]] {
            assert_eq!(machines(&names), [Some(0), Some(1)], "{names:?}");
        }
    }

    #[test]
    fn there_are_machines_for_1024_nodes() {
        let names: Vec<_> = (0..1_025).map(|number| format!("n{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let machines = machines(&names);
        assert_eq!((machines[1_023], machines[1_024]), (Some(1_023), None));
        assert_eq!(machine(&NodeId::new("stranger"), &[NodeId::new("n1")]), None);
    }
}
