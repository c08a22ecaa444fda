//! Virtual time for clusters of [`proto::Node`]s: a network model, faults, Maelstrom's services and
//! one queue of events, all from one seed.
//!
//! Time here is a number that jumps from event to event, so an hour of timeouts costs only what
//! happens in it. The same seed gives the same run on every machine: nothing reads a clock, an
//! environment or a hash map's order, and random draws use no platform function.
//!
//! ```
//! use std::time::Duration;
//!
//! use proto::{Caller, Context, MessageId, Node, NodeId, Payload};
//! use serde::{Deserialize, Serialize};
//! use simulator::{Cluster, ClusterOptions};
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Body { Ping, PingOk }
//! struct Pong;
//! impl Node for Pong {
//!     type Body = Body;
//!     type Token = ();
//!     fn request(&mut self, from: Caller, _: Body, ctx: &mut Context<'_, Self>) {
//!         ctx.reply(&from, Body::PingOk);
//!     }
//! }
//!
//! let mut cluster = Cluster::new(ClusterOptions::new(3, 42), |_| Pong);
//! let client = NodeId::new("c9");
//! cluster.request(&client, 1, MessageId(1), Body::Ping);
//! let reply = std::iter::from_fn(|| cluster.step())
//!     .filter_map(|step| step.to_client)
//!     .find(|message| message.dest == client)
//!     .unwrap();
//! assert_eq!(reply.payload, Payload::Body(Body::PingOk));
//! ```

mod any_cluster;
mod chance;
mod cluster;
mod coverage;
mod endpoint;
mod engine_host;
mod fabric;
mod host;
mod network;
mod numbers;
mod observation;
mod options;
mod overload;
mod partition;
mod priorities;
mod queue;
mod random;
mod service;

pub use any_cluster::{AnyCluster, AnyStep, Trouble};
pub use chance::{Chance, Source};
pub use cluster::{Cluster, Step};
pub use coverage::Reached;
pub use endpoint::Endpoint;
pub use engine_host::{EngineHost, WALL_CLOCK_START_MS};
pub use fabric::{Alarm, Care, Fabric, Happening, InFlight, Parcel, Unsent};
pub use host::{Host, Output};
pub use network::{Count, LatencyDistribution, Losses, Network, NetworkOptions, Route, Statistics};
pub use numbers::Numbers;
pub use observation::{Fate, Observation};
pub use options::{ClusterOptions, Limits};
pub use overload::{Limit, Overload};
pub use partition::{Cut, CutKind};
pub use queue::Queue;
pub use random::Random;
pub use service::{Answer, Services, read_request};
