//! The node round a [`Server`], for either protocol.

use bft::NodeIndex;
use proto::{Caller, Context, Either, Error, Node, NodeId, Records};
use rand::RngExt as _;

use super::order::{Keep, Order};
use super::server::{Effect, PeerOf, Server};
use super::settings::Settings;
use crate::alarm::{Alarm, now};
use crate::lin_kv::{Answer, KeyValues, Message as LinKv};
use crate::machine::Service as _;
use crate::members::Members;

/// What makes a node one of its protocol, and the task that it answers beside.
pub trait Protocol: std::fmt::Debug + Sized + 'static {
    /// The protocol.
    type Order: Order;
    /// What answers the messages of a task.
    type Task: Task;
}

/// A task about the protocol.
pub trait Task: std::fmt::Debug + Default + 'static {
    /// Its messages.
    type Message: proto::Body;

    /// The node was told who is there.
    fn begin(&mut self, nodes: Vec<NodeId>) {
        drop(nodes);
    }

    /// Answers a message; not at all, if that is a reply itself.
    fn answer(&mut self, message: Self::Message) -> Option<Result<Self::Message, Error>>;
}

/// The messages of a node: of clients of the store, of those who do the task, and between nodes.
pub type Body<P> =
    Either<Either<LinKv, <<P as Protocol>::Task as Task>::Message>, PeerOf<<P as Protocol>::Order>>;

/// What a client of the store is told.
pub(super) fn answers<P: Protocol>(answer: Answer) -> Vec<Result<Body<P>, Error>> {
    let body = |message| Either::Left(Either::Left(message));
    KeyValues::replies(answer).into_iter().map(|reply| reply.map(body)).collect()
}

/// A node.
#[derive(Debug)]
pub struct BftNode<P: Protocol> {
    settings: Settings,
    task: P::Task,
    /// Nothing before `init`; then the server, or why there can be none.
    server: Option<Result<Server<P::Order>, Error>>,
    alarm: Alarm,
}

type Ctx<'a, P> = Context<'a, BftNode<P>>;

impl<P: Protocol> BftNode<P> {
    /// A node that has not seen `init` yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, task: P::Task::default(), server: None, alarm: Alarm::default() }
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
                Effect::Send(None, message) => ctx.broadcast(Either::Right(message)),
                Effect::Send(Some(to), message) => {
                    if let Some(to) = server.members().at_rank(to.0) {
                        ctx.send(&to.clone(), Either::Right(message));
                    }
                }
                Effect::Reply(caller, Ok(answer)) => {
                    for answer in answers::<P>(answer) {
                        reply::<P>(ctx, &caller, answer);
                    }
                }
                Effect::Reply(caller, Err(error)) => ctx.reply_error(&caller, error),
            }
        }
        match server.next_deadline() {
            Some(deadline) => self.alarm.set(deadline, (), ctx),
            None => self.alarm.cancel(ctx),
        }
    }
}

fn reply<P: Protocol>(ctx: &mut Ctx<'_, P>, to: &Caller, answer: Result<Body<P>, Error>) {
    match answer {
        Ok(body) => ctx.reply(to, body),
        Err(error) => ctx.reply_error(to, error),
    }
}

impl<P: Protocol> Node for BftNode<P> {
    type Body = Body<P>;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Ctx<'_, P>) {
        let members = Members::new(ctx.id(), ctx.node_ids());
        self.task.begin(members.names().cloned().collect());
        let session = ctx.random().random();
        let server = Server::start(&self.settings, &members, &restored, ctx.is_durable(), session);
        if let Err(error) = &server {
            ctx.log(format!("taking no part: {}", error.text));
        }
        self.server = Some(server);
        self.carry_out(ctx);
    }

    fn request(&mut self, from: Caller, body: Body<P>, ctx: &mut Ctx<'_, P>) {
        let asked = match body {
            Either::Left(Either::Left(message)) => match KeyValues::operation(message) {
                Ok(operation) => Either::Left(operation),
                // Replies: they never come as requests.
                Err(_) => return,
            },
            Either::Left(Either::Right(message)) => {
                if let Some(answer) = self.task.answer(message) {
                    let answer = answer.map(|message| Either::Left(Either::Right(message)));
                    reply::<P>(ctx, &from, answer);
                }
                return;
            }
            Either::Right(message) => Either::Right(message),
        };
        let server = match &mut self.server {
            Some(Ok(server)) => server,
            Some(Err(error)) => return ctx.reply_error(&from, error.clone()),
            None => return,
        };
        match asked {
            Either::Left(operation) => server.on_client(now(ctx), from, operation),
            Either::Right(message) => match server.members().rank(&from.id) {
                Some(sender) => server.on_peer(now(ctx), NodeIndex(sender), message),
                None => {
                    let text = "the sender is no member of the cluster";
                    return ctx.reply_error(&from, Error::malformed_request(text));
                }
            },
        }
        self.carry_out(ctx);
    }

    fn timer(&mut self, (): (), ctx: &mut Ctx<'_, P>) {
        self.alarm.went_off();
        if let Some(Ok(server)) = &mut self.server {
            server.tick(now(ctx));
        }
        self.carry_out(ctx);
    }

    fn is_leader(&self) -> bool {
        self.server().is_some_and(|server| server.order().is_leader())
    }
}
