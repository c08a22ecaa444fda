//! `identifier compare-ids`: one id of each of three schemes, side by side (task 2-4-4). The ids
//! are made as the other nodes make theirs, but nothing is kept over a restart.

use clocks::hybrid::{Hybrid, Stamp};
use clocks::snowflake::{Epoch, Generator};
use proto::{Caller, Context, Error, ErrorCode, Manual, Node, Records};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::snowflake::machine;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "compare-ids",
    summary: "an id of each of three schemes, and what each scheme is good for",
    usage: "",
    help: "\
It answers `compare_ids` with a UUID of version 4, a Snowflake id and an id of a hybrid clock.
There are no flags, and nothing outlives the process.
",
};

/// The messages of `compare-ids`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Asks for the comparison.
    CompareIds,
    /// The answer to `compare_ids`.
    CompareIdsOk {
        /// UUID v4, Snowflake and HLC.
        comparison: Vec<Scheme>,
    },
}

/// A scheme of ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scheme {
    /// Its name.
    pub scheme: String,
    /// A new id.
    pub id: String,
    /// How large an id is.
    pub bits: u32,
    /// Whether ids, read into their numbers, are in the order in which they were made.
    pub sortable: bool,
    /// Whether an id is higher than all that its node had heard of.
    pub causal: bool,
}

/// A node that compares schemes.
#[derive(Clone, Debug, Default)]
pub struct CompareIds {
    snowflake: Option<Generator>,
    clock: Hybrid,
}

impl CompareIds {
    fn compare(&mut self, ctx: &mut Context<'_, Self>) -> Result<Body, Error> {
        let clock_ms = ctx.wall_clock_ms();
        let none = |text: &str| Error::new(ErrorCode::Abort, text);
        let no_machine = || none("no machine number fits this node");
        let generator = self.snowflake.as_mut().ok_or_else(no_machine)?;
        let snowflake = generator.generate(clock_ms).and_then(|parts| parts.encode());
        let snowflake = snowflake.map_err(|error| none(&error.to_string()))?;
        let Stamp { physical_ms, logical } = self.clock.tick(clock_ms);
        let hlc = format!("{physical_ms}-{logical}-{}", ctx.id());
        let entry = |scheme: &str, id, bits, sortable, causal| Scheme {
            scheme: scheme.to_owned(),
            id,
            bits,
            sortable,
            causal,
        };
        Ok(Body::CompareIdsOk {
            comparison: vec![
                entry("uuid_v4", uuid_v4(ctx.random().random()), 128, false, false),
                entry("snowflake", snowflake.to_string(), 64, true, false),
                entry("hlc", hlc, 96, true, true),
            ],
        })
    }
}

impl Node for CompareIds {
    type Body = Body;
    type Token = ();

    fn init(&mut self, _: Records, ctx: &mut Context<'_, Self>) {
        self.snowflake = machine(ctx.id(), ctx.node_ids())
            .and_then(|machine| Generator::new(machine, Epoch::YEAR_2024).ok());
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Body::CompareIds = body {
            match self.compare(ctx) {
                Ok(answer) => ctx.reply(&from, answer),
                Err(error) => ctx.reply_error(&from, error),
            }
        }
    }
}

/// A UUID of random bits (RFC 9562, section 5.4): 122 of them, version 4, variant 10.
fn uuid_v4(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_variant_and_random_bits_elsewhere() {
        assert_eq!(uuid_v4(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_v4(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        // The example of RFC 9562, appendix A.3.
        let random = 0x919108f7_52d1_3320_5bac_f847db4148a8;
        assert_eq!(uuid_v4(random), "919108f7-52d1-4320-9bac-f847db4148a8");
    }
}
