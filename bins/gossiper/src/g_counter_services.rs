//! `gossiper g-counter-services`: a counter in the sequentially consistent store, as the fourth
//! challenge of Gossip Glomers asks for.
//!
//! The sum is one key, changed by compare-and-set; a node has at most one of them open and adds up what
//! comes meanwhile. Beside the sum stands the mark of the batch that each node added last. So the value
//! never comes back to what it was, and a compare-and-set that was given up counts at most once. And a
//! request to the service may arrive twice: then the second copy fails because of the first, and its
//! failure may come back before the success; the mark tells a node that its batch is in the sum.
//!
//! The store may show a reader what was there long ago, but never something older than the reader's own
//! last write, so a node writes before it reads.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::service::{CompareAndSet, KeyValue, ServiceReply};
use proto::{
    Arguments, Caller, Context, Error, ErrorCode, Json, Manual, Node, NodeId, Outcome, UsageError,
};
use rand::{Rng as _, RngExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[cfg(test)]
mod tests;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "g-counter-services",
    summary: "a counter that only grows, in Maelstrom's `seq-kv` service",
    usage: "",
    help: "\
It serves Maelstrom's `g-counter` workload (`add`, `read`). A negative `delta` is refused. The sum is
in the service `seq-kv`, so nodes need no state directory.
",
};

/// How long the service may take.
const SERVICE: Duration = Duration::from_secs(1);
/// The store's key of the sum.
const SUM: &str = "sum";

/// The messages of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Counts.
    Add {
        /// How much, zero or more.
        delta: i64,
    },
    /// Answer to `add`.
    AddOk,
    /// Asks for the sum.
    Read,
    /// Answer to `read`.
    ReadOk {
        /// The sum.
        value: i64,
    },
}

/// What a call to the service is for.
#[derive(Clone, Debug)]
pub enum Token {
    /// The batch that is open comes into the sum, which becomes this.
    Swap(Total),
    /// A client wants the sum: something was written first.
    Written(Caller),
    /// A client wants the sum.
    Reading(Caller),
    /// The sum is not what it was taken for: something was written first.
    CatchingUp,
    /// What the sum is.
    Looking,
}

/// What the store holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Total {
    sum: i64,
    /// The mark of what each node added last.
    last: BTreeMap<NodeId, String>,
}

/// Adds that go to the store together.
#[derive(Debug, Default)]
struct Batch {
    clients: Vec<Caller>,
    delta: i64,
}

/// The node.
#[derive(Debug)]
pub struct CounterNode {
    store: KeyValue,
    /// What the store held when it was last seen; nothing when there was nothing.
    total: Option<Total>,
    /// What is on the way to the store.
    open: Batch,
    /// What the batch on the way is told by from all others.
    mark: String,
    /// What comes next.
    waiting: Batch,
}

impl CounterNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        if let Some(flag) = arguments.next_flag()? {
            return Err(arguments.unknown(&flag));
        }
        let (total, open, mark, waiting) = Default::default();
        Ok(Self { store: KeyValue::sequential(), total, open, mark, waiting })
    }

    fn add(&mut self, client: Caller, delta: i64, ctx: &mut Context<'_, Self>) {
        let sum = self.waiting.delta.checked_add(delta);
        match sum.filter(|_| delta >= 0) {
            // Nothing to do, and a sum that stays the same would prove nothing.
            Some(_) if delta == 0 => ctx.reply(&client, Body::AddOk),
            Some(sum) => {
                self.waiting.delta = sum;
                self.waiting.clients.push(client);
                if self.open.clients.is_empty() {
                    self.swap_next(ctx);
                }
            }
            None => {
                let text = format!("field `delta`: {delta} is negative or too large");
                ctx.reply_error(&client, Error::malformed_request(text));
            }
        }
    }

    /// Brings what has been added meanwhile to the store.
    fn swap_next(&mut self, ctx: &mut Context<'_, Self>) {
        self.open = std::mem::take(&mut self.waiting);
        if !self.open.clients.is_empty() {
            self.mark = format!("{:x}", ctx.random().random::<u64>());
            self.swap(ctx);
        }
    }

    fn swap(&mut self, ctx: &mut Context<'_, Self>) {
        let mut to = self.total.clone().unwrap_or_default();
        let Some(sum) = to.sum.checked_add(self.open.delta) else {
            return self.end(Err(Error::new(ErrorCode::Abort, "the sum would be too large")), ctx);
        };
        to.sum = sum;
        to.last.insert(ctx.id().clone(), self.mark.clone());
        let swap = CompareAndSet {
            key: Json::from(SUM),
            from: self.total.as_ref().map_or_else(Json::null, Total::stored),
            to: to.stored(),
            create_if_not_exists: true,
        };
        self.store.compare_and_set(ctx, swap, SERVICE, Token::Swap(to));
    }

    /// Answers the clients whose adds were on the way.
    fn end(&mut self, result: Result<(), Error>, ctx: &mut Context<'_, Self>) {
        for client in std::mem::take(&mut self.open.clients) {
            match &result {
                Ok(()) => ctx.reply(&client, Body::AddOk),
                Err(error) => ctx.reply_error(&client, error.clone()),
            }
        }
        self.swap_next(ctx);
    }

    /// Makes sure that the next read shows nothing older than now.
    fn write(&self, token: Token, ctx: &mut Context<'_, Self>) {
        let key = Json::from(&*format!("written/{}", ctx.id()));
        let value = Json::from(i64::from(ctx.random().next_u32()));
        self.store.write(ctx, key, value, SERVICE, token);
    }

    fn read(&self, token: Token, ctx: &mut Context<'_, Self>) {
        self.store.read(ctx, Json::from(SUM), SERVICE, token);
    }
}

