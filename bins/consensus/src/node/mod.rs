//! The node: who deals with each message and timer.

mod server;

use std::collections::VecDeque;
use std::time::Duration;

use proto::{Aspect, Caller, Context, Either, Error, Node, NodeId, Outcome, Records};

use self::server::Server;
use crate::agreement::{Agreement, Heard};
use crate::machine::{Aside, Service};
use crate::replica::Replica;
use crate::settings::Settings;
use crate::token::Token;

/// The most requests that may wait for an answer aside; further ones are refused.
const HELD_MAX: usize = 65_536;

/// The messages of a node: of clients, of those who ask something else, and between nodes.
pub type Body<S, A, T> =
    Either<Either<<S as Service>::Message, <T as Aside>::Message>, <A as Agreement<S>>::Peer>;

/// A node that serves `S`, replicated by `A`; beside it `T`.
#[derive(Debug)]
pub struct ServiceNode<S: Service, A: Agreement<S>, T: Aside = ()> {
    settings: Settings,
    /// Nothing before `init`; then the server, or why there can be none.
    server: Option<Result<Server<S, A>, Error>>,
    aside: T,
    /// Requests of clients that are owed an answer aside, which comes first.
    held: VecDeque<(Caller, S::Message)>,
}

/// A node on Raft.
pub type RaftNode<S, T = ()> = ServiceNode<S, Replica<S>, T>;

impl<S: Service, A: Agreement<S>, T: Aside> ServiceNode<S, A, T> {
    /// A node that has not seen `init` yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, server: None, aside: T::default(), held: VecDeque::new() }
    }

    /// This node's replica, once `init` has been handled.
    #[must_use]
    pub fn replica(&self) -> Option<&A> {
        Some(&self.server.as_ref()?.as_ref().ok()?.replica)
    }

    fn server(&mut self) -> Option<&mut Server<S, A>> {
        self.server.as_mut()?.as_mut().ok()
    }

    /// Puts a long computation in line, or refuses it.
    fn begin_work(&mut self, caller: &Caller, message: T::Message, ctx: &mut Context<'_, Self>) {
        let was_busy = self.aside.is_busy();
        match self.aside.begin(caller, message, &self.settings) {
            Ok(()) if was_busy => {}
            Ok(()) => {
                ctx.set_timer(Duration::ZERO, Token::Work);
            }
            Err(error) => ctx.reply_error(caller, error),
        }
    }

    fn work(&mut self, ctx: &mut Context<'_, Self>) {
        if let Some((caller, answer)) = self.aside.work() {
            match answer {
                Ok(message) => ctx.reply(&caller, Either::Left(Either::Right(message))),
                Err(error) => ctx.reply_error(&caller, error),
            }
            if !self.aside.owes(&caller.id) {
                self.serve_held(&caller.id, ctx);
            }
        }
        if self.aside.is_busy() {
            ctx.set_timer(Duration::ZERO, Token::Work);
        }
    }

    /// Serves what a client asked for while it was owed an answer.
    fn serve_held(&mut self, client: &NodeId, ctx: &mut Context<'_, Self>) {
        let held = std::mem::take(&mut self.held);
        let (own, others): (VecDeque<_>, _) =
            held.into_iter().partition(|(caller, _)| caller.id == *client);
        self.held = others;
        for (caller, message) in own {
            self.serve(caller, message, ctx);
        }
    }

    /// Serves a client, unless an answer that comes first is not there yet.
    fn serve(&mut self, from: Caller, message: S::Message, ctx: &mut Context<'_, Self>) {
        if self.aside.owes(&from.id) {
            if self.held.len() < HELD_MAX {
                return self.held.push_back((from, message));
            }
            let text = "too many requests wait for a computation";
            return ctx.reply_error(&from, Error::temporarily_unavailable(text));
        }
        let Some(server) = self.server() else { return };
        match S::operation(message) {
            Ok(operation) => server.on_client(from, operation, ctx),
            Err(error) => ctx.reply_error(&from, error),
        }
    }
}

impl<S: Service, A: Agreement<S>, T: Aside> Node for ServiceNode<S, A, T> {
    type Body = Body<S, A, T>;
    type Token = Token;

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        let server = Server::start(&self.settings, &restored, ctx);
        if let Err(error) = &server {
            ctx.log(format!("taking no part: {}", error.text));
        }
        self.server = Some(server);
    }

    fn request(&mut self, from: Caller, body: Self::Body, ctx: &mut Context<'_, Self>) {
        let server = match &mut self.server {
            Some(Ok(server)) => server,
            Some(Err(error)) => return ctx.reply_error(&from, error.clone()),
            None => return,
        };
        match body {
            Either::Left(Either::Left(message)) => self.serve(from, message, ctx),
            Either::Left(Either::Right(message)) => self.begin_work(&from, message, ctx),
            Either::Right(message) => match A::hear(message) {
                Heard::Forward(term, request) => server.on_forward(from, term, request, ctx),
                Heard::Transfer(to) => server.on_transfer(&from, &to, ctx),
                Heard::Change(change) => server.on_change(from, change, ctx),
                Heard::Protocol(message) => server.on_peer(&from, message, ctx),
                Heard::ForwardsDone(done) => server.on_forwards_done(&from, done, ctx),
                // A reply to nothing.
                Heard::ForwardOk(_) => {}
            },
        }
    }

    fn is_leader(&self) -> bool {
        let leads = |replica: &A| replica.leadership().0 == Some(replica.members().own());
        self.replica().is_some_and(leads)
    }

    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        if let Some(replica) = self.replica() {
            replica.aspects(aspects);
        }
    }

    fn reply(
        &mut self,
        from: Caller,
        reply: Result<Self::Body, Error>,
        ctx: &mut Context<'_, Self>,
    ) {
        if let (Some(server), Ok(Either::Right(message))) = (self.server(), reply)
            && let Heard::Protocol(message) = A::hear(message)
        {
            server.on_peer(&from, message, ctx);
        }
    }

    fn owes_answer(&self) -> bool {
        self.aside.is_busy()
    }

    fn timer(&mut self, token: Token, ctx: &mut Context<'_, Self>) {
        if token == Token::Work {
            return self.work(ctx);
        }
        let Some(server) = self.server() else { return };
        match token {
            Token::Protocol => server.on_protocol_timer(ctx),
            Token::Deadlines => server.on_deadline(ctx),
            Token::Gathered => server.on_gathered(ctx),
            Token::Work | Token::Change { .. } | Token::Forwarded { .. } => {}
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Self::Body>, ctx: &mut Context<'_, Self>) {
        match (self.server(), token) {
            (Some(server), Token::Forwarded { sequence, attempt }) => {
                server.on_forward_outcome(sequence, attempt, outcome, ctx);
            }
            (Some(server), Token::Change { number }) => {
                server.on_change_outcome(number, outcome, ctx);
            }
            _ => {}
        }
    }
}
