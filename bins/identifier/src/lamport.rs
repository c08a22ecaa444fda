//! `identifier lamport`: a Lamport clock to be asked and a message to be stamped (task 2-3-1), and
//! events whose times say less than they seem to (task 2-3-2).
//!
//! Recorded events are local events, stamped messages and events of other nodes are received ones.
//! Requests of clients are not: they carry no time.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use clocks::lamport::{Lamport, Stamp};
use proto::{Caller, Context, Error, Json, Manual, Node, NodeId};
use serde::{Deserialize, Serialize};

use crate::input::bad_field;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "lamport",
    summary: "a Lamport clock, and what its times can say about events",
    usage: "",
    help: "\
It answers `tick`, `get_clock` and `send_stamped`, which has it send `stamped` to another node; and
`record_event`, `remote_event` and `check_causality`. There are no flags, and nothing outlives the
process.
",
};

/// The messages of `lamport`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A local event.
    Tick,
    /// The answer to `tick`.
    TickOk {
        /// The event's time.
        clock: u64,
    },
    /// Has the node send a stamped message.
    SendStamped {
        /// To whom.
        target: NodeId,
        /// What it says.
        data: Json,
    },
    /// The answer to `send_stamped`.
    SendStampedOk {
        /// The message's time.
        clock: u64,
    },
    /// From one node to another: the message that `send_stamped` asked for. It is not answered.
    Stamped {
        /// What it says.
        data: Json,
        /// The sender's time.
        clock: u64,
    },
    /// Asks for the time, which is no event.
    GetClock,
    /// The answer to `get_clock`.
    GetClockOk {
        /// The time of the last event.
        clock: u64,
    },
    /// Records a local event. Its `data` is nobody's concern here.
    RecordEvent {
        /// A name that no other event has.
        event_id: String,
    },
    /// The answer to `record_event`.
    RecordEventOk {
        /// The event.
        event_id: String,
        /// Its time.
        clock: u64,
        /// Where it happened.
        node: NodeId,
    },
    /// Tells of an event of another node.
    RemoteEvent {
        /// A name that no other event has.
        event_id: String,
        /// Its time there.
        clock: u64,
        /// Where it happened.
        node: NodeId,
    },
    /// The answer to `remote_event`.
    RemoteEventOk {
        /// The event.
        event_id: String,
        /// This node's time, after having heard of it.
        clock: u64,
    },
    /// Compares two events.
    CheckCausality {
        /// One event.
        event_a: String,
        /// The other.
        event_b: String,
    },
    /// The answer to `check_causality`.
    CheckCausalityOk {
        /// The time of the one.
        clock_a: u64,
        /// The time of the other.
        clock_b: u64,
        /// What the times suggest.
        lamport_says: Order,
        /// What is known.
        actual: Known,
    },
}

/// What two Lamport times suggest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The first is lower.
    ABeforeB,
    /// The second is lower.
    BBeforeA,
    /// Two events have the same time, so neither can be the cause of the other.
    Concurrent,
    /// It is one event.
    Equal,
}

/// What is known of two events by their times and their nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// They are on one node, which passed from one to the other.
    Causal,
    /// They are on two nodes: a lower time does not say that there was a message.
    Unknown,
}

/// A node with a Lamport clock.
#[derive(Clone, Debug, Default)]
pub struct LamportNode {
    clock: Lamport,
    events: BTreeMap<String, Stamp<NodeId>>,
}

impl LamportNode {
    fn receive(&mut self, clock: u64) -> Result<u64, Error> {
        self.clock.receive(clock).map_err(|error| bad_field("clock", error))
    }

    fn check_new(&self, event_id: &str) -> Result<(), Error> {
        match self.events.contains_key(event_id) {
            true => Err(bad_field("event_id", format!("there is an event `{event_id}` already"))),
            false => Ok(()),
        }
    }

    fn find(&self, field: &str, event_id: &str) -> Result<&Stamp<NodeId>, Error> {
        let unknown = || bad_field(field, format!("there is no event `{event_id}`"));
        self.events.get(event_id).ok_or_else(unknown)
    }

    fn record(&mut self, event_id: String, node: NodeId) -> Result<Body, Error> {
        self.check_new(&event_id)?;
        let clock = self.clock.tick();
        self.events.insert(event_id.clone(), Stamp { time: clock, node: node.clone() });
        Ok(Body::RecordEventOk { event_id, clock, node })
    }

    fn record_remote(&mut self, event_id: String, stamp: Stamp<NodeId>) -> Result<Body, Error> {
        self.check_new(&event_id)?;
        let clock = self.receive(stamp.time)?;
        self.events.insert(event_id.clone(), stamp);
        Ok(Body::RemoteEventOk { event_id, clock })
    }

    fn check_causality(&self, event_a: &str, event_b: &str) -> Result<Body, Error> {
        let (a, b) = (self.find("event_a", event_a)?, self.find("event_b", event_b)?);
        Ok(Body::CheckCausalityOk {
            clock_a: a.time,
            clock_b: b.time,
            lamport_says: match a.time.cmp(&b.time) {
                Ordering::Less => Order::ABeforeB,
                Ordering::Greater => Order::BBeforeA,
                Ordering::Equal if event_a == event_b => Order::Equal,
                Ordering::Equal => Order::Concurrent,
            },
            actual: if a.node == b.node { Known::Causal } else { Known::Unknown },
        })
    }
}

impl Node for LamportNode {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let answer = match body {
            Body::Tick => Ok(Body::TickOk { clock: self.clock.tick() }),
            Body::GetClock => Ok(Body::GetClockOk { clock: self.clock.time() }),
            Body::SendStamped { target, data } => {
                let clock = self.clock.tick();
                ctx.reply(&from, Body::SendStampedOk { clock });
                ctx.send(&target, Body::Stamped { data, clock });
                return;
            }
            Body::Stamped { clock, .. } => match self.receive(clock) {
                Ok(_) => return,
                Err(error) => Err(error),
            },
            Body::RecordEvent { event_id } => self.record(event_id, ctx.id().clone()),
            Body::RemoteEvent { event_id, clock, node } => {
                self.record_remote(event_id, Stamp { time: clock, node })
            }
            Body::CheckCausality { event_a, event_b } => self.check_causality(&event_a, &event_b),
            // Replies: they never come as requests.
            Body::TickOk { .. }
            | Body::SendStampedOk { .. }
            | Body::GetClockOk { .. }
            | Body::RecordEventOk { .. }
            | Body::RemoteEventOk { .. }
            | Body::CheckCausalityOk { .. } => return,
        };
        match answer {
            Ok(body) => ctx.reply(&from, body),
            Err(error) => ctx.reply_error(&from, error),
        }
    }
}
