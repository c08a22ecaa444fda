//! What the protocol did: who is answered for it, and what is sent on.

use std::collections::BTreeMap;

use proto::Either;

use super::answer::{refuse_forward, reply, reply_to_peer};
use super::{Ctx, Reader, Server};
use crate::agreement::{Agreement, Happening};
use crate::command::RequestId;
use crate::machine::{Aside, Service};
use crate::peer::{Answered, ForwardsDone};

impl<S: Service, A: Agreement<S>> Server<S, A> {
    /// Answers whoever waited for what happened, and sends open requests on if
    /// the leader has changed.
    pub(super) fn settle<T: Aside>(
        &mut self,
        mut happenings: Vec<Happening<S>>,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        while !happenings.is_empty() {
            for happening in happenings {
                self.on_happening(happening, ctx);
            }
            happenings = self.replica.take_happenings(ctx);
        }
        let hands_over = self.replica.is_handing_over();
        let goes_on = std::mem::replace(&mut self.was_handing_over, hands_over) && !hands_over;
        if self.replica.leadership() != self.seen_leadership {
            self.on_new_leadership(ctx);
        } else if goes_on {
            // What came meanwhile was held, and this node leads still.
            for sequence in self.clients.held() {
                self.dispatch(sequence, ctx);
            }
            let happenings = self.replica.take_happenings(ctx);
            for happening in happenings {
                self.on_happening(happening, ctx);
            }
        }
        self.answer_peers(ctx);
        if self.replica.is_isolated() {
            self.refuse_clients(ctx);
        }
    }

    /// Tells followers what is done. All that is for one of them goes in one message: a round confirms
    /// reads and decides changes of several of its clients.
    fn answer_peers<T: Aside>(&mut self, ctx: &mut Ctx<'_, S, A, T>) {
        // Mostly nothing is owed.
        if self.owed.is_empty() {
            return;
        }
        let mut lives = BTreeMap::<_, Vec<_>>::new();
        for (caller, RequestId { origin, session, sequence }, answer) in self.owed.drain(..) {
            lives.entry((origin, session)).or_default().push((caller, sequence, answer));
        }
        for ((follower, session), mut owed) in lives {
            if let [_] = owed[..]
                && let Some((caller, _, answer)) = owed.pop()
            {
                reply_to_peer(&caller, answer, ctx);
                continue;
            }
            let answers =
                owed.into_iter().map(|(_, sequence, answer)| Answered { sequence, answer });
            let done = ForwardsDone { session, answers: answers.collect() };
            ctx.send(&follower, Either::Right(A::forwards_done(done)));
        }
    }

    fn on_happening<T: Aside>(&mut self, happening: Happening<S>, ctx: &mut Ctx<'_, S, A, T>) {
        match happening {
            Happening::Applied(id, answer) => {
                if self.is_own(&id) {
                    let request = self.clients.finish(id.sequence);
                    if let (Some(request), Some(answer)) = (request, answer) {
                        reply(&request.callers, answer, ctx);
                    }
                } else if let (Some(caller), Some(answer)) =
                    (self.waiting_peers.remove(&id), answer)
                {
                    self.owed.push((caller, id, answer));
                }
            }
            Happening::ReadReady(read) => match self.readers.remove(&read) {
                Some(Reader::Client(sequence)) => {
                    if let Some(request) = self.clients.finish(sequence) {
                        let answer = self.replica.store().read(&request.operation);
                        reply(&request.callers, answer, ctx);
                    }
                }
                Some(Reader::Peer(caller, id, operation)) => {
                    self.owed.push((caller, id, self.replica.store().read(&operation)));
                }
                None => {}
            },
            Happening::ReadRefused(read) => match self.readers.remove(&read) {
                Some(Reader::Client(sequence)) => self.hold(sequence, ctx),
                Some(Reader::Peer(caller, ..)) => refuse_forward(&caller, ctx),
                None => {}
            },
            Happening::Dropped(command) => {
                let id = &command.0.request;
                if self.is_own(id) {
                    self.hold(id.sequence, ctx);
                } else if let Some(caller) = self.waiting_peers.remove(id) {
                    refuse_forward(&caller, ctx);
                }
            }
            Happening::Changed(outcome) => self.on_changed(outcome, ctx),
        }
    }

    fn is_own(&self, id: &RequestId) -> bool {
        id.origin == *self.replica.members().own_name() && id.session == self.session
    }

    /// Another leader, or another term: what was sent to the last one may or
    /// may not have got into a log, so it is sent again.
    fn on_new_leadership<T: Aside>(&mut self, ctx: &mut Ctx<'_, S, A, T>) {
        self.seen_leadership = self.replica.leadership();
        // What is in the log will be answered by whoever applies it.
        self.waiting_peers.clear();
        if self.seen_leadership.0.is_none() {
            return;
        }
        for sequence in self.clients.lose_track_of_all() {
            self.dispatch(sequence, ctx);
        }
        let happenings = self.replica.take_happenings(ctx);
        for happening in happenings {
            self.on_happening(happening, ctx);
        }
    }
}
