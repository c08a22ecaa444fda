//! The node round a [`Server`], for either protocol.

use std::time::Duration;

use bft::NodeIndex;
use proto::{Caller, Context, Error, Node, Records, Time, TimerId};
use rand::RngExt as _;

use super::order::{Keep, Order};
use super::server::{Effect, Peer, Server};
use super::settings::Settings;
use crate::lin_kv::{Answer, Operation};
use crate::members::Members;

/// A body of a node, looked at.
#[derive(Debug)]
pub enum Opened<P: Protocol> {
    /// A client of `lin-kv` asks for something.
    Client(Operation),
    /// Another node says something.
    Peer(Peer<P::Order>),
    /// A message of a task.
    Task(P::Body),
}

/// What makes a node one of its protocol: its messages, and the task that it answers beside.
pub trait Protocol: std::fmt::Debug + Sized + 'static {
    /// The protocol.
    type Order: Order;
    /// All messages.
    type Body: proto::Body;
    /// What answers the messages of a task.
    type Task: std::fmt::Debug + Default + 'static;

    /// Says what a body is.
    fn open(body: Self::Body) -> Opened<Self>;

    /// Says something to another node.
    fn peer(message: Peer<Self::Order>) -> Self::Body;

    /// Answers a client.
    fn answer(answer: Answer) -> Vec<Result<Self::Body, Error>>;

    /// Answers a message of the task; not at all, if that is a reply itself.
    fn task(task: &mut Self::Task, body: Self::Body) -> Option<Result<Self::Body, Error>>;
}

/// A node.
#[derive(Debug)]
pub struct BftNode<P: Protocol> {
    settings: Settings,
    task: P::Task,
    /// Nothing before `init`; then the server, or why there can be none.
    server: Option<Result<Server<P::Order>, Error>>,
    timer: Option<(Duration, TimerId)>,
}

type Ctx<'a, P> = Context<'a, BftNode<P>>;

impl<P: Protocol> BftNode<P> {
    /// A node that has not seen `init` yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, task: P::Task::default(), server: None, timer: None }
    }

    /// What it is since `init`.
    #[must_use]
    pub fn server(&self) -> Option<&Server<P::Order>> {
        self.server.as_ref()?.as_ref().ok()
    }

    fn carry_out(&mut self, ctx: &mut Ctx<'_, P>) {
        let Some(Ok(server)) = &mut self.server else { return };
        for effect in server.take_effects() {
            match effect {
                Effect::Keep(Keep::Put(key, value)) => ctx.put(key, value),
                Effect::Keep(Keep::Delete(from, to)) => ctx.delete_range(from, to),
                Effect::Send(None, message) => ctx.broadcast(P::peer(message)),
                Effect::Send(Some(to), message) => {
                    if let Some(to) = server.members().at_rank(to.0) {
                        ctx.send(&to.clone(), P::peer(message));
                    }
                }
                Effect::Reply(caller, Ok(answer)) => {
                    for answer in P::answer(answer) {
                        reply::<P>(ctx, &caller, answer);
                    }
                }
                Effect::Reply(caller, Err(error)) => ctx.reply_error(&caller, error),
            }
        }
        let deadline = server.next_deadline();
        let is_early = self.timer.is_some_and(|(at, _)| deadline.is_some_and(|due| at <= due));
        if is_early {
            return;
        }
        if let Some((_, timer)) = self.timer.take() {
            ctx.cancel_timer(timer);
        }
        self.timer = deadline.map(|at| (at, ctx.set_timer(at.saturating_sub(now(ctx)), ())));
    }
}

fn reply<P: Protocol>(ctx: &mut Ctx<'_, P>, to: &Caller, answer: Result<P::Body, Error>) {
    match answer {
        Ok(body) => ctx.reply(to, body),
        Err(error) => ctx.reply_error(to, error),
    }
}

/// Since the start of the node's clock.
fn now<P: Protocol>(ctx: &Ctx<'_, P>) -> Duration {
    ctx.now().since(Time::ZERO)
}

impl<P: Protocol> Node for BftNode<P> {
    type Body = P::Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Ctx<'_, P>) {
        let members = Members::new(ctx.id(), ctx.node_ids());
        let session = ctx.random().random();
        let server = Server::start(&self.settings, &members, &restored, ctx.is_durable(), session);
        if let Err(error) = &server {
            ctx.log(format!("taking no part: {}", error.text));
        }
        self.server = Some(server);
        self.carry_out(ctx);
    }

    fn request(&mut self, from: Caller, body: P::Body, ctx: &mut Ctx<'_, P>) {
        let opened = match P::open(body) {
            Opened::Task(body) => {
                if let Some(answer) = P::task(&mut self.task, body) {
                    reply::<P>(ctx, &from, answer);
                }
                return;
            }
            opened => opened,
        };
        let server = match &mut self.server {
            Some(Ok(server)) => server,
            Some(Err(error)) => return ctx.reply_error(&from, error.clone()),
            None => return,
        };
        match opened {
            Opened::Client(operation) => server.on_client(now(ctx), from, operation),
            Opened::Peer(message) => match server.members().rank(&from.id) {
                Some(sender) => server.on_peer(now(ctx), NodeIndex(sender), message),
                None => {
                    let text = "the sender is no member of the cluster";
                    return ctx.reply_error(&from, Error::malformed_request(text));
                }
            },
            Opened::Task(_) => {}
        }
        self.carry_out(ctx);
    }

    fn timer(&mut self, (): (), ctx: &mut Ctx<'_, P>) {
        self.timer = None;
        if let Some(Ok(server)) = &mut self.server {
            server.tick(now(ctx));
        }
        self.carry_out(ctx);
    }

    fn is_leader(&self) -> bool {
        self.server().is_some_and(|server| server.order().is_leader())
    }
}
