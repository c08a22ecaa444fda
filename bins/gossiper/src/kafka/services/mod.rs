//! `gossiper kafka-services`: logs in the linearizable store.
//!
//! Each message is a key of its own, `log/<offset>/<key>`, which is created by a compare-and-set that
//! only ever succeeds on a missing key. An offset is tried only when the one before is known to be
//! taken, so logs have no holes, and what stands there never changes, so that a node may remember it.
//! One compare-and-set a message is all that it takes while nobody else writes to the same log.
//!
//! A message is stored with a mark that only this attempt has. Where a compare-and-set finds the place
//! taken, the node reads what stands there: usually somebody else's message, which it remembers. But
//! a request to the service may arrive twice, and then the second copy fails because of the first; its
//! failure may come back before the success. The mark tells.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proto::service::{CompareAndSet, KeyValue, ServiceReply};
use proto::{
    Arguments, Caller, Context, Error, ErrorCode, Json, Manual, Node, Outcome, Records, Time,
    UsageError,
};
use rand::RngExt as _;

use super::{Body, Offset, POLL_MAX};
use commits::Job;

mod commits;
#[cfg(test)]
mod tests;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "kafka-services",
    summary: "logs of messages in Maelstrom's `lin-kv` service",
    usage: "",
    help: "\
It serves Maelstrom's `kafka` workload (`send`, `poll`, `commit_offsets`, `list_committed_offsets`).
Logs and commits are in the service `lin-kv`; nodes only remember what cannot change, so they need
no state directory.
",
};

/// How long the service may take.
const SERVICE: Duration = Duration::from_secs(1);
/// How long a request may go on asking the service; clients wait 5 s.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a call to the service is for.
#[derive(Clone, Debug)]
pub enum Token {
    /// The first message in the queue of a log.
    Append {
        /// Which log.
        key: String,
        /// Where it is tried.
        offset: Offset,
    },
    /// What stands where an append found the place taken.
    Taken {
        /// In which log.
        key: String,
        /// Where in it.
        offset: Offset,
    },
    /// The next message of a log, which a poll asks for.
    Read {
        /// Which poll.
        poll: u64,
        /// Which log.
        key: String,
        /// Where in it.
        offset: Offset,
    },
    /// What is committed for a key.
    Committed {
        /// For which request.
        job: u64,
        /// Which key.
        key: String,
    },
    /// A commit.
    Swap {
        /// For which request.
        job: u64,
        /// Which key.
        key: String,
    },
}

/// What this node knows of a log.
#[derive(Debug, Default)]
struct Log {
    /// Its first messages.
    known: Vec<Json>,
    /// All offsets below are taken.
    end: Offset,
    /// Messages that are to be appended. The first one is being appended.
    queue: VecDeque<Append>,
}

/// A message that is to be appended.
#[derive(Debug)]
struct Append {
    client: Caller,
    message: Json,
    /// When it came.
    since: Time,
    /// What it is told by from all other messages in the store.
    mark: String,
}

/// A poll that waits for the service.
#[derive(Debug)]
struct Poll {
    client: Caller,
    since: Time,
    from: BTreeMap<String, Offset>,
    waits_for: BTreeSet<String>,
}

/// The node.
#[derive(Debug)]
pub struct ServicesNode {
    store: KeyValue,
    logs: BTreeMap<String, Log>,
    polls: BTreeMap<u64, Poll>,
    jobs: BTreeMap<u64, Job>,
    /// Names this life of the node.
    session: u64,
    next: u64,
}