impl Total {
    fn stored(&self) -> Json {
        Json::from(&json!(self))
    }

    /// What a read found: nothing as long as nobody has added anything.
    fn found(outcome: Outcome<ServiceReply>) -> Result<Option<Self>, Error> {
        match outcome {
            Outcome::Reply(ServiceReply::ReadOk { value }) => {
                let strange = |_| Error::new(ErrorCode::Crash, format!("`{SUM}` is {value}"));
                serde_json::from_str(&value.text()).map(Some).map_err(strange)
            }
            Outcome::Error(error) if error.code == ErrorCode::KeyDoesNotExist => Ok(None),
            other => failure(&other).map(|()| None),
        }
    }
}

/// An answer that is not the one hoped for.
fn failure(outcome: &Outcome<ServiceReply>) -> Result<(), Error> {
    match outcome {
        Outcome::Reply(_) => Ok(()),
        Outcome::Error(error) => Err(error.clone()),
        Outcome::Timeout => Err(Error::new(ErrorCode::Timeout, "the service does not answer")),
    }
}

impl Node for CounterNode {
    type Body = Body;
    type Token = Token;

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Add { delta } => self.add(from, delta, ctx),
            Body::Read => self.write(Token::Written(from), ctx),
            // Replies: they never come as requests.
            Body::AddOk | Body::ReadOk { .. } => {}
        }
    }

    fn service_outcome(
        &mut self,
        token: Token,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        match token {
            Token::Swap(to) => match &outcome {
                // Somebody else has added, or this very batch arrived twice.
                Outcome::Error(error) if error.code == ErrorCode::PreconditionFailed => {
                    self.write(Token::CatchingUp, ctx);
                }
                other => {
                    let result = failure(other);
                    if result.is_ok() {
                        self.total = Some(to);
                    }
                    self.end(result, ctx);
                }
            },
            Token::CatchingUp => match failure(&outcome) {
                Ok(()) => self.read(Token::Looking, ctx),
                Err(error) => self.end(Err(error), ctx),
            },
            Token::Looking => match Total::found(outcome) {
                Ok(total) => {
                    let last = total.as_ref().and_then(|total| total.last.get(ctx.id()));
                    let is_in = last == Some(&self.mark);
                    self.total = total;
                    match is_in {
                        true => self.end(Ok(()), ctx),
                        false => self.swap(ctx),
                    }
                }
                Err(error) => self.end(Err(error), ctx),
            },
            Token::Written(client) => match failure(&outcome) {
                Ok(()) => self.read(Token::Reading(client), ctx),
                Err(error) => ctx.reply_error(&client, error),
            },
            Token::Reading(client) => match Total::found(outcome) {
                Ok(total) => {
                    let value = total.map_or(0, |total| total.sum);
                    ctx.reply(&client, Body::ReadOk { value });
                }
                Err(error) => ctx.reply_error(&client, error),
            },
        }
    }
}
