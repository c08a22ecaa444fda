//! Transactions on snapshots, on one node: each works on what was committed when it began, and commits a
//! moment later if nothing that it read or wrote has changed since (Kung and Robinson, 1981). Each
//! decision that somebody once got wrong is a method of [`Rules`].

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::time::Duration;

use proto::txn::{Message, Micro};
use proto::{AnyNode, Caller, Context, Error, ErrorCode, Json, Node};
use rand::RngExt as _;

use crate::{Bug, runs};

/// A transaction takes up to so many milliseconds.
const WORK_MS: u64 = 30;

/// The messages of workload txn-list-append.
pub type Body = Message<String>;
/// A transaction.
type Txn = Vec<Micro<String>>;
/// What each key has, and how often it was written.
type State = BTreeMap<Json, (u64, Vec<Json>)>;

/// What a node decides.
pub trait Rules: Default + 'static {
    /// Whether a transaction is aborted of which something that it read has changed.
    fn validates_reads() -> bool {
        true
    }

    /// Whether a transaction is aborted of which something that it writes has changed.
    fn validates_writes() -> bool {
        true
    }

    /// Whether the writes of a transaction that is aborted stay.
    fn keeps_aborted() -> bool {
        false
    }

    /// How many commits old the state is that a transaction works on.
    fn age(reads_only: bool) -> usize {
        let _ = reads_only;
        0
    }

    /// Whether a transaction that only reads is answered without being validated.
    fn trusts_reads() -> bool {
        true
    }

    /// How many keys are written at once; the others a moment later.
    fn writes_at_once() -> usize {
        usize::MAX
    }
}

/// A transaction under way.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in `Node::request`")]
pub enum Later {
    /// It is to be committed.
    Commit { client: Caller, txn: Txn, seen: State, writes: State },
    /// The rest of its writes.
    Rest { writes: State },
}

/// A node.
#[derive(Default, Debug)]
pub struct Transactions<R> {
    state: State,
    /// Earlier states, the latest last.
    earlier: Vec<State>,
    rules: PhantomData<R>,
}

/// Fills in what is read from a state, and does to it what is written; says which keys were.
fn apply(txn: &mut [Micro<String>], state: &mut State) -> BTreeSet<Json> {
    let mut written = BTreeSet::new();
    for Micro(f, key, value) in txn {
        if f == "append" {
            let (version, list) = state.entry(key.clone()).or_default();
            list.push(value.clone());
            if written.insert(key.clone()) {
                *version += 1;
            }
        } else if let Some((_, list)) = state.get(key) {
            let text = serde_json::to_string(list).unwrap_or_default();
            *value = Json::parse(&text).unwrap_or_else(|_| Json::null());
        }
    }
    written
}

impl<R: Rules> Transactions<R> {
    fn snapshot(&self, reads_only: bool) -> State {
        let age = R::age(reads_only);
        let earlier = self.earlier.len().checked_sub(age).and_then(|at| self.earlier.get(at));
        earlier.unwrap_or(&self.state).clone()
    }

    fn version(&self, key: &Json) -> u64 {
        self.state.get(key).map_or(0, |(version, _)| *version)
    }

    fn write(&mut self, writes: State, ctx: &mut Context<'_, Self>) {
        self.earlier.push(self.state.clone());
        if self.earlier.len() > 8 {
            self.earlier.remove(0);
        }
        let mut writes = writes.into_iter();
        self.state.extend(writes.by_ref().take(R::writes_at_once()));
        let rest: State = writes.collect();
        if !rest.is_empty() {
            ctx.set_timer(Duration::from_millis(3), Later::Rest { writes: rest });
        }
    }
}

impl<R: Rules> Node for Transactions<R> {
    type Body = Body;
    type Token = Later;

    fn request(&mut self, client: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let Body::Txn { mut txn } = body else { return };
        let reads_only = txn.iter().all(|Micro(f, ..)| f == "r");
        let before = self.snapshot(reads_only);
        let mut after = before.clone();
        let written = apply(&mut txn, &mut after);
        if reads_only && R::trusts_reads() {
            return ctx.reply(&client, Body::TxnOk { txn });
        }
        let keys: BTreeSet<&Json> = txn.iter().map(|Micro(_, key, _)| key).collect();
        let known = |key: &Json| before.get(key).cloned().unwrap_or_default();
        let seen = keys.into_iter().map(|key| (key.clone(), known(key))).collect();
        after.retain(|key, _| written.contains(key));
        let work = Duration::from_millis(ctx.random().random_range(0..WORK_MS));
        ctx.set_timer(work, Later::Commit { client, txn, seen, writes: after });
    }

    fn timer(&mut self, later: Later, ctx: &mut Context<'_, Self>) {
        let (client, txn, seen, writes) = match later {
            Later::Rest { writes } => return self.state.extend(writes),
            Later::Commit { client, txn, seen, writes } => (client, txn, seen, writes),
        };
        let has_changed = |key: &Json| {
            let validates = match writes.contains_key(key) {
                true => R::validates_writes(),
                false => R::validates_reads(),
            };
            validates && seen.get(key).map_or(0, |(version, _)| *version) != self.version(key)
        };
        let conflicts = seen.keys().any(has_changed);
        if !conflicts || R::keeps_aborted() {
            self.write(writes, ctx);
        }
        match conflicts {
            true => ctx.reply_error(&client, Error::new(ErrorCode::TxnConflict, "changed since")),
            false => ctx.reply(&client, Body::TxnOk { txn }),
        }
    }
}

/// A bug of such a node, but for what is said of it.
pub(crate) const fn bug<R: Rules>() -> Bug {
    Bug {
        workload: "txn-list-append",
        run: runs::TRANSACTIONS,
        durable: false,
        seen_by: "transactions",
        make: || AnyNode::new(Transactions::<R>::default()),
        ..Bug::NONE
    }
}

/// Transactions as they should be.
#[derive(Default, Debug)]
pub struct Right;

impl Rules for Right {}
