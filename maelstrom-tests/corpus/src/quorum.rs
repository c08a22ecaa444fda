//! Registers on quorums: the emulation of shared memory by Attiya, Bar-Noy and Dolev (JACM 1995), with
//! many writers. A write asks a majority for the highest stamp and stores its value under a higher one; a
//! read asks a majority, and stores what it found before it answers. There is no compare-and-set, which
//! such registers cannot do. Each decision that somebody once got wrong is a method of [`Rules`].

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use proto::{AnyNode, Caller, Context, Error, ErrorCode, Json, Node, NodeId, Outcome, Records};
use serde::{Deserialize, Serialize};

use crate::bodies::RegisterBody;
use crate::{Bug, runs};

const CALL: Duration = Duration::from_millis(800);

/// What a register has: the stamp of its last write, and its value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Stamped {
    /// The first part of the stamp.
    pub number: u64,
    /// Who wrote it, for stamps of the same number.
    pub writer: String,
    value: Option<Json>,
}

impl Stamped {
    fn stamp(&self) -> (u64, &str) {
        (self.number, &self.writer)
    }
}

/// What a node decides.
pub trait Rules: Default + 'static {
    /// How many of so many nodes a read asks.
    fn read_quorum(nodes: usize) -> usize {
        nodes / 2 + 1
    }

    /// How many of so many nodes have to have a write.
    fn write_quorum(nodes: usize) -> usize {
        nodes / 2 + 1
    }

    /// Whether a read stores what it found.
    fn writes_back() -> bool {
        true
    }

    /// The number of a write that has heard of `highest`.
    fn number(highest: u64, wall_clock_ms: u64) -> u64 {
        let _ = wall_clock_ms;
        highest + 1
    }

    /// Whether a node replaces what it has.
    fn replaces(own: (u64, &str), new: (u64, &str)) -> bool {
        new > own
    }

    /// Whether a node stores what it has.
    fn stores() -> bool {
        true
    }
}

/// Between nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as the module says")]
pub enum Peer {
    Ask { key: Json },
    Told { found: Stamped },
    Store { key: Json, found: Stamped },
    Stored,
}

type Body = RegisterBody<Peer>;

/// What a node does for a client.
#[derive(Debug)]
struct Job {
    client: Caller,
    key: Json,
    /// What is to be written; nothing for a read.
    write: Option<Json>,
    best: Stamped,
    answers: usize,
    is_storing: bool,
}

/// A node.
#[derive(Default, Debug)]
pub struct Quorum<R> {
    registers: BTreeMap<Json, Stamped>,
    jobs: BTreeMap<u64, Job>,
    started: u64,
    rules: PhantomData<R>,
}

/// A job, and whether the call was to store.
type Token = (u64, bool);

impl<R: Rules> Quorum<R> {
    fn begin(
        &mut self,
        client: Caller,
        key: Json,
        write: Option<Json>,
        ctx: &mut Context<'_, Self>,
    ) {
        self.started += 1;
        let best = self.registers.get(&key).cloned().unwrap_or_default();
        let job = Job { client, key: key.clone(), write, best, answers: 1, is_storing: false };
        self.jobs.insert(self.started, job);
        call_all(Peer::Ask { key }, (self.started, false), ctx);
        self.go_on(self.started, ctx);
    }

    fn go_on(&mut self, number: u64, ctx: &mut Context<'_, Self>) {
        let nodes = ctx.node_ids().len();
        let Some(job) = self.jobs.get_mut(&number) else { return };
        if job.is_storing {
            if job.answers >= R::write_quorum(nodes) {
                self.finish(number, ctx);
            }
            return;
        }
        if job.answers < R::read_quorum(nodes) {
            return;
        }
        if let Some(value) = job.write.clone() {
            let number = R::number(job.best.number, ctx.wall_clock_ms());
            job.best = Stamped { number, writer: ctx.id().to_string(), value: Some(value) };
        } else if !R::writes_back() || job.best.value.is_none() {
            return self.finish(number, ctx);
        }
        (job.is_storing, job.answers) = (true, 1);
        let (key, found) = (job.key.clone(), job.best.clone());
        self.store(key.clone(), found.clone(), ctx);
        call_all(Peer::Store { key, found }, (number, true), ctx);
        self.go_on(number, ctx);
    }

    fn finish(&mut self, number: u64, ctx: &mut Context<'_, Self>) {
        let Some(job) = self.jobs.remove(&number) else { return };
        match (job.write, job.best.value) {
            (Some(_), _) => ctx.reply(&job.client, Body::WriteOk),
            (None, Some(value)) => ctx.reply(&job.client, Body::ReadOk { value }),
            (None, None) => {
                let error = Error::new(ErrorCode::KeyDoesNotExist, "no value");
                ctx.reply_error(&job.client, error);
            }
        }
    }

    fn store(&mut self, key: Json, found: Stamped, ctx: &mut Context<'_, Self>) {
        let own = self.registers.entry(key.clone()).or_default();
        if R::replaces(own.stamp(), found.stamp()) {
            *own = found;
            if R::stores() {
                let record = serde_json::to_vec(own).unwrap_or_default();
                ctx.put(key.text().into_owned(), record);
            }
        }
    }
}

impl<R: Rules> Node for Quorum<R> {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, _: &mut Context<'_, Self>) {
        for (key, record) in restored {
            // Nobody else writes here.
            let key = Json::parse(&String::from_utf8_lossy(&key));
            if let (Ok(key), Ok(found)) = (key, serde_json::from_slice(&record)) {
                self.registers.insert(key, found);
            }
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Read { key } => self.begin(from, key, None, ctx),
            Body::Write { key, value } => self.begin(from, key, Some(value), ctx),
            Body::Peer(Peer::Ask { key }) => {
                let found = self.registers.get(&key).cloned().unwrap_or_default();
                ctx.reply(&from, Body::Peer(Peer::Told { found }));
            }
            Body::Peer(Peer::Store { key, found }) => {
                self.store(key, found, ctx);
                ctx.reply(&from, Body::Peer(Peer::Stored));
            }
            _ => ctx.reply_error(&from, Error::new(ErrorCode::NotSupported, "no such operation")),
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        let (number, was_storing) = token;
        let Outcome::Reply(Body::Peer(answer)) = outcome else { return };
        let Some(job) = self.jobs.get_mut(&number) else { return };
        if job.is_storing != was_storing {
            return;
        }
        if let Peer::Told { found } = answer
            && found.stamp() > job.best.stamp()
        {
            job.best = found;
        }
        job.answers += 1;
        self.go_on(number, ctx);
    }
}

fn call_all<R: Rules>(message: Peer, token: Token, ctx: &mut Context<'_, Quorum<R>>) {
    for peer in ctx.peers().cloned().collect::<Vec<NodeId>>() {
        ctx.call(&peer, Body::Peer(message.clone()), CALL, token);
    }
}

/// A bug of such a node, but for what is said of it.
pub(crate) const fn bug<R: Rules>() -> Bug {
    Bug {
        workload: "lin-kv",
        run: runs::REGISTER,
        durable: true,
        seen_by: "linearizability",
        make: || AnyNode::new(Quorum::<R>::default()),
        ..Bug::NONE
    }
}

/// Registers as they should be.
#[derive(Default, Debug)]
pub struct Right;

impl Rules for Right {}
