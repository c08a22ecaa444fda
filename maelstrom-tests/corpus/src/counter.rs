//! A counter of states that merge (Shapiro, Preguiça, Baquero and Zawirski, 2011): what each replica has
//! added and taken away, the higher of two of which is the later. Each decision that somebody once got
//! wrong is a method of [`Rules`].

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use proto::{AnyNode, Caller, Context, Node, Records};
use serde::{Deserialize, Serialize};

use crate::bodies::CounterBody;
use crate::{Bug, runs};

const ROUND: Duration = Duration::from_millis(300);
const STATE: &str = "state";

/// What a replica has added and taken away.
type Sums = (u64, u64);

/// What a node decides.
pub trait Rules: Default + 'static {
    /// What is known of a replica of which `own` was known and `other` is heard.
    fn merge(own: u64, other: u64) -> u64 {
        own.max(other)
    }

    /// Whether what a node has added is stored before it is acknowledged.
    fn stores() -> bool {
        true
    }

    /// Whether a node takes in what others say of itself.
    fn learns_of_itself() -> bool {
        true
    }
}

/// Between nodes: what the sender knows of all replicas.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    sums: BTreeMap<String, Sums>,
}

type Body = CounterBody<State>;

/// A node.
#[derive(Default, Debug)]
pub struct Counter<R> {
    sums: BTreeMap<String, Sums>,
    rules: PhantomData<R>,
}

impl<R: Rules> Counter<R> {
    fn store(&self, ctx: &mut Context<'_, Self>) {
        if R::stores() {
            ctx.put(STATE, serde_json::to_vec(&self.sums).unwrap_or_default());
        }
    }
}

impl<R: Rules> Node for Counter<R> {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        let stored = restored.get(STATE.as_bytes());
        self.sums = stored.and_then(|state| serde_json::from_slice(state).ok()).unwrap_or_default();
        ctx.set_timer(ROUND, ());
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Add { delta } => {
                let (added, taken) = self.sums.entry(ctx.id().to_string()).or_default();
                let side = if delta < 0 { taken } else { added };
                *side += delta.unsigned_abs();
                self.store(ctx);
                ctx.reply(&from, Body::AddOk);
            }
            Body::Read => {
                let value = self.sums.values().map(|(added, taken)| *added as i64 - *taken as i64);
                ctx.reply(&from, Body::ReadOk { value: value.sum() });
            }
            Body::Peer(State { sums }) => {
                for (name, (added, taken)) in sums {
                    if name == ctx.id().as_str() && !R::learns_of_itself() {
                        continue;
                    }
                    let own = self.sums.entry(name).or_default();
                    *own = (R::merge(own.0, added), R::merge(own.1, taken));
                }
                self.store(ctx);
            }
            _ => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        ctx.set_timer(ROUND, ());
        ctx.broadcast(Body::Peer(State { sums: self.sums.clone() }));
    }
}

/// A bug of such a node, but for what is said of it.
pub(crate) const fn bug<R: Rules>() -> Bug {
    Bug {
        workload: "pn-counter",
        run: runs::COUNTER,
        durable: true,
        seen_by: "counter: sums that cannot be",
        make: || AnyNode::new(Counter::<R>::default()),
        ..Bug::NONE
    }
}

/// A counter as it should be.
#[derive(Default, Debug)]
pub struct Right;

impl Rules for Right {}
