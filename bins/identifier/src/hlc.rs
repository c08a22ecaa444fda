//! `identifier hlc`: a hybrid logical clock to be asked, told and set back (tasks 2-4-1 to 2-4-3),
//! and ids made of its stamps, `<physical ms>_<logical>_<node>` (task 2-4-5).
//!
//! Unique because the node's name tells nodes apart and a node's stamps only rise. Besides, ids
//! *respect causality*: while a node gives out stamps it tells its peers the highest that it knows, one
//! peer every 20 ms in turn, and a peer that has heard of a stamp gives out higher ones only. A node
//! that has given out nothing since says nothing. To tell and to hear is no event of the clock: who
//! asks a node of several sees the counter rise by what it asked for, as in the tasks, and not by what
//! the nodes tell each other meanwhile.
//!
//! Assumed: as for every id made of a clock, a node that is restarted has a state directory, or a
//! clock that shows a later time than any stamp of its earlier life. With a state directory
//! physical parts are reserved ahead, those that were merely heard of as well, and the new life
//! begins after them. There is no limit to how far ahead of its own clock a node believes a peer:
//! task 2-4-2 wants a stamp of the year 2286 believed.

use std::time::Duration;

use clocks::hybrid::{Hybrid, Stamp};
use proto::{Caller, Context, Error, Manual, Node, NodeId, Records};
use serde::{Deserialize, Serialize};

use crate::input::bad_field;
use crate::reservation::Reservation;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "hlc",
    summary: "a hybrid logical clock, and unique ids of its stamps that respect causality",
    usage: "",
    help: "\
It answers `hlc_tick`, `hlc_get`, `hlc_receive`, `simulate_backward`, `generate` and
`parse_hlc_id`. While it gives out stamps it tells its peers of them, one every 20 ms.

  --state-dir DIR  keep in DIR/<node id>/ which milliseconds stamps may have had, so that they go on
                   after them when the node is restarted
",
};

/// Physical parts that are reserved with one synced record: one record a second.
const BLOCK_MS: u64 = 1_000;
/// How long a node that gives out stamps waits before it tells the next peer.
const EXCHANGE_INTERVAL: Duration = Duration::from_millis(20);

/// The messages of `hlc`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A local event, or the sending of a message.
    HlcTick,
    /// The answer to `hlc_tick`.
    HlcTickOk {
        /// The stamp's physical part, in milliseconds since 1970.
        pt: u64,
        /// The stamp's logical part.
        lc: u64,
        /// How far `pt` is ahead of the simulated clock; 0 while none is simulated.
        drift_ms: u64,
    },
    /// Asks for the last stamp, which is no event.
    HlcGet,
    /// The answer to `hlc_get`.
    HlcGetOk {
        /// The stamp's physical part, 0 before the first event.
        pt: u64,
        /// The stamp's logical part.
        lc: u64,
    },
    /// The receipt of a message.
    HlcReceive {
        /// The physical part of its stamp.
        remote_pt: u64,
        /// The logical part of its stamp.
        remote_lc: u64,
    },
    /// The answer to `hlc_receive`.
    HlcReceiveOk {
        /// The physical part of the receipt's stamp.
        pt: u64,
        /// The logical part of the receipt's stamp.
        lc: u64,
    },
    /// Shifts the node's clock, in addition to earlier shifts.
    SimulateBackward {
        /// By how much; negative is backward.
        offset_ms: i64,
    },
    /// The answer to `simulate_backward`.
    SimulateBackwardOk,
    /// Asks for a new id.
    Generate,
    /// The answer to `generate`.
    GenerateOk {
        /// The id.
        id: String,
    },
    /// Takes an id apart.
    ParseHlcId {
        /// An id of any node.
        id: String,
    },
    /// The answer to `parse_hlc_id`.
    ParseHlcIdOk {
        /// The stamp's physical part.
        pt: u64,
        /// The stamp's logical part.
        lc: u64,
        /// The node that made it.
        node: String,
    },
    /// From one node to another: the highest stamp that it gave out or heard of. It is not answered.
    HlcStamp {
        /// The stamp's physical part.
        pt: u64,
        /// The stamp's logical part.
        lc: u64,
    },
}

/// A node with a hybrid logical clock.
#[derive(Clone, Debug)]
pub struct Hlc {
    /// The clock, or why there can be no stamps.
    clock: Result<Hybrid, Error>,
    reservation: Reservation,
    /// How far the node's clock is shifted, once that was asked for.
    offset_ms: Option<i64>,
    /// Whether the next peer will be told soon.
    exchange_is_due: bool,
    /// How many times a peer was told.
    exchanges: usize,
}

impl Default for Hlc {
    fn default() -> Self {
        Self {
            clock: Ok(Hybrid::default()),
            reservation: Reservation::new("hybrid", BLOCK_MS),
            offset_ms: None,
            exchange_is_due: false,
            exchanges: 0,
        }
    }
}

impl Hlc {
    /// The node's clock, which may be shifted.
    fn clock_ms(&self, ctx: &Context<'_, Self>) -> u64 {
        ctx.wall_clock_ms().saturating_add_signed(self.offset_ms.unwrap_or(0))
    }

