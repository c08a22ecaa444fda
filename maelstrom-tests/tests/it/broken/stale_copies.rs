//! A store on the first node that tells all others every change, and nodes that answer reads from
//! their own copy: a read may come before the change that it should see.

use corpus::bodies::RegisterBody;
use eddy::workload::registry::named;
use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Caller, Context, Error, ErrorCode, Json, Node, NodeId, Outcome};
use serde::{Deserialize, Serialize};

use super::{Bug, runs};

const CALL: Duration = Duration::from_millis(800);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Changed {
    key: Json,
    value: Json,
}

type Body = RegisterBody<Changed>;

#[derive(Default)]
struct StaleCopies {
    values: BTreeMap<Json, Json>,
}

impl StaleCopies {
    fn change(&mut self, body: &Body) -> Result<(Changed, Body), Error> {
        let (key, value, done) = match body {
            Body::Write { key, value } => (key, value, Body::WriteOk),
            Body::Cas { key, from, to } => match self.values.get(key) {
                None => return Err(Error::new(ErrorCode::KeyDoesNotExist, "no value")),
                Some(value) if value == from => (key, to, Body::CasOk),
                Some(_) => return Err(Error::new(ErrorCode::PreconditionFailed, "another value")),
            },
            _ => return Err(Error::malformed_request("no change")),
        };
        self.values.insert(key.clone(), value.clone());
        Ok((Changed { key: key.clone(), value: value.clone() }, done))
    }
}

impl Node for StaleCopies {
    type Body = Body;
    /// The client that a forwarded change is for.
    type Token = Caller;

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Read { key } => match self.values.get(&key) {
                Some(value) => ctx.reply(&from, Body::ReadOk { value: value.clone() }),
                None => {
                    ctx.reply_error(&from, Error::new(ErrorCode::KeyDoesNotExist, "no value"));
                }
            },
            Body::Peer(Changed { key, value }) => drop(self.values.insert(key, value)),
            change if *ctx.id() == ctx.node_ids()[0] => match self.change(&change) {
                Ok((changed, done)) => {
                    ctx.reply(&from, done);
                    let peers: Vec<NodeId> = ctx.peers().cloned().collect();
                    for peer in peers {
                        ctx.send(&peer, Body::Peer(changed.clone()));
                    }
                }
                Err(error) => ctx.reply_error(&from, error),
            },
            change => {
                let store = ctx.node_ids()[0].clone();
                ctx.call(&store, change, CALL, from);
            }
        }
    }

    fn outcome(&mut self, client: Caller, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        match outcome {
            Outcome::Reply(done) => ctx.reply(&client, done),
            Outcome::Error(error) => ctx.reply_error(&client, error),
            Outcome::Timeout => {
                ctx.reply_error(&client, Error::new(ErrorCode::Timeout, "no answer of the store"));
            }
        }
    }
}

#[test]
fn reads_from_a_stale_copy_are_found_without_any_fault() {
    let options = runs(named("lin-kv"), &[]).with_nodes(5);
    Bug { options, durable: false, within: 3, make: StaleCopies::default, invariant: None }
        .is_found();
}
