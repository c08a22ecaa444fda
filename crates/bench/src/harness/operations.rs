//! The operations of a run: who begins which, and what became of it.

use checkers::{Kind, OpError};
use proto::MessageId;

use super::clients::Open;
use super::faults::node_is_byzantine;
use super::{Harness, node_is_down};
use crate::wire::{self, Answer};
use crate::workload::{OnError, Workload};
use crate::world::Reply;

impl<W: Workload> Harness<'_, W> {
    /// Starts an operation: of a node that has just come back, if there is one, or of any.
    pub(super) fn start_next(&mut self) {
        let place = self.choose();
        self.start_idle(place);
    }

    /// Does as if an operation had been started, but for asking the node.
    pub(super) fn omit_next(&mut self) {
        let place = self.choose();
        let (worker, op) = self.draw(place);
        self.nodes[self.clients.node(worker)].is_fresh = false;
        self.workload.ended(self.clients.worker(worker), Kind::Fail, &op);
        self.clients.rest(worker);
    }

    /// The place, among the idle ones, of the worker that begins the next operation.
    fn choose(&mut self) -> usize {
        let fresh = |worker: &usize| self.nodes[self.clients.node(*worker)].is_fresh;
        if let Some(place) = self.clients.idle().iter().position(fresh) {
            return place;
        }
        match self.workload.choose(self.clients.idle(), &mut self.random) {
            Some(place) => place,
            None => self.random.index(self.clients.idle().len()),
        }
    }

    /// Starts an operation of the worker at this place among the idle ones.
    pub(super) fn start_idle(&mut self, place: usize) {
        let (worker, op) = self.draw(place);
        self.start(worker, op, false);
    }

    /// Takes the worker at this place among the idle ones, and draws its next operation.
    fn draw(&mut self, place: usize) -> (usize, W::Op) {
        let worker = self.clients.take_idle(place);
        self.random.begin();
        let op = self.workload.operation(self.clients.worker(worker), &mut self.random);
        (worker, op)
    }

    pub(super) fn start(&mut self, worker: usize, op: W::Op, is_final: bool) {
        self.account.operation();
        let process = self.clients.worker(worker).process;
        self.record_client(process, Kind::Invoke, op.clone(), None, is_final);
        let node = self.clients.node(worker);
        self.nodes[node].is_fresh = false;
        if self.world.is_down(node) {
            self.clients.rest(worker);
            let deadline = self.world.now();
            let (kind, msg_id, asked) = ("", MessageId(0), deadline);
            let open = Open { op, kind, msg_id, asked, deadline, is_final, is_doubtful: false };
            return self.give_up(worker, open, node_is_down());
        }
        self.nodes[node].talk.asked += 1;
        let (client, msg_id) = self.clients.next_request(worker);
        let asked = self.world.now();
        let deadline = asked + self.workload.timeout();
        let request = self.workload.request(&op);
        self.world.send(&client, node, &request.body(msg_id));
        let is_doubtful = self.nodes[node].lies;
        let kind = request.kind;
        let open = Open { op, kind, msg_id, asked, deadline, is_final, is_doubtful };
        self.clients.open(worker, open);
    }

    pub(super) fn receive(&mut self, reply: Reply) {
        if let Some(told) = self.operator.take(self.world.now(), &*self.world, &reply) {
            return told.into_iter().for_each(|told| self.record_fault(told));
        }
        let Some(worker) = self.clients.awaiting(&reply.client, reply.in_reply_to) else {
            return self.note_stray_reply(&reply);
        };
        let Some(mut open) = self.clients.close(worker) else { return };
        let node = self.clients.node(worker);
        let now = self.world.now();
        self.nodes[node].talk.answer(now);
        if open.is_doubtful {
            return self.give_up(worker, open, node_is_byzantine());
        }
        let kind = open.kind;
        let answer =
            wire::read(kind, &reply.body, |fields| self.workload.accept(&mut open.op, fields));
        let op = open.op;
        let (kind, error) = match answer {
            Answer::Ok => {
                self.note_service(node);
                (Kind::Ok, None)
            }
            Answer::Malformed(reason) => {
                self.note_malformed_reply(&reply.node, kind, &reason);
                (Kind::Info, Some(OpError::Other(format!("{}: {reason}", wire::MALFORMED))))
            }
            Answer::Error(error) => {
                // That a key is missing, or has another value, is an answer like any other.
                if error.code.is_answer() {
                    self.note_service(node);
                }
                let definite = match self.workload.on_error(&op) {
                    OnError::AsTheCodeSays => error.code.is_definite(),
                    OnError::Idempotent => true,
                    OnError::AlwaysUnknown => false,
                };
                let name = error.code.name().to_owned();
                let kind = if definite { Kind::Fail } else { Kind::Info };
                (kind, Some(OpError::Reply { name, text: error.text }))
            }
        };
        self.complete(worker, kind, op, error, open.is_final);
    }

    /// A node has answered from what it holds.
    fn note_service(&mut self, node: usize) {
        self.settled[node] = true;
        self.nodes[node].has_served = true;
    }

    fn complete(
        &mut self,
        worker: usize,
        kind: Kind,
        op: W::Op,
        error: Option<OpError>,
        is_final: bool,
    ) {
        let state = self.clients.worker(worker);
        self.workload.ended(state, kind, &op);
        self.record_client(state.process, kind, op, error, is_final);
        if kind == Kind::Info {
            self.clients.renew(worker, self.workload.keeps_clients());
        }
    }

    /// Ends an operation that gets no answer.
    pub(super) fn give_up(&mut self, worker: usize, open: Open<W::Op>, error: OpError) {
        let op = open.op;
        let kind = match self.workload.on_error(&op) {
            OnError::Idempotent => Kind::Fail,
            OnError::AsTheCodeSays | OnError::AlwaysUnknown => Kind::Info,
        };
        self.complete(worker, kind, op, Some(error), open.is_final);
    }
}
