//! `consensus multi-paxos`: the linearizable store of `lin-kv`, with its log kept by Multi-Paxos.
//!
//! | module | answers the question |
//! |---|---|
//! | [`body`] | what goes over the wire? |
//! | `server` | where do clients' requests go, and what answers them? |
//! | `durable` | what is stored, and what if it cannot be read? |
//! | [`watch`] | what must hold of a cluster after every event? |
//!
//! The store, the commands, the memory of applied requests and the rules of refusals are those of
//! the Raft node ([`crate::store`], [`crate::clients`]): a ballot takes the place of a term.

use proto::{Caller, Context, Error, Manual, Node, Outcome, Records};

use crate::body::SharedState;
use crate::command::{Operation, SharedCommand};
use crate::multi_paxos::body::Body;
use crate::multi_paxos::server::Server;
use crate::settings::Settings;

pub mod body;
mod durable;
mod server;
pub mod watch;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "multi-paxos",
    summary: "a linearizable key-value store, replicated by Multi-Paxos",
    usage: "[--election-timeout MS] [--heartbeat MS] [--gather MS] [--compact-after N]",
    help: "\
It serves Maelstrom's workload `lin-kv`.

  --election-timeout MS  shortest wait for a leader before a node wants to lead; default 300
  --heartbeat MS         longest silence of a leader towards another node; default 100
  --gather MS            how long a leader gathers requests for one round; default 3
  --compact-after N      applied commands after which the log is compacted; default 1000
  --state-dir DIR        keep promises, accepted commands and snapshot in DIR/<node id>/, stored
                         before anybody hears of them. Nothing acknowledged is lost then, whoever is
                         killed. Without it a node that was killed must not come back: it would have
                         forgotten its promises, and what was acknowledged may be lost. If what is
                         in DIR cannot be read, or is of a cluster of other nodes, the node takes no
                         part in anything
",
};

/// A replica of this store.
pub type Replica = paxos::Replica<SharedCommand, SharedState>;

/// What timers and calls bring back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// The replica has something to do.
    Replica,
    /// A client's request may have waited too long.
    Deadlines,
    /// A request was passed on to the leader.
    Forwarded {
        /// The request's number.
        sequence: u64,
        /// How often it had been passed on before.
        attempt: u32,
    },
}

/// A node of the store.
#[derive(Debug)]
pub struct MultiPaxosNode {
    settings: Settings,
    /// Nothing before `init`; then the server, or why there can be none.
    server: Option<Result<Server, Error>>,
}

impl MultiPaxosNode {
    /// A node that has not seen `init` yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, server: None }
    }

    /// This node's replica, once `init` has been handled.
    #[must_use]
    pub fn replica(&self) -> Option<&Replica> {
        Some(&self.server.as_ref()?.as_ref().ok()?.replica)
    }
}

impl Node for MultiPaxosNode {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        let server = Server::start(&self.settings, &restored, ctx);
        if let Err(error) = &server {
            ctx.log(format!("taking no part: {}", error.text));
        }
        self.server = Some(server);
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let server = match &mut self.server {
            Some(Ok(server)) => server,
            Some(Err(error)) => return ctx.reply_error(&from, error.clone()),
            None => return,
        };
        match body {
            Body::Read { key } => server.on_client(from, Operation::Read { key }, ctx),
            Body::Write { key, value } => {
                server.on_client(from, Operation::Write { key, value }, ctx);
            }
            Body::Cas { key, from: expected, to } => {
                server.on_client(from, Operation::Cas { key, from: expected, to }, ctx);
            }
            Body::Forward(forward) => server.on_forward(from, *forward, ctx),
            body => server.on_peer(&from, body, ctx),
        }
    }

    fn is_leader(&self) -> bool {
        self.replica().is_some_and(Replica::is_leader)
    }

    fn timer(&mut self, token: Token, ctx: &mut Context<'_, Self>) {
        let Some(Ok(server)) = &mut self.server else { return };
        match token {
            Token::Replica => server.on_replica_timer(ctx),
            Token::Deadlines => server.on_deadline(ctx),
            Token::Forwarded { .. } => {}
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        if let (Some(Ok(server)), Token::Forwarded { sequence, attempt }) =
            (&mut self.server, token)
        {
            server.on_forward_outcome(sequence, attempt, outcome, ctx);
        }
    }
}
