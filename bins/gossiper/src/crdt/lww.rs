//! `gossiper lww`: a key-value store in which the last writer of each key wins, and its figures.
//!
//! A write gets the time of the node's clock, in seconds since 1970, but always one that is later
//! than that of the value it replaces at this node: so a client that writes and reads at one node
//! sees its write, whatever the clock does. Everywhere the write with the highest time stays; of
//! two with the same time, that of the node whose name comes later.

use std::collections::BTreeMap;

use crdt::{LwwMap, LwwRegister};
use proto::{Caller, Context, Error, ErrorCode, Json, Manual, NodeId};
use serde::{Deserialize, Serialize};

use super::node::{ReplicaNode, Serves};
use super::replica::Replica;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "lww",
    summary: "a key-value store in which the last writer wins",
    usage: "[--gossip-interval TIME]",
    help: help!(
        "\
It serves `write`, `kv_read` and `kv_merge` of task 3-4-3, and `bench_write` and `bench_report` of
task 3-4-5, on one store. Times are seconds since 1970. Of two clients that write a key at the same
time one loses its write: `version-vectors` is the store that keeps both.

"
    ),
};

/// The messages of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Writes a key.
    Write {
        /// The key.
        key: String,
        /// Any JSON.
        value: Json,
    },
    /// Answer to `write`.
    WriteOk {
        /// When it was written.
        ts: Seconds,
    },
    /// Reads a key.
    KvRead {
        /// The key.
        key: String,
    },
    /// Answer to `kv_read`; of a key that was never written it is error 20.
    KvReadOk {
        /// The key.
        key: String,
        /// The last write.
        value: Json,
        /// When that was.
        ts: Seconds,
    },
    /// Writes of another replica.
    KvMerge {
        /// By key.
        entries: BTreeMap<String, Written>,
    },
    /// Answer to `kv_merge`.
    KvMergeOk {
        /// How many of the entries were taken over.
        updated: u64,
    },
    /// A write that is counted.
    BenchWrite {
        /// The key.
        key: String,
        /// Any JSON.
        value: Json,
    },
    /// Answer to `bench_write`.
    BenchWriteOk {
        /// The number of the write at this node since it started, from 1.
        write_id: u64,
    },
    /// Asks for the figures.
    BenchReport,
    /// Answer to `bench_report`: the figures of this node since it started.
    BenchReportOk {
        /// Writes by `bench_write`.
        total_writes: u64,
        /// Messages to other nodes.
        total_gossip_msgs: u64,
        /// Of the latter for each of the former; 0 without writes.
        #[serde(serialize_with = "crate::ratio::serialize")]
        msgs_per_write: f64,
        /// Keys that have a value, whoever wrote it.
        keys_stored: u64,
    },
}

/// An entry of `kv_merge`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Any JSON.
    pub value: Json,
    /// When it was written.
    pub ts: Seconds,
}

/// Seconds since 1970: finite, not negative, and not absurdly many.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Seconds(f64);

/// Some thirty million years.
const SECONDS_MAX: f64 = 1e15;

impl Seconds {
    /// The time of a clock.
    pub(super) fn from_ms(ms: u64) -> Self {
        Self((ms as f64 / 1000.0).min(SECONDS_MAX))
    }
}

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        if (0.0..=SECONDS_MAX).contains(&seconds) {
            // There is one zero.
            Ok(Self(seconds + 0.0))
        } else {
            Err(format!("field `ts` has to be from 0 to {SECONDS_MAX:e} seconds, not {seconds}"))
        }
    }
}

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

impl PartialEq for Seconds {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Seconds {}

impl PartialOrd for Seconds {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Seconds {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl std::hash::Hash for Seconds {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// When something was written, and by whom.
type Stamp = (Seconds, NodeId);
/// What is replicated.
pub type Store = LwwMap<String, Stamp, Json>;

/// The store, served.
#[derive(Debug, Default)]
pub struct Served {
    /// Writes by `bench_write`.
    writes: u64,
}

/// The node.
pub type LwwNode = ReplicaNode<Served>;

/// The last write of a key.
fn last<'a>(store: &'a Store, key: &String) -> Option<(Seconds, &'a Json)> {
    let register = store.get(key)?;
    register.stamp().map(|(ts, _)| *ts).zip(register.value())
}

fn write(
    replica: &mut Replica<Store>,
    key: String,
    value: Json,
    ctx: &mut Context<'_, LwwNode>,
) -> Seconds {
    let mut ts = Seconds::from_ms(ctx.wall_clock_ms());
    if let Some((last, _)) = last(replica.state(), &key) {
        ts = ts.max(Seconds(last.0.next_up()));
    }
    let stamp = (ts, ctx.id().clone());
    replica.update(Store::of(key, LwwRegister::written(stamp, value)), ctx);
    ts
}

fn read(store: &Store, key: String) -> Result<Body, Error> {
    match last(store, &key) {
        Some((ts, value)) => Ok(Body::KvReadOk { value: value.clone(), ts, key }),
        None => Err(Error::new(ErrorCode::KeyDoesNotExist, "Key not found")),
    }
}

/// The entries that are news, as written by who sent them, since an entry names no writer.
fn news(store: &Store, from: &NodeId, entries: BTreeMap<String, Written>) -> Store {
    let known = |key: &String, written: &Written| {
        last(store, key).is_some_and(|last| last == (written.ts, &written.value))
    };
    let entries = entries.into_iter().filter(|(key, written)| !known(key, written));
    let delta = entries
        .map(|(key, Written { value, ts })| (key, LwwRegister::written((ts, from.clone()), value)));
    delta.collect()
}

impl Served {
    fn report(&self, replica: &Replica<Store>) -> Body {
        let (total_writes, total_gossip_msgs) = (self.writes, replica.messages_sent());
        let msgs_per_write = match total_writes {
            0 => 0.0,
            writes => total_gossip_msgs as f64 / writes as f64,
        };
        let keys_stored = replica.state().len() as u64;
        Body::BenchReportOk { total_writes, total_gossip_msgs, msgs_per_write, keys_stored }
    }
}

impl Serves for Served {
    type State = Store;
    type Message = Body;

    fn serve(
        &mut self,
        replica: &mut Replica<Store>,
        from: &Caller,
        body: Body,
        ctx: &mut Context<'_, LwwNode>,
    ) -> Result<Option<Body>, Error> {
        Ok(Some(match body {
            Body::Write { key, value } => Body::WriteOk { ts: write(replica, key, value, ctx) },
            Body::KvRead { key } => read(replica.state(), key)?,
            Body::KvMerge { entries } => {
                let news = news(replica.state(), &from.id, entries);
                Body::KvMergeOk { updated: replica.update(news, ctx).len() as u64 }
            }
            Body::BenchWrite { key, value } => {
                write(replica, key, value, ctx);
                self.writes += 1;
                Body::BenchWriteOk { write_id: self.writes }
            }
            Body::BenchReport => self.report(replica),
            Body::WriteOk { .. }
            | Body::KvReadOk { .. }
            | Body::KvMergeOk { .. }
            | Body::BenchWriteOk { .. }
            | Body::BenchReportOk { .. } => return Ok(None),
        }))
    }
}
