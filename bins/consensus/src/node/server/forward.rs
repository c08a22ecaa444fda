//! Requests on their way to the leader, and what came of them.

use proto::{Caller, Either, Error, ErrorCode, Outcome};
use raft::{ReadId, Term};

use super::answer::{pass_on, reply, reply_to_peer};
use super::{Body, Ctx, Reader, Server};
use crate::agreement::Agreement;
use crate::clients::Place;
use crate::command::{Command, RequestId};
use crate::machine::{Access, Aside, Service};
use crate::peer::{Answered, ForwardsDone};
use crate::sometimes::ANSWERED_AGAIN;
use crate::store::Known;
use crate::token::Token;

impl<S: Service, A: Agreement<S>> Server<S, A> {
    /// Sends an open request to the leader, if one is known that has not
    /// refused it.
    pub(super) fn dispatch<T: Aside>(&mut self, sequence: u64, ctx: &mut Ctx<'_, S, A, T>) {
        let settled = self.clients.settled();
        let (leader, term) = self.replica.leadership();
        let own = self.replica.members().own();
        let origin = self.replica.members().own_name().clone();
        let Some(request) = self.clients.get_mut(sequence) else { return };
        let Some(leader) = leader.filter(|_| request.refused_in != Some(term)) else { return };
        let id = RequestId { origin, session: self.session, sequence };
        let command = Command { request: id, settled, operation: request.operation.clone() };
        if leader != own {
            request.attempt += 1;
            request.place = Place::Forwarded(term);
            let forward = Either::Right(A::forward(term, command.into()));
            let token = Token::Forwarded { sequence, attempt: request.attempt };
            ctx.call(self.replica.members().name(leader), forward, self.forward_timeout, token);
        } else if S::access(&request.operation) != Access::Change {
            let read = ReadId(self.next_read);
            self.next_read += 1;
            request.place = Place::Reading(read);
            self.readers.insert(read, Reader::Client(sequence));
            self.replica.read(read, ctx);
        } else if self.replica.propose(command, ctx) {
            request.place = Place::Proposed;
        }
    }

    /// A follower passes a request on to this node.
    pub(crate) fn on_forward<T: Aside>(
        &mut self,
        caller: Caller,
        term: Term,
        request: S::Wire,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        let command: Command<S::Operation> = request.into();
        let members = self.replica.members();
        let refusal = match members.id(&caller.id) {
            Some(_) if caller.id == command.request.origin => None,
            Some(_) => Some("the sender is not whom the body names"),
            None => Some("the sender is no member of the cluster"),
        };
        if let Some(what) = refusal {
            return ctx.reply_error(&caller, Error::malformed_request(what));
        }
        if self.replica.leadership() != (Some(members.own()), term) {
            let error = Error::temporarily_unavailable("not the leader of that term");
            ctx.reply_error(&caller, error);
            return;
        }
        if S::access(&command.operation) != Access::Change {
            let read = ReadId(self.next_read);
            self.next_read += 1;
            self.readers.insert(read, Reader::Peer(caller, command.request, command.operation));
            self.replica.read(read, ctx);
        } else {
            let id = command.request.clone();
            match self.replica.store().look_up(&id) {
                Known::Applied(answer) => {
                    ctx.sometimes(ANSWERED_AGAIN, true);
                    reply_to_peer(&caller, answer, ctx);
                }
                Known::Void => {}
                // A copy of a request that is in the log already: whichever of
                // its messages the follower waits for gets the answer.
                Known::New if self.waiting_peers.contains_key(&id) => {
                    self.waiting_peers.insert(id, caller);
                }
                // While leadership is handed over nothing is promised, not
                // even a refusal: this term may go on.
                Known::New => {
                    if self.replica.propose(command, ctx) {
                        self.waiting_peers.insert(id, caller);
                    }
                }
            }
        }
        self.go_on(ctx);
    }

    /// What became of several requests that were passed on. The calls that carried them find nothing to
    /// do any more once they time out.
    pub(crate) fn on_forwards_done<T: Aside>(
        &mut self,
        caller: &Caller,
        done: ForwardsDone<S>,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        let is_for_this_life = done.session == self.session;
        if !is_for_this_life || self.replica.members().id(&caller.id).is_none() {
            return;
        }
        for Answered { sequence, answer } in done.answers {
            if let Some(request) = self.clients.finish(sequence) {
                reply(&request.callers, answer, ctx);
            }
        }
    }

    /// What became of a request that was passed on.
    pub(crate) fn on_forward_outcome<T: Aside>(
        &mut self,
        sequence: u64,
        attempt: u32,
        outcome: Outcome<Body<S, A, T>>,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        match outcome {
            Outcome::Reply(body) => {
                if let Some(request) = self.clients.finish(sequence) {
                    pass_on(&request.callers, body, ctx);
                }
            }
            Outcome::Error(error) if error.code.is_answer() => {
                if let Some(request) = self.clients.finish(sequence) {
                    let callers = request.callers.iter();
                    callers.for_each(|caller| ctx.reply_error(caller, error.clone()));
                }
            }
            unanswered => {
                let Some(request) = self.clients.get_mut(sequence) else { return };
                let Place::Forwarded(term) = request.place else { return };
                if request.attempt != attempt {
                    return;
                }
                match unanswered {
                    Outcome::Error(error) => {
                        // Whoever says so will not take it in this term, but
                        // may have taken an earlier copy, unless it says more.
                        request.refused_in = Some(term);
                        if error.code != ErrorCode::Abort {
                            request.lose_track();
                        }
                    }
                    Outcome::Reply(_) | Outcome::Timeout => request.lose_track(),
                }
                self.hold(sequence, ctx);
                self.dispatch(sequence, ctx);
            }
        }
        self.go_on(ctx);
    }
}
