//! The shell round a node that every driver shares: it keeps the rules of the protocol (nothing
//! overtakes `init`, one numbering, one outcome a call, errors for what is not understood) so that
//! the runtime, the simulator and a test script only have to carry messages and time.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use crate::error::Error;
use crate::message::{BadBody, Init, Message, Payload, is_reply_type};
use crate::node::context::{Call, Context, Due, Shell};
use crate::node::{Caller, Effect, Node, Outcome, Records};
use crate::service::ServiceReply;
use crate::time::{Now, Time};

#[cfg(test)]
mod tests;

/// A node together with what belongs to it: name, numbers, timers, open calls.
///
/// It is driven by [`Engine::receive`] and [`Engine::fire`]; both append what the node wants done
/// to `effects`. Between events [`Engine::next_due`] says when to call `fire` next.
#[derive(Clone, Debug)]
pub struct Engine<N: Node> {
    node: N,
    /// There from `init` on.
    shell: Option<Shell<N::Token>>,
    seed: u64,
    durable: bool,
    is_watched: bool,
    is_restartable: bool,
}

impl<N: Node> Engine<N> {
    /// A node that has not seen `init` yet. `seed` determines its random numbers; `durable` says
    /// whether [`Effect::Persist`] will be carried out.
    pub fn new(node: N, seed: u64, durable: bool) -> Self {
        Self { node, shell: None, seed, durable, is_watched: false, is_restartable: false }
    }

    /// The same with somebody who wants to know which conditions hold (see [`Context::sometimes`]).
    #[must_use]
    pub fn watched(self) -> Self {
        Self { is_watched: true, ..self }
    }

    /// The same where a node may be killed and started again with another seed: its calls have numbers
    /// that no other life of it uses, although it may have no records that tell it of one.
    #[must_use]
    pub fn restartable(self) -> Self {
        Self { is_restartable: true, ..self }
    }