impl ServicesNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        if let Some(flag) = arguments.next_flag()? {
            return Err(arguments.unknown(&flag));
        }
        let (logs, polls, jobs) = Default::default();
        Ok(Self { store: KeyValue::linearizable(), logs, polls, jobs, session: 0, next: 0 })
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Tries to put the first message of the queue at the end of the log.
    fn append(&mut self, key: String, ctx: &mut Context<'_, Self>) {
        let Some(log) = self.logs.get_mut(&key) else { return };
        while let Some(Append { client, since, .. }) = log.queue.front() {
            if ctx.now() <= *since + PATIENCE {
                break;
            }
            // No attempt for it is open, so it certainly is not in the log.
            let text = "others write to this log all the time";
            ctx.reply_error(client, Error::new(ErrorCode::TemporarilyUnavailable, text));
            log.queue.pop_front();
        }
        let Some(first) = log.queue.front() else { return };
        let offset = log.end;
        let swap = CompareAndSet {
            key: place(&key, offset),
            // No message is stored so: they are stored in lists.
            from: Json::null(),
            to: stored(first),
            create_if_not_exists: true,
        };
        self.store.compare_and_set(ctx, swap, SERVICE, Token::Append { key, offset });
    }

    fn appended(
        &mut self,
        key: String,
        offset: Offset,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        let error = match outcome {
            Outcome::Reply(_) => return self.is_at(key, offset, ctx),
            Outcome::Error(error) if error.code == ErrorCode::PreconditionFailed => {
                let token = Token::Taken { key: key.clone(), offset };
                return self.store.read(ctx, place(&key, offset), SERVICE, token);
            }
            Outcome::Error(error) => error,
            Outcome::Timeout => silence(),
        };
        self.give_up(key, error, ctx);
    }

    /// An append found its place taken: by another message, or by itself.
    fn taken(
        &mut self,
        key: String,
        offset: Offset,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        let Some((message, mark)) = found(outcome) else {
            return self.give_up(key, silence(), ctx);
        };
        let Some(log) = self.logs.get_mut(&key) else { return };
        if log.queue.front().is_some_and(|first| first.mark == mark) {
            return self.is_at(key, offset, ctx);
        }
        log.learn(offset, message);
        self.append(key, ctx);
    }

    /// The first message of the queue stands here. The end may be known to be further by now: a poll
    /// can have read this very message.
    fn is_at(&mut self, key: String, offset: Offset, ctx: &mut Context<'_, Self>) {
        let Some(log) = self.logs.get_mut(&key) else { return };
        if let Some(Append { client, message, .. }) = log.queue.pop_front() {
            ctx.reply(&client, Body::SendOk { offset });
            log.learn(offset, message);
        }
        self.append(key, ctx);
    }

    /// Nobody knows what became of the first message of the queue.
    fn give_up(&mut self, key: String, error: Error, ctx: &mut Context<'_, Self>) {
        let first = self.logs.get_mut(&key).and_then(|log| log.queue.pop_front());
        if let Some(Append { client, .. }) = first {
            ctx.reply_error(&client, error);
        }
        self.append(key, ctx);
    }

    fn poll(
        &mut self,
        client: Caller,
        from: BTreeMap<String, Offset>,
        ctx: &mut Context<'_, Self>,
    ) {
        let number = self.number();
        let waits_for = from.keys().cloned().collect();
        let poll = Poll { client, since: ctx.now(), from, waits_for };
        let keys: Vec<String> = poll.from.keys().cloned().collect();
        self.polls.insert(number, poll);
        for key in keys {
            self.read_on(number, key, ctx);
        }
        self.answer_poll(number, ctx);
    }

    /// Reads the next message that this node does not know, unless the poll has enough of this log.
    fn read_on(&mut self, number: u64, key: String, ctx: &mut Context<'_, Self>) {
        let Some(poll) = self.polls.get_mut(&number) else { return };
        let known = self.logs.get(&key).map_or(0, |log| log.known.len() as Offset);
        let from = poll.from.get(&key).copied().unwrap_or(0);
        if ctx.now() > poll.since + PATIENCE || known.saturating_sub(from) >= POLL_MAX as Offset {
            poll.waits_for.remove(&key);
            return;
        }
        let token = Token::Read { poll: number, key: key.clone(), offset: known };
        self.store.read(ctx, place(&key, known), SERVICE, token);
    }

    fn answer_poll(&mut self, number: u64, ctx: &mut Context<'_, Self>) {
        if self.polls.get(&number).is_none_or(|poll| !poll.waits_for.is_empty()) {
            return;
        }
        let Some(poll) = self.polls.remove(&number) else { return };
        let messages = |(key, from): (String, Offset)| {
            let known = self.logs.get(&key).map_or(&[][..], |log| &log.known);
            let after = (0..).zip(known).skip(usize::try_from(from).unwrap_or(usize::MAX));
            let after = after.map(|(offset, message)| (offset, message.clone()));
            (key, after.take(POLL_MAX).collect())
        };
        let msgs = poll.from.into_iter().map(messages).collect();
        ctx.reply(&poll.client, Body::PollOk { msgs });
    }
}

impl Log {
    /// This message stands at this offset.
    fn learn(&mut self, offset: Offset, message: Json) {
        if offset == self.known.len() as Offset {
            self.known.push(message);
        }
        self.end = self.end.max(offset + 1);
    }
}

/// The error of a request that the service did not answer: nobody knows what became of it.
fn silence() -> Error {
    Error::new(ErrorCode::Timeout, "the service does not answer")
}

/// The store's key for a place in a log.
fn place(key: &str, offset: Offset) -> Json {
    Json::from(&*format!("log/{offset}/{key}"))
}

/// A message as it is stored: in a list with its mark, so that it cannot be null.
fn stored(append: &Append) -> Json {
    let mark = Json::from(&*append.mark);
    Json::parse(&format!("[{},{}]", append.message.text(), mark.text()))
        .unwrap_or_else(|_| Json::null())
}

/// A message that was read, and its mark.
fn found(outcome: Outcome<ServiceReply>) -> Option<(Json, String)> {
    match outcome {
        Outcome::Reply(ServiceReply::ReadOk { value }) => serde_json::from_str(&value.text()).ok(),
        _ => None,
    }
}

impl Node for ServicesNode {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, _: Records, ctx: &mut Context<'_, Self>) {
        self.session = ctx.random().random();
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Send { key, msg } => {
                let number = self.number();
                let mark = format!("{:x}/{number}", self.session);
                let log = self.logs.entry(key.clone()).or_default();
                let since = ctx.now();
                log.queue.push_back(Append { client: from, message: msg, since, mark });
                if log.queue.len() == 1 {
                    self.append(key, ctx);
                }
            }
            Body::Poll { offsets } => self.poll(from, offsets, ctx),
            Body::CommitOffsets { offsets } => {
                let keys = offsets.keys().cloned().collect();
                self.begin(from, keys, Some(offsets), ctx);
            }
            Body::ListCommittedOffsets { keys } => self.begin(from, keys, None, ctx),
            _ => ctx.reply_error(&from, Error::malformed_request("a reply is no request")),
        }
    }

    fn service_outcome(
        &mut self,
        token: Token,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        match token {
            Token::Append { key, offset } => self.appended(key, offset, outcome, ctx),
            Token::Committed { job, key } => self.found_committed(job, key, outcome, ctx),
            Token::Swap { job, key } => self.swapped(job, key, outcome, ctx),
            Token::Taken { key, offset } => self.taken(key, offset, outcome, ctx),
            Token::Read { poll, key, offset } => {
                if let Some((message, _)) = found(outcome) {
                    self.logs.entry(key.clone()).or_default().learn(offset, message);
                    self.read_on(poll, key, ctx);
                } else if let Some(poll) = self.polls.get_mut(&poll) {
                    // The end of the log, or silence: then what is known will do.
                    poll.waits_for.remove(&key);
                }
                self.answer_poll(poll, ctx);
            }
        }
    }
}
