//! A counter that only grows, kept in the service `seq-kv`: challenge 4 of Gossip Glomers, and the
//! second half of the tutorial.
//!
//! The program has two nodes. `counter` is right. `careless` adds by a read and a write: two nodes
//! that add at the same time read the same sum, and one of both additions is lost. No single node and
//! no unit test shows that; a sweep does (`tests/sweep.rs`).

use std::time::Duration;

use proto::service::{CompareAndSet, KeyValue, ServiceReply};
use proto::{
    Arguments, Caller, Context, Error, ErrorCode, Json, Manual, Node, Outcome, Program, UsageError,
};
use serde::{Deserialize, Serialize};

/// How long the service may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// The messages of the workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Asks for an addition.
    Add {
        /// How much.
        delta: i64,
    },
    /// The addition was done.
    AddOk,
    /// Asks for the sum.
    Read,
    /// The answer to `read`.
    ReadOk {
        /// The sum.
        value: i64,
    },
}

/// What a client waits for.
#[derive(Clone, Debug)]
pub enum Job {
    /// This addition.
    Add(Caller, i64),
    /// The sum.
    Read(Caller),
}

impl Job {
    fn caller(&self) -> &Caller {
        let (Self::Add(caller, _) | Self::Read(caller)) = self;
        caller
    }
}

/// What the service was asked for, and for whom.
#[derive(Clone, Debug)]
pub enum Token {
    /// To note that we are here, which brings us up to date.
    CatchUp(Job),
    /// The sum.
    Sum(Job),
    /// To store another sum.
    Store(Job),
}

/// A node of the counter.
#[derive(Debug)]
pub struct Counter {
    careful: bool,
    service: KeyValue,
    /// How often this node has caught up: a value that it never wrote before.
    visits: i64,
}

impl Counter {
    /// A node that loses no addition if it is `careful`.
    pub fn new(careful: bool) -> Self {
        Self { careful, service: KeyValue::sequential(), visits: 0 }
    }

    fn key() -> Json {
        Json::from("sum")
    }

    fn ask_for_sum(&self, job: Job, ctx: &mut Context<'_, Self>) {
        self.service.read(ctx, Self::key(), DEADLINE, Token::Sum(job));
    }

    fn sum_is(&self, sum: i64, job: Job, ctx: &mut Context<'_, Self>) {
        let Job::Add(_, delta) = job else {
            ctx.reply(job.caller(), Body::ReadOk { value: sum });
            return;
        };
        let to = Json::from(sum + delta);
        if self.careful {
            let from = Json::from(sum);
            let swap = CompareAndSet { key: Self::key(), from, to, create_if_not_exists: true };
            self.service.compare_and_set(ctx, swap, DEADLINE, Token::Store(job));
        } else {
            self.service.write(ctx, Self::key(), to, DEADLINE, Token::Store(job));
        }
    }
}

impl Node for Counter {
    type Body = Body;
    type Token = Token;

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Add { delta } => self.ask_for_sum(Job::Add(from, delta), ctx),
            Body::Read => {
                // A read of seq-kv may show an old sum, but nothing older than our own last write.
                self.visits += 1;
                let (key, value) = (Json::from(ctx.id().as_str()), Json::from(self.visits));
                self.service.write(ctx, key, value, DEADLINE, Token::CatchUp(Job::Read(from)));
            }
            Body::AddOk | Body::ReadOk { .. } => {}
        }
    }

    fn service_outcome(
        &mut self,
        token: Token,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        match (token, outcome) {
            (Token::CatchUp(job), Outcome::Reply(_)) => self.ask_for_sum(job, ctx),
            (Token::Sum(job), Outcome::Reply(ServiceReply::ReadOk { value })) => {
                self.sum_is(value.as_i64().unwrap_or(0), job, ctx);
            }
            (Token::Sum(job), Outcome::Error(error)) if error.code == ErrorCode::KeyDoesNotExist => {
                self.sum_is(0, job, ctx);
            }
            (Token::Store(job), Outcome::Reply(_)) => ctx.reply(job.caller(), Body::AddOk),
            // Somebody else was faster.
            (Token::Store(job), Outcome::Error(error))
                if error.code == ErrorCode::PreconditionFailed =>
            {
                self.ask_for_sum(job, ctx);
            }
            (Token::CatchUp(job) | Token::Sum(job), _) => {
                let error = Error::temporarily_unavailable("seq-kv does not answer");
                ctx.reply_error(job.caller(), error);
            }
            // Whether it was stored nobody knows; so the client is told nothing.
            (Token::Store(_), _) => {}
        }
    }
}

/// The nodes of this crate.
pub fn program() -> Program {
    const HELP: &str = "It answers `add` and `read`.\n";
    let manual = |name, summary| Manual { name, summary, usage: "", help: HELP };
    let counter = |careful| {
        move |arguments: &mut Arguments| -> Result<Counter, UsageError> {
            match arguments.next_flag()? {
                Some(flag) => Err(arguments.unknown(&flag)),
                None => Ok(Counter::new(careful)),
            }
        }
    };
    Program::new("counter", env!("CARGO_PKG_VERSION"))
        .node(manual("counter", "a counter in seq-kv that loses nothing"), counter(true))
        .node(manual("careless", "the same with a mistake"), counter(false))
}
