//! A counter in a service that reads, adds and writes back, where a compare-and-set is needed: of two
//! nodes that do so at the same time one loses what it added.

use corpus::bodies::CounterBody;
use eddy::workload::registry::named;
use std::time::Duration;

use proto::service::{KeyValue, ServiceReply};
use proto::{Caller, Context, Json, Node, Outcome};

use super::{Bug, runs};

const SERVICE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct LostUpdates;

#[derive(Clone, Debug)]
enum Token {
    /// A client waits for the value, plus what it adds.
    Reading { client: Caller, add: Option<i64> },
    /// A client waits for the new value to be written.
    Writing { client: Caller },
}

fn key() -> Json {
    Json::from("counter")
}

impl Node for LostUpdates {
    type Body = CounterBody;
    type Token = Token;

    fn request(&mut self, client: Caller, body: CounterBody, ctx: &mut Context<'_, Self>) {
        let add = match body {
            CounterBody::Add { delta } => Some(delta),
            _ => None,
        };
        KeyValue::linearizable().read(ctx, key(), SERVICE, Token::Reading { client, add });
    }

    fn service_outcome(
        &mut self,
        token: Token,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        let value = match &outcome {
            Outcome::Reply(ServiceReply::ReadOk { value }) => value.as_i64().unwrap_or(0),
            _ => 0,
        };
        match token {
            Token::Reading { client, add: None } => {
                ctx.reply(&client, CounterBody::ReadOk { value });
            }
            Token::Reading { client, add: Some(delta) } => {
                let sum = Json::from(value + delta);
                KeyValue::linearizable().write(ctx, key(), sum, SERVICE, Token::Writing { client });
            }
            Token::Writing { client } => ctx.reply(&client, CounterBody::AddOk),
        }
    }
}

#[test]
fn a_counter_that_loses_concurrent_adds_is_found_without_any_fault() {
    let options = runs(named("g-counter"), &[]);
    Bug { options, durable: false, within: 3, make: LostUpdates::default, invariant: None }
        .is_found();
}
