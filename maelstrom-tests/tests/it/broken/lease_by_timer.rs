//! A store on the first node and caches with leases on all others (Gray and Cheriton, 1989). The
//! store changes nothing before the leases that it gave out have ended. A cache ends its lease by a
//! timer instead of looking at the clock when it answers: a node that was paused answers what piled
//! up meanwhile before its timers fire, from a cache that is out of date.

use std::collections::BTreeMap;
use std::time::Duration;

use corpus::bodies::RegisterBody;
use eddy::options::FaultKind;
use eddy::workload::registry::named;
use proto::{Caller, Context, Error, ErrorCode, Json, MessageId, Node, NodeId, Outcome, Time};
use serde::{Deserialize, Serialize};

use super::{Bug, runs};

const LEASE: Duration = Duration::from_millis(200);
const CALL: Duration = Duration::from_millis(800);

/// What the store answers to a read; everything else between nodes is as clients have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Value {
    value: Json,
    /// Whether it may be kept for the length of a lease.
    lease: bool,
}

type Body = RegisterBody<Value>;

#[derive(Clone, Debug)]
enum Token {
    /// A cache waits for the store on behalf of a client.
    Forwarded { client: Caller, key: Json, sent: Time },
    /// A cached value's lease ends.
    LeaseEnds(Json),
    /// The store may carry out what waits.
    Change,
}

#[derive(Default)]
struct LeaseByTimer {
    /// The store's registers, or a cache's.
    values: BTreeMap<Json, Json>,
    /// Changes that wait for leases to end.
    waiting: Vec<(Caller, Body)>,
    /// Requests for changes that came, so that one that comes twice is carried out once.
    seen: Vec<(NodeId, Option<MessageId>)>,
    leases_end: Time,
}

impl LeaseByTimer {
    fn serve(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Body::Read { key } = &body {
            return match self.values.get(key) {
                None => ctx.reply_error(&from, missing()),
                Some(value) => {
                    let lease = self.waiting.is_empty();
                    if lease {
                        self.leases_end = ctx.now() + LEASE;
                    }
                    let value = value.clone();
                    ctx.reply(&from, Body::Peer(Value { value, lease }));
                }
            };
        }
        let request = (from.id.clone(), from.msg_id);
        if self.seen.contains(&request) {
            return;
        }
        self.seen.push(request);
        if self.waiting.is_empty() {
            ctx.set_timer(self.leases_end.since(ctx.now()), Token::Change);
        }
        self.waiting.push((from, body));
    }

    fn change(&mut self, body: Body) -> Result<Body, Error> {
        match body {
            Body::Write { key, value } => {
                self.values.insert(key, value);
                Ok(Body::WriteOk)
            }
            Body::Cas { key, from, to } => match self.values.get_mut(&key) {
                None => Err(missing()),
                Some(value) if *value != from => {
                    Err(Error::new(ErrorCode::PreconditionFailed, "another value"))
                }
                Some(value) => {
                    *value = to;
                    Ok(Body::CasOk)
                }
            },
            _ => Err(Error::malformed_request("no change")),
        }
    }
}

fn missing() -> Error {
    Error::new(ErrorCode::KeyDoesNotExist, "no value")
}

impl Node for LeaseByTimer {
    type Body = Body;
    type Token = Token;

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let store = ctx.node_ids()[0].clone();
        if *ctx.id() == store && !from.id.is_client() {
            return self.serve(from, body, ctx);
        }
        let key = match &body {
            Body::Read { key } | Body::Write { key, .. } | Body::Cas { key, .. } => key.clone(),
            _ => return,
        };
        if let (Body::Read { .. }, Some(value)) = (&body, self.values.get(&key))
            && *ctx.id() != store
        {
            return ctx.reply(&from, Body::ReadOk { value: value.clone() });
        }
        let sent = ctx.now();
        ctx.call(&store, body, CALL, Token::Forwarded { client: from, key, sent });
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        let Token::Forwarded { client, key, sent } = token else { return };
        match outcome {
            Outcome::Reply(Body::Peer(Value { value, lease })) => {
                let left = LEASE.saturating_sub(ctx.now().since(sent));
                if lease && !left.is_zero() && *ctx.id() != ctx.node_ids()[0] {
                    self.values.insert(key.clone(), value.clone());
                    ctx.set_timer(left, Token::LeaseEnds(key));
                }
                ctx.reply(&client, Body::ReadOk { value });
            }
            Outcome::Reply(done) => ctx.reply(&client, done),
            Outcome::Error(error) => ctx.reply_error(&client, error),
            Outcome::Timeout => {
                ctx.reply_error(&client, Error::new(ErrorCode::Timeout, "no answer of the store"));
            }
        }
    }

    fn timer(&mut self, token: Token, ctx: &mut Context<'_, Self>) {
        match token {
            // An older lease may end a younger one early, which costs a request and is safe.
            Token::LeaseEnds(key) => drop(self.values.remove(&key)),
            Token::Change => {
                for (from, body) in std::mem::take(&mut self.waiting) {
                    match self.change(body) {
                        Ok(done) => ctx.reply(&from, done),
                        Err(error) => ctx.reply_error(&from, error),
                    }
                }
            }
            Token::Forwarded { .. } => {}
        }
    }
}

#[test]
fn pause_finds_leases_that_end_by_a_timer() {
    let mut options = runs(named("lin-kv"), &[FaultKind::Pause]);
    options.rate = 100.0;
    let bug =
        Bug { options, durable: false, within: 20, make: LeaseByTimer::default, invariant: None };
    bug.is_found();
    use FaultKind::{Clock, Duplicate, Loss, OneWay, Partition};
    bug.is_right_under(&[Partition, OneWay, Loss, Duplicate, Clock]);
}
