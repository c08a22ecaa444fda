//! `gossiper kafka-services`: logs in the linearizable store.
//!
//! Each message is a key of its own, `log/<offset>/<key>`, which is created by a compare-and-set that
//! only ever succeeds on a missing key. An offset is tried only when the one before is known to be
//! taken, so logs have no holes, and what stands there never changes, so that a node may remember it.
//! One compare-and-set a message is all that it takes while nobody else writes to the same log.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proto::service::{CompareAndSet, KeyValue, ServiceReply};
use proto::{
    Arguments, Caller, Context, Error, ErrorCode, Json, Manual, Node, Outcome, Time, UsageError,
};

use super::{Body, Offset, POLL_MAX};

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
    /// Messages that are to be appended, and since when. The first one is being appended.
    queue: VecDeque<(Caller, Json, Time)>,
}

/// A poll that waits for the service.
#[derive(Debug)]
struct Poll {
    client: Caller,
    since: Time,
    from: BTreeMap<String, Offset>,
    waits_for: BTreeSet<String>,
}

/// A request about commits that waits for the service.
#[derive(Debug)]
struct Job {
    client: Caller,
    /// What to commit; nothing if it only asks.
    commits: Option<BTreeMap<String, Offset>>,
    found: BTreeMap<String, Offset>,
    open: usize,
    error: Option<Error>,
}

/// The node.
#[derive(Debug)]
pub struct ServicesNode {
    store: KeyValue,
    logs: BTreeMap<String, Log>,
    polls: BTreeMap<u64, Poll>,
    jobs: BTreeMap<u64, Job>,
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
        Ok(Self { store: KeyValue::linearizable(), logs, polls, jobs, next: 0 })
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Tries to put the first message of the queue at the end of the log.
    fn append(&mut self, key: String, ctx: &mut Context<'_, Self>) {
        let Some(log) = self.logs.get_mut(&key) else { return };
        while let Some((client, _, since)) = log.queue.front() {
            if ctx.now() <= *since + PATIENCE {
                break;
            }
            // No attempt for it is open, so it certainly is not in the log.
            let text = "others write to this log all the time";
            ctx.reply_error(client, Error::new(ErrorCode::TemporarilyUnavailable, text));
            log.queue.pop_front();
        }
        let Some((_, message, _)) = log.queue.front() else { return };
        let offset = log.end;
        let swap = CompareAndSet {
            key: place(&key, offset),
            // No message is stored so: they are stored in lists.
            from: Json::null(),
            to: stored(message),
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
        // The end may be known to be further by now: a poll can have read this very message.
        let Some(log) = self.logs.get_mut(&key) else { return };
        let error = match outcome {
            Outcome::Reply(_) => {
                let Some((client, message, _)) = log.queue.pop_front() else { return };
                ctx.reply(&client, Body::SendOk { offset });
                log.learn(offset, message);
                return self.append(key, ctx);
            }
            Outcome::Error(error) if error.code == ErrorCode::PreconditionFailed => {
                log.end = log.end.max(offset + 1);
                return self.append(key, ctx);
            }
            Outcome::Error(error) => error,
            Outcome::Timeout => silence(),
        };
        if let Some((client, ..)) = log.queue.pop_front() {
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

    /// Begins a request about commits, which reads what is committed of each key.
    fn begin(
        &mut self,
        client: Caller,
        keys: Vec<String>,
        commits: Option<BTreeMap<String, Offset>>,
        ctx: &mut Context<'_, Self>,
    ) {
        let number = self.number();
        let (found, open, error) = (BTreeMap::new(), keys.len(), None);
        self.jobs.insert(number, Job { client, commits, found, open, error });
        for key in keys {
            self.read_committed(number, key, ctx);
        }
        self.answer_job(number, ctx);
    }

    fn read_committed(&mut self, job: u64, key: String, ctx: &mut Context<'_, Self>) {
        let token = Token::Committed { job, key: key.clone() };
        self.store.read(ctx, committed(&key), SERVICE, token);
    }

    fn found_committed(
        &mut self,
        number: u64,
        key: String,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        let before = match outcome {
            Outcome::Reply(ServiceReply::ReadOk { value }) => Ok(Some(value)),
            Outcome::Error(error) if error.code == ErrorCode::KeyDoesNotExist => Ok(None),
            Outcome::Error(error) => Err(error),
            Outcome::Reply(_) | Outcome::Timeout => Err(silence()),
        };
        match before {
            Ok(before) => {
                let offset = before.as_ref().and_then(Json::as_i64);
                let offset = offset.and_then(|offset| Offset::try_from(offset).ok());
                let wanted = job.commits.as_ref().and_then(|commits| commits.get(&key)).copied();
                // A commit never takes back a later one.
                if let Some(wanted) = wanted.filter(|wanted| offset < Some(*wanted)) {
                    let swap = CompareAndSet {
                        key: committed(&key),
                        from: before.unwrap_or_else(Json::null),
                        to: Json::from(&serde_json::Value::from(wanted)),
                        create_if_not_exists: true,
                    };
                    let token = Token::Swap { job: number, key };
                    return self.store.compare_and_set(ctx, swap, SERVICE, token);
                }
                job.found.extend(offset.map(|offset| (key, offset)));
            }
            Err(error) => job.error = Some(error),
        }
        job.open -= 1;
        self.answer_job(number, ctx);
    }

    fn swapped(
        &mut self,
        number: u64,
        key: String,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        match outcome {
            Outcome::Reply(_) => {}
            Outcome::Error(error) if error.code == ErrorCode::PreconditionFailed => {
                return self.read_committed(number, key, ctx);
            }
            Outcome::Error(error) => job.error = Some(error),
            Outcome::Timeout => job.error = Some(silence()),
        }
        job.open -= 1;
        self.answer_job(number, ctx);
    }

    fn answer_job(&mut self, number: u64, ctx: &mut Context<'_, Self>) {
        if self.jobs.get(&number).is_none_or(|job| job.open > 0) {
            return;
        }
        match self.jobs.remove(&number) {
            Some(Job { client, error: Some(error), .. }) => ctx.reply_error(&client, error),
            Some(Job { client, commits: Some(_), .. }) => ctx.reply(&client, Body::CommitOffsetsOk),
            Some(Job { client, found, .. }) => {
                ctx.reply(&client, Body::ListCommittedOffsetsOk { offsets: found });
            }
            None => {}
        }
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

/// The store's key for what is committed.
fn committed(key: &str) -> Json {
    Json::from(&*format!("committed/{key}"))
}

/// A message as it is stored: in a list, so that it cannot be null.
fn stored(message: &Json) -> Json {
    Json::parse(&format!("[{}]", message.text())).unwrap_or_else(|_| Json::null())
}

impl Node for ServicesNode {
    type Body = Body;
    type Token = Token;

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Send { key, msg } => {
                let log = self.logs.entry(key.clone()).or_default();
                log.queue.push_back((from, msg, ctx.now()));
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
            Token::Read { poll, key, offset } => {
                let message = match outcome {
                    Outcome::Reply(ServiceReply::ReadOk { value }) => {
                        serde_json::from_str::<[Json; 1]>(&value.text()).ok()
                    }
                    _ => None,
                };
                if let Some([message]) = message {
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