    /// The stamp of a new event, to be given out.
    fn tick(&mut self, ctx: &mut Context<'_, Self>) -> Result<Stamp, Error> {
        let now_ms = self.clock_ms(ctx);
        let clock = self.clock.as_mut().map_err(|error| error.clone())?;
        let stamp = clock.tick(now_ms);
        self.reservation.cover(stamp.physical_ms, ctx);
        Ok(stamp)
    }

    /// The stamp of a receipt.
    fn receive(&mut self, received: Stamp, ctx: &mut Context<'_, Self>) -> Result<Stamp, Error> {
        let now_ms = self.clock_ms(ctx);
        let clock = self.clock.as_mut().map_err(|error| error.clone())?;
        let stamp =
            clock.receive(received, now_ms).map_err(|error| bad_field("remote_pt", error))?;
        self.reservation.cover(stamp.physical_ms, ctx);
        Ok(stamp)
    }

    /// A peer's stamp: those that are given out from here on are higher.
    fn hear(&mut self, stamp: Stamp, ctx: &mut Context<'_, Self>) -> Result<(), Error> {
        let clock = self.clock.as_mut().map_err(|error| error.clone())?;
        clock.hear(stamp).map_err(|error| bad_field("pt", error))?;
        self.reservation.cover(clock.stamp().physical_ms, ctx);
        Ok(())
    }

    /// A stamp was given out: peers are to hear of it.
    fn exchange_soon(&mut self, ctx: &mut Context<'_, Self>) {
        if !self.exchange_is_due && ctx.peers().next().is_some() {
            self.exchange_is_due = true;
            ctx.set_timer(EXCHANGE_INTERVAL, ());
        }
    }

    /// The answer to a request; nothing to what wants none.
    fn answer(&mut self, body: Body, ctx: &mut Context<'_, Self>) -> Result<Option<Body>, Error> {
        Ok(Some(match body {
            Body::HlcTick => {
                let Stamp { physical_ms: pt, logical: lc } = self.tick(ctx)?;
                self.exchange_soon(ctx);
                let now_ms = self.clock_ms(ctx);
                let drift_ms = self.offset_ms.map_or(0, |_| pt.saturating_sub(now_ms));
                Body::HlcTickOk { pt, lc, drift_ms }
            }
            Body::HlcGet => {
                let clock = self.clock.as_ref().map_err(|error| error.clone())?;
                let Stamp { physical_ms: pt, logical: lc } = clock.stamp();
                Body::HlcGetOk { pt, lc }
            }
            Body::HlcReceive { remote_pt, remote_lc } => {
                let received = Stamp { physical_ms: remote_pt, logical: remote_lc };
                let Stamp { physical_ms: pt, logical: lc } = self.receive(received, ctx)?;
                self.exchange_soon(ctx);
                Body::HlcReceiveOk { pt, lc }
            }
            Body::SimulateBackward { offset_ms } => {
                let shifted = self.offset_ms.unwrap_or(0).saturating_add(offset_ms);
                self.offset_ms = Some(shifted);
                Body::SimulateBackwardOk
            }
            Body::Generate => {
                let stamp = self.tick(ctx)?;
                self.exchange_soon(ctx);
                Body::GenerateOk { id: write_id(stamp, ctx.id()) }
            }
            Body::ParseHlcId { id } => {
                let Some((Stamp { physical_ms: pt, logical: lc }, node)) = read_id(&id) else {
                    return Err(bad_field("id", format!("`{id}` is no <pt>_<lc>_<node>")));
                };
                Body::ParseHlcIdOk { pt, lc, node: node.to_owned() }
            }
            Body::HlcStamp { pt, lc } => {
                self.hear(Stamp { physical_ms: pt, logical: lc }, ctx)?;
                return Ok(None);
            }
            // Replies: they never come as requests.
            Body::HlcTickOk { .. }
            | Body::HlcGetOk { .. }
            | Body::HlcReceiveOk { .. }
            | Body::SimulateBackwardOk
            | Body::GenerateOk { .. }
            | Body::ParseHlcIdOk { .. } => return Ok(None),
        }))
    }
}

impl Node for Hlc {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.clock = self.reservation.restore(&restored).map(Hybrid::starting_at);
        if let Err(error) = &self.clock {
            ctx.log(format!("no stamps can be given out: {}", error.text));
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match self.answer(body, ctx) {
            Ok(Some(answer)) => ctx.reply(&from, answer),
            Ok(None) => {}
            Err(error) => ctx.reply_error(&from, error),
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.exchange_is_due = false;
        let peers = ctx.peers().count().max(1);
        let next = ctx.peers().nth(self.exchanges % peers).cloned();
        self.exchanges += 1;
        if let (Some(peer), Ok(clock)) = (next, &self.clock) {
            let Stamp { physical_ms: pt, logical: lc } = clock.stamp();
            ctx.send(&peer, Body::HlcStamp { pt, lc });
        }
    }
}

/// The id of a stamp.
fn write_id(stamp: Stamp, node: &NodeId) -> String {
    format!("{}_{}_{node}", stamp.physical_ms, stamp.logical)
}

/// The stamp of an id and the node that made it, whose name may have underscores.
pub fn read_id(id: &str) -> Option<(Stamp, &str)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let (physical, rest) = id.split_once('_')?;
    let (logical, node) = rest.split_once('_')?;
    let stamp = Stamp { physical_ms: number(physical)?, logical: number(logical)? };
    (!node.is_empty()).then_some((stamp, node))
}