    /// Has the node's random numbers be those of another seed from now on.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        if let Some(shell) = &mut self.shell {
            shell.random = Xoshiro256PlusPlus::seed_from_u64(seed);
        }
    }

    /// Whether `init` has been handled.
    pub fn is_initialised(&self) -> bool {
        self.shell.is_some()
    }

    /// The node's logic, for tests and invariants that look inside.
    pub fn node(&self) -> &N {
        &self.node
    }

    /// When [`Engine::fire`] is to be called next, if nothing comes in before.
    pub fn next_due(&self) -> Option<Time> {
        self.shell.as_ref()?.next_due()
    }

    /// Whether the node owes an answer that needs no peer (see [`Node::owes_answer`]).
    pub fn owes_answer(&self) -> bool {
        self.node.owes_answer()
    }

    /// Handles one message. `restored` is asked for the node's records if this is its `init`.
    pub fn receive(
        &mut self,
        now: Now,
        message: Message<Payload<N::Body>>,
        restored: impl FnOnce(&Init) -> Records,
        effects: &mut Vec<Effect<N::Body>>,
    ) {
        let Some(shell) = &mut self.shell else {
            return self.receive_before_init(now, message, restored, effects);
        };
        let Message { src: id, msg_id, in_reply_to, payload, .. } = message;
        let from = Caller { id, msg_id, in_reply_to };
        let call = in_reply_to.and_then(|request| shell.answer_call(&from.id, request));
        let ctx = &mut Context { now, shell, effects };
        match (payload, call) {
            (Payload::Body(body), Some(call)) if !call.service => {
                self.node.outcome(call.token, Outcome::Reply(body), ctx);
            }
            (Payload::ServiceReply(reply), Some(call)) if call.service => {
                self.node.service_outcome(call.token, Outcome::Reply(reply), ctx);
            }
            (Payload::Error(error), Some(call)) => {
                let outcome = Ending::Error(error);
                end_call(&mut self.node, call, outcome, ctx);
            }
            (payload, Some(call)) => {
                let what = match payload {
                    Payload::Bad(bad) => bad.to_error().text,
                    _ => "the reply is of another kind than the request".to_owned(),
                };
                ctx.log(format!("unusable reply from {}: {what}", from.id));
                end_call(&mut self.node, call, Ending::Error(Error::malformed_request(what)), ctx);
            }
            (Payload::Body(body), None) if from.in_reply_to.is_some() => {
                self.node.reply(from, Ok(body), ctx);
            }
            (Payload::Error(error), None) if from.in_reply_to.is_some() => {
                self.node.reply(from, Err(error), ctx);
            }
            (Payload::Body(body), None) => self.node.request(from, body, ctx),
            (Payload::Init(_), None) => {
                let text = "this node has been initialised before";
                ctx.reply_error(&from, Error::malformed_request(text));
            }
            (Payload::Bad(bad), None) => refuse(&from, &bad, ctx),
            // Replies and errors that nobody waits for, and requests to services gone astray.
            (
                Payload::InitOk
                | Payload::Error(_)
                | Payload::ServiceReply(_)
                | Payload::ServiceRequest(_),
                None,
            ) => {}
        }
    }

    /// Fires everything that is due by now. A timer that is set meanwhile waits for the next call,
    /// even if it is due at once: so a long computation in slices lets messages in between.
    pub fn fire(&mut self, now: Now, effects: &mut Vec<Effect<N::Body>>) {
        let Some(shell) = &mut self.shell else { return };
        let horizon = shell.timer_horizon();
        while let Some(due) = shell.take_due(now.monotonic, horizon) {
            let expired = match &due {
                Due::Timer(_) => None,
                Due::Deadline(id) => shell.expire_call(*id),
            };
            let ctx = &mut Context { now, shell, effects };
            match (due, expired) {
                (Due::Timer(token), _) => self.node.timer(token, ctx),
                (Due::Deadline(_), Some(call)) => {
                    end_call(&mut self.node, call, Ending::Timeout, ctx);
                }
                (Due::Deadline(_), None) => {}
            }
        }
    }

    fn receive_before_init(
        &mut self,
        now: Now,
        message: Message<Payload<N::Body>>,
        restored: impl FnOnce(&Init) -> Records,
        effects: &mut Vec<Effect<N::Body>>,
    ) {
        // Replies carry no number before `init_ok`, so that `init_ok` is number 0.
        let answer = |src, payload| Message {
            src,
            dest: message.src.clone(),
            msg_id: None,
            in_reply_to: message.msg_id,
            payload,
        };
        match &message.payload {
            Payload::Init(init) => {
                let records = restored(init);
                let random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
                // A stream of its own, so that a node's own random numbers do not depend on it.
                let life = || Xoshiro256PlusPlus::seed_from_u64(!self.seed).random();
                let life = (self.is_restartable || !records.is_empty()).then(life);
                let shell =
                    Shell::new((**init).clone(), self.durable, self.is_watched, random, life);
                let shell = self.shell.insert(shell);
                let number = shell.number_message();
                if message.msg_id.is_some() {
                    let mut reply = answer(init.node_id.clone(), Payload::InitOk);
                    reply.msg_id = Some(number);
                    effects.push(Effect::Send(reply));
                }
                self.node.init(records, &mut Context { now, shell, effects });
            }
            _ if message.msg_id.is_none() || message.in_reply_to.is_some() => {}
            Payload::InitOk | Payload::Error(_) | Payload::ServiceReply(_) => {}
            Payload::Bad(bad) if is_reply_type(bad.kind()) => {}
            // A malformed `init` is told what is wrong with it; all else has to wait for a good one.
            Payload::Bad(bad) if matches!(&**bad, BadBody::Malformed { kind, .. } if kind == "init") =>
            {
                let error = Payload::Error(bad.to_error());
                effects.push(Effect::Send(answer(message.dest.clone(), error)));
            }
            Payload::Body(_) | Payload::ServiceRequest(_) | Payload::Bad(_) => {
                let error = Error::temporarily_unavailable("this node has not seen `init` yet");
                effects.push(Effect::Send(answer(message.dest.clone(), Payload::Error(error))));
            }
        }
    }
}

/// How a call ends without a reply of the kind it waits for.
enum Ending {
    Error(Error),
    Timeout,
}

fn end_call<N: Node>(node: &mut N, call: Call<N::Token>, ending: Ending, ctx: &mut Context<'_, N>) {
    fn outcome<R>(ending: Ending) -> Outcome<R> {
        match ending {
            Ending::Error(error) => Outcome::Error(error),
            Ending::Timeout => Outcome::Timeout,
        }
    }
    if call.service {
        node.service_outcome(call.token, outcome::<ServiceReply>(ending), ctx);
    } else {
        node.outcome(call.token, outcome(ending), ctx);
    }
}

/// Answers a request that the node cannot understand; replies of that kind are dropped.
fn refuse<N: Node>(from: &Caller, bad: &BadBody, ctx: &mut Context<'_, N>) {
    if from.in_reply_to.is_some() || is_reply_type(bad.kind()) {
        return;
    }
    if from.msg_id.is_none() {
        ctx.log(format!("message from {} without `msg_id`: {}", from.id, bad.to_error().text));
    }
    ctx.reply_error(from, bad.to_error());
}
