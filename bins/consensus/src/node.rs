//! The node: who deals with each message and timer.

use std::time::Duration;

use proto::{Caller, Context, Error, Node, Outcome, Records};

use crate::body::Body;
use crate::command::Operation;
use crate::jobs::{Job, Jobs};
use crate::partition_test::PartitionRun;
use crate::replica::Replica;
use crate::server::Server;
use crate::settings::Settings;
use crate::verify::VerifyRun;

/// What timers and calls bring back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// Raft has something to do.
    Raft,
    /// A client's request may have waited too long.
    Deadlines,
    /// There is a slice of a long computation to be done.
    Work,
    /// A request was passed on to the leader.
    Forwarded {
        /// The request's number.
        sequence: u64,
        /// How often it had been passed on before.
        attempt: u32,
    },
}

/// A node of the Consensus track.
#[derive(Debug)]
pub struct ConsensusNode {
    settings: Settings,
    server: Option<Server>,
    jobs: Jobs,
}

impl ConsensusNode {
    /// A node that has not seen `init` yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, server: None, jobs: Jobs::default() }
    }

    /// This node's replica, once `init` has been handled.
    #[must_use]
    pub fn replica(&self) -> Option<&Replica> {
        self.server.as_ref().map(|server| &server.replica)
    }
}

impl ConsensusNode {
    /// Puts a long computation in line, or refuses it.
    fn begin_job(&mut self, caller: &Caller, job: Result<Job, Error>, ctx: &mut Context<'_, Self>) {
        let is_first = self.jobs.is_empty();
        match job.and_then(|job| self.jobs.add(caller, job)) {
            Ok(()) if is_first => {
                ctx.set_timer(Duration::ZERO, Token::Work);
            }
            Ok(()) => {}
            Err(error) => ctx.reply_error(caller, error),
        }
    }

    fn work(&mut self, ctx: &mut Context<'_, Self>) {
        match self.jobs.work() {
            Some((caller, Ok(body))) => ctx.reply(&caller, body),
            Some((caller, Err(error))) => ctx.reply_error(&caller, error),
            None => {}
        }
        if !self.jobs.is_empty() {
            ctx.set_timer(Duration::ZERO, Token::Work);
        }
    }
}

impl Node for ConsensusNode {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.server = Some(Server::start(&self.settings, &restored, ctx));
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let Some(server) = &mut self.server else { return };
        match body {
            Body::Read { key } => server.on_client(from, Operation::Read { key }, ctx),
            Body::Write { key, value } => {
                server.on_client(from, Operation::Write { key, value }, ctx);
            }
            Body::Cas { key, from: expected, to } => {
                server.on_client(from, Operation::Cas { key, from: expected, to }, ctx);
            }
            Body::Forward(forward) => server.on_forward(from, *forward, ctx),
            Body::TransferLeadership { to } => server.on_transfer(&from, &to, ctx),
            Body::PartitionTest(test) => {
                let run = PartitionRun::new(test, &self.settings);
                self.begin_job(&from, run.map(|run| Job::PartitionTest(Box::new(run))), ctx);
            }
            Body::VerifyLinearizability { history } => {
                self.begin_job(&from, VerifyRun::new(&history).map(Job::Verify), ctx);
            }
            body => server.on_peer(&from, body, ctx),
        }
    }

    fn is_leader(&self) -> bool {
        self.replica().is_some_and(|replica| replica.raft().is_leader())
    }

    fn reply(&mut self, from: Caller, reply: Result<Body, Error>, ctx: &mut Context<'_, Self>) {
        if let (Some(server), Ok(body)) = (&mut self.server, reply) {
            server.on_peer(&from, body, ctx);
        }
    }

    fn owes_answer(&self) -> bool {
        !self.jobs.is_empty()
    }

    fn timer(&mut self, token: Token, ctx: &mut Context<'_, Self>) {
        let Some(server) = &mut self.server else { return };
        match token {
            Token::Raft => server.on_raft_timer(ctx),
            Token::Deadlines => server.on_deadline(ctx),
            Token::Work => self.work(ctx),
            Token::Forwarded { .. } => {}
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        if let (Some(server), Token::Forwarded { sequence, attempt }) = (&mut self.server, token) {
            server.on_forward_outcome(sequence, attempt, outcome, ctx);
        }
    }
}
