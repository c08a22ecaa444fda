//! `gossiper lww`: a key-value store in which the last writer of each key wins, and its figures.
//!
//! A write gets the time of the node's clock, in seconds since 1970, but always one that is later
//! than that of the value it replaces at this node: so a client that writes and reads at one node
//! sees its write, whatever the clock does. Everywhere the write with the highest time stays; of
//! two with the same time, that of the node whose name comes later.

use std::collections::BTreeMap;

use crdt::{LwwMap, LwwRegister};
use proto::{Caller, Context, Either, Error, Json, Manual, NodeId};
use serde::{Deserialize, Serialize};

use super::key_value::{Message, Seconds, no_such_key};
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

/// The messages of the node, besides those of [`key_value`](super::key_value).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
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
        ts = ts.max(last.next());
    }
    let stamp = (ts, ctx.id().clone());
    replica.update(Store::of(key, LwwRegister::written(stamp, value)), ctx);
    ts
}

fn read(store: &Store, key: String) -> Result<Message, Error> {
    let (ts, value) = last(store, &key).ok_or_else(no_such_key)?;
    Ok(Message::KvReadOk { value: value.clone(), ts, key })
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
    type Message = Either<Message, Body>;

    fn serve(
        &mut self,
        replica: &mut Replica<Store>,
        from: &Caller,
        message: Self::Message,
        ctx: &mut Context<'_, LwwNode>,
    ) -> Result<Option<Self::Message>, Error> {
        let body = match message {
            Either::Left(Message::Write { key, value }) => {
                let ts = write(replica, key, value, ctx);
                return Ok(Some(Either::Left(Message::WriteOk { ts })));
            }
            Either::Left(Message::KvRead { key }) => {
                return read(replica.state(), key).map(|read| Some(Either::Left(read)));
            }
            Either::Left(Message::WriteOk { .. } | Message::KvReadOk { .. }) => return Ok(None),
            Either::Right(body) => body,
        };
        Ok(Some(Either::Right(match body {
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
            Body::KvMergeOk { .. } | Body::BenchWriteOk { .. } | Body::BenchReportOk { .. } => {
                return Ok(None);
            }
        })))
    }
}
