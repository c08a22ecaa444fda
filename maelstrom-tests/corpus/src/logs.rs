//! Logs on the first node, which the others forward to: workload kafka. What is acknowledged is stored.
//! Each decision that somebody once got wrong is a method of [`Rules`].

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use proto::kafka::Message as Body;
use proto::{AnyNode, Caller, Context, Error, ErrorCode, Json, Node, Outcome, Records};

use crate::{Bug, runs};

const CALL: Duration = Duration::from_millis(300);

/// What a node decides.
pub trait Rules: Default + 'static {
    /// How often what was appended is stored: at once if nothing is said.
    fn stores_every() -> Option<Duration> {
        None
    }

    /// Whether a send of which no answer came is sent once more.
    fn retries() -> bool {
        false
    }

    /// Whether a send of which no answer came is said to have failed, as opposed to nobody knowing.
    fn refuses_unanswered() -> bool {
        false
    }

    /// The highest offset of a key that is committed, of which `before` was and `now` is said to be.
    fn committed(before: u64, now: u64) -> u64 {
        before.max(now)
    }
}

/// What a node waits for.
#[derive(Clone, Debug)]
pub enum Token {
    /// Time to store.
    Store,
    /// The answer to what a client asked for; whether that was a second attempt.
    Forwarded(Caller, Box<Body>, bool),
}

/// A node.
#[derive(Default, Debug)]
pub struct Logs<R> {
    logs: BTreeMap<String, Vec<(u64, Json)>>,
    committed: BTreeMap<String, u64>,
    unstored: Vec<(String, u64, Json)>,
    rules: PhantomData<R>,
}

impl<R: Rules> Logs<R> {
    fn send(&mut self, key: String, msg: Json, ctx: &mut Context<'_, Self>) -> Body {
        let log = self.logs.entry(key.clone()).or_default();
        let offset = log.last().map_or(0, |(last, _)| last + 1);
        log.push((offset, msg.clone()));
        self.unstored.push((key, offset, msg));
        if R::stores_every().is_none() {
            self.store(ctx);
        }
        Body::SendOk { offset }
    }

    fn store(&mut self, ctx: &mut Context<'_, Self>) {
        for (key, offset, msg) in self.unstored.drain(..) {
            let record = serde_json::to_vec(&(&key, offset, &msg)).unwrap_or_default();
            ctx.put(format!("log {key} {offset:09}"), record);
        }
    }

    fn poll(&self, offsets: BTreeMap<String, u64>) -> Body {
        let from = |(key, from): (String, u64)| {
            let log = self.logs.get(&key).map_or(&[][..], |log| log);
            let after = log.iter().filter(|(offset, _)| *offset >= from);
            let after = after.cloned().collect();
            (key, after)
        };
        Body::PollOk { msgs: offsets.into_iter().map(from).collect() }
    }

    fn answer(&mut self, body: Body, ctx: &mut Context<'_, Self>) -> Result<Body, Error> {
        match body {
            Body::Send { key, msg } => Ok(self.send(key, msg, ctx)),
            Body::Poll { offsets } => Ok(self.poll(offsets)),
            Body::CommitOffsets { offsets } => {
                for (key, offset) in offsets {
                    let known = self.committed.entry(key.clone()).or_default();
                    *known = R::committed(*known, offset);
                    ctx.put(format!("commit {key}"), known.to_string());
                }
                Ok(Body::CommitOffsetsOk)
            }
            Body::ListCommittedOffsets { keys } => {
                let committed = |key| self.committed.get_key_value(&key);
                let offsets = keys.into_iter().filter_map(committed);
                let offsets = offsets.map(|(key, offset)| (key.clone(), *offset)).collect();
                Ok(Body::ListCommittedOffsetsOk { offsets })
            }
            _ => Err(Error::malformed_request("an answer")),
        }
    }

    fn forward(&self, client: Caller, body: Body, is_again: bool, ctx: &mut Context<'_, Self>) {
        let first = ctx.node_ids()[0].clone();
        let token = Token::Forwarded(client, Box::new(body.clone()), is_again);
        ctx.call(&first, body, CALL, token);
    }
}

impl<R: Rules> Node for Logs<R> {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        for (key, record) in restored {
            let key = String::from_utf8_lossy(&key).into_owned();
            // Nobody else writes here.
            if let Some(key) = key.strip_prefix("commit ") {
                let offset = String::from_utf8_lossy(&record).parse().unwrap_or(0);
                self.committed.insert(key.to_owned(), offset);
            } else if let Ok((key, offset, msg)) = serde_json::from_slice(&record) {
                self.logs.entry(key).or_default().push((offset, msg));
            }
        }
        if let Some(every) = R::stores_every() {
            ctx.set_timer(every, Token::Store);
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if *ctx.id() != ctx.node_ids()[0] {
            return self.forward(from, body, false, ctx);
        }
        match self.answer(body, ctx) {
            Ok(answer) => ctx.reply(&from, answer),
            Err(error) => ctx.reply_error(&from, error),
        }
    }

    fn timer(&mut self, _: Token, ctx: &mut Context<'_, Self>) {
        self.store(ctx);
        if let Some(every) = R::stores_every() {
            ctx.set_timer(every, Token::Store);
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        let Token::Forwarded(client, body, is_again) = token else { return };
        match outcome {
            Outcome::Reply(done) => ctx.reply(&client, done),
            Outcome::Error(error) => ctx.reply_error(&client, error),
            Outcome::Timeout if R::retries() && !is_again => self.forward(client, *body, true, ctx),
            Outcome::Timeout if R::refuses_unanswered() => {
                ctx.reply_error(&client, Error::temporarily_unavailable("no answer"));
            }
            Outcome::Timeout => ctx.reply_error(&client, Error::new(ErrorCode::Timeout, "silence")),
        }
    }
}

/// A bug of such a node, but for what is said of it.
pub(crate) const fn bug<R: Rules>() -> Bug {
    Bug {
        workload: "kafka",
        run: runs::LOGS,
        durable: true,
        seen_by: "kafka",
        make: || AnyNode::new(Logs::<R>::default()),
        ..Bug::NONE
    }
}

/// Logs as they should be.
#[derive(Default, Debug)]
pub struct Right;

impl Rules for Right {}
