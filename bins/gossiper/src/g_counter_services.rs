//! `gossiper g-counter-services`: a counter in the sequentially consistent store, as the fourth
//! challenge of Gossip Glomers asks for.
//!
//! The sum is one key, changed by compare-and-set; a node has at most one of them open and adds up what
//! comes meanwhile. A sum that only grows never comes back to what it was, so a compare-and-set that was
//! given up counts at most once. The store may show a reader what was there long ago, but never
//! something older than the reader's own last write, so a node writes before it reads.

use std::time::Duration;

use proto::service::{CompareAndSet, KeyValue, ServiceReply};
use proto::{
    Arguments, Caller, Context, Error, ErrorCode, Json, Manual, Node, Outcome, UsageError,
};
use rand::Rng as _;
use serde::{Deserialize, Serialize};

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
    /// The sum becomes this.
    Swap(i64),
    /// A client wants the sum: something was written first.
    Written(Caller),
    /// A client wants the sum.
    Reading(Caller),
    /// The sum is not what it was taken for: something was written first.
    CatchingUp,
    /// What the sum is.
    Looking,
}

/// The node.
#[derive(Debug)]
pub struct CounterNode {
    store: KeyValue,
    /// The sum as it was last seen; nothing when there was none.
    sum: Option<i64>,
    /// Clients whose adds are on the way to the store, and how much that is.
    open: Vec<Caller>,
    open_delta: i64,
    /// Those that come next.
    waiting: Vec<Caller>,
    waiting_delta: i64,
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
        let (sum, open, open_delta, waiting, waiting_delta) = Default::default();
        let store = KeyValue::sequential();
        Ok(Self { store, sum, open, open_delta, waiting, waiting_delta })
    }

    fn add(&mut self, client: Caller, delta: i64, ctx: &mut Context<'_, Self>) {
        let sum = self.waiting_delta.checked_add(delta);
        match sum.filter(|_| delta >= 0) {
            // Nothing to do, and a sum that stays the same would prove nothing.
            Some(_) if delta == 0 => ctx.reply(&client, Body::AddOk),
            Some(sum) => {
                self.waiting_delta = sum;
                self.waiting.push(client);
                if self.open.is_empty() {
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
        self.open_delta = std::mem::take(&mut self.waiting_delta);
        if !self.open.is_empty() {
            self.swap(ctx);
        }
    }

    fn swap(&mut self, ctx: &mut Context<'_, Self>) {
        let Some(to) = self.sum.unwrap_or(0).checked_add(self.open_delta) else {
            return self.end(Err(Error::new(ErrorCode::Abort, "the sum would be too large")), ctx);
        };
        let swap = CompareAndSet {
            key: Json::from(SUM),
            from: self.sum.map_or_else(Json::null, Json::from),
            to: Json::from(to),
            create_if_not_exists: true,
        };
        self.store.compare_and_set(ctx, swap, SERVICE, Token::Swap(to));
    }

    /// Answers the clients whose adds were on the way.
    fn end(&mut self, result: Result<(), Error>, ctx: &mut Context<'_, Self>) {
        for client in std::mem::take(&mut self.open) {
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

/// What a read of the sum found: nothing as long as nobody has added anything.
fn sum_of(outcome: Outcome<ServiceReply>) -> Result<Option<i64>, Error> {
    match outcome {
        Outcome::Reply(ServiceReply::ReadOk { value }) => Ok(value.as_i64()),
        Outcome::Error(error) if error.code == ErrorCode::KeyDoesNotExist => Ok(None),
        other => failure(&other).map(|()| None),
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
                // Somebody else has added.
                Outcome::Error(error) if error.code == ErrorCode::PreconditionFailed => {
                    self.write(Token::CatchingUp, ctx);
                }
                other => {
                    let result = failure(other);
                    if result.is_ok() {
                        self.sum = Some(to);
                    }
                    self.end(result, ctx);
                }
            },
            Token::CatchingUp => match failure(&outcome) {
                Ok(()) => self.read(Token::Looking, ctx),
                Err(error) => self.end(Err(error), ctx),
            },
            Token::Looking => match sum_of(outcome) {
                Ok(sum) => {
                    self.sum = sum;
                    self.swap(ctx);
                }
                Err(error) => self.end(Err(error), ctx),
            },
            Token::Written(client) => match failure(&outcome) {
                Ok(()) => self.read(Token::Reading(client), ctx),
                Err(error) => ctx.reply_error(&client, error),
            },
            Token::Reading(client) => match sum_of(outcome) {
                Ok(sum) => ctx.reply(&client, Body::ReadOk { value: sum.unwrap_or(0) }),
                Err(error) => ctx.reply_error(&client, error),
            },
        }
    }
}
