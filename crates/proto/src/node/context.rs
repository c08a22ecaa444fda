//! What a node's logic may see and ask for while it handles one event.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;

use super::{Caller, Effect, Node, Write};
use crate::error::Error;
use crate::id::{MessageId, NodeId};
use crate::message::{Init, Message, Payload};
use crate::service::ServiceRequest;
use crate::time::{Now, Time};

/// The node's window on the world while it handles one event: clocks, names and randomness in;
/// messages, timers and records out.
pub struct Context<'a, N: Node> {
    pub(crate) now: Now,
    pub(crate) shell: &'a mut Shell<N::Token>,
    pub(crate) effects: &'a mut Vec<Effect<N::Body>>,
}

/// Names a timer that was set, so that it can be cancelled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimerId {
    at: Time,
    number: u64,
}

/// What the shell keeps for a node between events: its name, numbers, timers and open calls.
#[derive(Clone, Debug)]
pub(crate) struct Shell<T> {
    pub(crate) id: NodeId,
    pub(crate) node_ids: Vec<NodeId>,
    initial_member_ids: Option<Vec<NodeId>>,
    pub(crate) durable: bool,
    pub(crate) random: Xoshiro256PlusPlus,
    /// The conditions that were told so far, if anybody watches for them.
    watched: Option<BTreeSet<&'static str>>,
    next_message: u64,
    /// The next number of a call, if those have numbers of their own.
    next_call: Option<u64>,
    next_timer: u64,
    pub(crate) timers: BTreeMap<TimerId, Due<T>>,
    pub(crate) calls: BTreeMap<MessageId, Call<T>>,
}

/// What happens when a timer is due.
#[derive(Clone, Debug)]
pub(crate) enum Due<T> {
    Timer(T),
    Deadline(MessageId),
}

/// A call that has no outcome yet.
#[derive(Clone, Debug)]
pub(crate) struct Call<T> {
    pub(crate) dest: NodeId,
    pub(crate) token: T,
    pub(crate) service: bool,
    deadline: TimerId,
}

impl<T> Shell<T> {
    pub(crate) fn new(
        init: Init,
        durable: bool,
        is_watched: bool,
        random: Xoshiro256PlusPlus,
        life: Option<u32>,
    ) -> Self {
        Self {
            id: init.node_id,
            node_ids: init.node_ids,
            initial_member_ids: init.initial_member_ids,
            durable,
            random,
            watched: is_watched.then(BTreeSet::new),
            next_message: 0,
            // Below 2^53, so that every language reads it exactly.
            next_call: life.map(|life| (u64::from(life) + 1) << 20),
            next_timer: 0,
            timers: BTreeMap::new(),
            calls: BTreeMap::new(),
        }
    }

    pub(crate) fn number_message(&mut self) -> MessageId {
        let id = MessageId(self.next_message);
        self.next_message += 1;
        id
    }

    /// The number of a message that wants a reply. After a restart it is none that the earlier life has
    /// used: a reply to that life may still be on its way, and would pass for one to this.
    fn number_call(&mut self) -> MessageId {
        match &mut self.next_call {
            Some(next) => {
                *next += 1;
                MessageId(*next)
            }
            None => self.number_message(),
        }
    }

    fn set_timer(&mut self, at: Time, due: Due<T>) -> TimerId {
        let id = TimerId { at, number: self.next_timer };
        self.next_timer += 1;
        self.timers.insert(id, due);
        id
    }

    /// When the first timer or deadline is due.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.timers.first_key_value().map(|(id, _)| id.at)
    }

    /// The number of the next timer that will be set: all older ones have lower numbers.
    pub(crate) fn timer_horizon(&self) -> u64 {
        self.next_timer
    }

    /// Takes the first timer or deadline that is due by `now`, in order of time and then of birth,
    /// if it was set before `horizon`.
    pub(crate) fn take_due(&mut self, now: Time, horizon: u64) -> Option<Due<T>> {
        let first = self.timers.first_entry()?;
        let TimerId { at, number } = *first.key();
        (at <= now && number < horizon).then(|| first.remove())
    }

    /// Ends the open call that a reply from `src` answers; its deadline goes with it.
    pub(crate) fn answer_call(&mut self, src: &NodeId, in_reply_to: MessageId) -> Option<Call<T>> {
        if self.calls.get(&in_reply_to)?.dest != *src {
            return None;
        }
        let call = self.calls.remove(&in_reply_to)?;
        self.timers.remove(&call.deadline);
        Some(call)
    }

    /// Ends a call whose deadline has passed.
    pub(crate) fn expire_call(&mut self, id: MessageId) -> Option<Call<T>> {
        self.calls.remove(&id)
    }
}

impl<N: Node> Context<'_, N> {
    /// This node's id.
    pub fn id(&self) -> &NodeId {
        &self.shell.id
    }

    /// All nodes of the cluster in the order of `init`, this one included.
    pub fn node_ids(&self) -> &[NodeId] {
        &self.shell.node_ids
    }

    /// The nodes that are members at first: all of them, unless `init` says otherwise.
    pub fn initial_members(&self) -> &[NodeId] {
        self.shell.initial_member_ids.as_ref().unwrap_or(&self.shell.node_ids)
    }

    /// All other nodes of the cluster.
    pub fn peers(&self) -> impl Iterator<Item = &NodeId> {
        self.shell.node_ids.iter().filter(|id| **id != self.shell.id)
    }

    /// The monotonic clock.
    pub fn now(&self) -> Time {
        self.now.monotonic
    }

    /// The wall clock, in milliseconds since 1970. It may jump, backwards too.
    pub fn wall_clock_ms(&self) -> u64 {
        self.now.wall_ms
    }

    /// The node's random numbers; the same seed gives the same numbers on every machine.
    pub fn random(&mut self) -> &mut Xoshiro256PlusPlus {
        &mut self.shell.random
    }

    /// Whether records outlive the process (a state directory was given). Without it
    /// [`Context::put`] and [`Context::delete_range`] do nothing.
    pub fn is_durable(&self) -> bool {
        self.shell.durable
    }

    /// Sends a message that expects no answer. Returns its number.
    pub fn send(&mut self, dest: &NodeId, body: N::Body) -> MessageId {
        self.emit(dest.clone(), None, Payload::Body(body))
    }

    /// Sends a message that expects no answer to every other node, in the order of `init`.
    pub fn broadcast(&mut self, body: N::Body) {
        for place in 0..self.shell.node_ids.len() {
            if self.shell.node_ids[place] != self.shell.id {
                self.send(&self.shell.node_ids[place].clone(), body.clone());
            }
        }
    }

    /// Answers a message; silently nothing if it carried no number to answer to.
    pub fn reply(&mut self, to: &Caller, body: N::Body) {
        if to.msg_id.is_some() {
            self.emit(to.id.clone(), to.msg_id, Payload::Body(body));
        }
    }

    /// Answers a message with an error; silently nothing if it carried no number.
    pub fn reply_error(&mut self, to: &Caller, error: Error) {
        if to.msg_id.is_some() {
            self.emit(to.id.clone(), to.msg_id, Payload::Error(error));
        }
    }

    /// Sends a request whose one outcome comes back with `token`: a reply, an error, or a
    /// time-out when `deadline` has passed. Returns the number of the request.
    pub fn call(
        &mut self,
        dest: &NodeId,
        body: N::Body,
        deadline: Duration,
        token: N::Token,
    ) -> MessageId {
        let id = self.shell.number_call();
        self.emit_as(id, dest.clone(), None, Payload::Body(body));
        self.expect(id, dest, deadline, token, false);
        id
    }

    /// Calls a service; see [`service`](crate::service) for its clients.
    pub(crate) fn call_service(
        &mut self,
        service: &NodeId,
        request: ServiceRequest,
        deadline: Duration,
        token: N::Token,
    ) {
        let id = self.shell.number_call();
        let request = Payload::ServiceRequest(Box::new(request));
        self.emit_as(id, service.clone(), None, request);
        self.expect(id, service, deadline, token, true);
    }

    /// Sets a timer that is due `after` from now.
    pub fn set_timer(&mut self, after: Duration, token: N::Token) -> TimerId {
        let at = self.now.monotonic + after;
        self.shell.set_timer(at, Due::Timer(token))
    }

    /// Forgets a timer. One that was due or cancelled already is no error.
    pub fn cancel_timer(&mut self, timer: TimerId) {
        self.shell.timers.remove(&timer);
    }

    /// Makes a record durable. What is sent afterwards leaves only once that is done.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.persist(|| Write::Put { key: key.into(), value: value.into() });
    }

    /// Removes the records with `from <= key < to`, as durably as [`Context::put`].
    pub fn delete_range(&mut self, from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) {
        self.persist(|| Write::DeleteRange { from: from.into(), to: to.into() });
    }

    /// Says something to people: a line on stderr.
    pub fn log(&mut self, line: impl Into<String>) {
        self.effects.push(Effect::Log(line.into()));
    }

    /// Says whether something holds at this moment that should hold at some moment of some run, such as
    /// that a snapshot takes the place of entries. A sweep ends by naming what never held: what happened
    /// in none of its runs was tested by none of them. (Antithesis calls that a "sometimes assertion".)
    ///
    /// A condition is known once it has been told; one at a place that may never be reached is therefore
    /// told as false in [`Node::init`]. Where nobody watches, as in a real run, this is one comparison.
    pub fn sometimes(&mut self, condition: &'static str, holds: bool) {
        let Some(told) = &mut self.shell.watched else { return };
        let is_new = told.insert(condition);
        if is_new || holds {
            self.effects.push(Effect::Sometimes { condition, holds });
        }
    }

    fn persist(&mut self, write: impl FnOnce() -> Write) {
        if self.shell.durable {
            self.effects.push(Effect::Persist(write()));
        }
    }

    fn expect(
        &mut self,
        id: MessageId,
        dest: &NodeId,
        deadline: Duration,
        token: N::Token,
        service: bool,
    ) {
        let deadline = self.shell.set_timer(self.now.monotonic + deadline, Due::Deadline(id));
        self.shell.calls.insert(id, Call { dest: dest.clone(), token, service, deadline });
    }

    fn emit(
        &mut self,
        dest: NodeId,
        in_reply_to: Option<MessageId>,
        payload: Payload<N::Body>,
    ) -> MessageId {
        let id = self.shell.number_message();
        self.emit_as(id, dest, in_reply_to, payload);
        id
    }

    fn emit_as(
        &mut self,
        id: MessageId,
        dest: NodeId,
        in_reply_to: Option<MessageId>,
        payload: Payload<N::Body>,
    ) {
        let src = self.shell.id.clone();
        self.effects.push(Effect::Send(Message {
            src,
            dest,
            msg_id: Some(id),
            in_reply_to,
            payload,
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Records;
    use crate::engine::Engine;
    use crate::script::Script;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Body {
        Count { number: u64 },
    }

    #[derive(Default)]
    struct Counter {
        nodes: Vec<NodeId>,
        peers: Vec<NodeId>,
        asked_at: Now,
    }

    impl Node for Counter {
        type Body = Body;
        type Token = ();

        fn init(&mut self, _: Records, ctx: &mut Context<'_, Self>) {
            self.nodes = ctx.node_ids().to_vec();
            self.peers = ctx.peers().cloned().collect();
        }

        fn request(
            &mut self,
            _: Caller,
            Body::Count { number }: Body,
            ctx: &mut Context<'_, Self>,
        ) {
            self.asked_at = Now { monotonic: ctx.now(), wall_ms: ctx.wall_clock_ms() };
            ctx.log(format!("counted {number}"));
            match number {
                0 => ctx.delete_range([2], [5]),
                number => ctx.put([number as u8], *b"x"),
            }
            ctx.sometimes("the number is even", number.is_multiple_of(2));
            ctx.sometimes("the number is beyond ten", number > 10);
        }
    }

    #[test]
    fn the_wall_clock_goes_on_from_where_it_is_set() {
        let mut script = Script::new(Counter::default());
        script.init("n1", &["n1"]);
        script.set_wall_clock_ms(5000);
        script.advance(Duration::from_millis(20));
        let count = r#"{"type":"count","msg_id":1,"number":1}"#;
        script.line(&format!(r#"{{"src":"c1","dest":"n1","body":{count}}}"#));
        assert_eq!(script.logs(), ["counted 1"]);
        let monotonic = Time::ZERO + Duration::from_millis(20);
        assert_eq!(script.node().asked_at, Now { monotonic, wall_ms: 5020 });
    }

    #[test]
    fn records_of_a_range_are_removed_but_for_its_end() {
        let mut script = Script::with_records(Counter::default(), 0, Some(Records::new()));
        script.init("n1", &["n1"]);
        for number in [1, 2, 4, 5, 0] {
            let body = format!(r#"{{"type":"count","msg_id":1,"number":{number}}}"#);
            script.line(&format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#));
        }
        assert!(script.records().keys().eq([&[1], &[5]]), "{:?}", script.records());
    }

    #[test]
    fn the_peers_are_the_others() {
        let mut script = Script::new(Counter::default());
        script.init("n2", &["n1", "n2", "n3"]);
        assert_eq!(script.node().nodes, ["n1", "n2", "n3"].map(NodeId::new));
        assert_eq!(script.node().peers, ["n1", "n3"].map(NodeId::new));
    }

    #[test]
    fn a_condition_is_known_from_when_it_is_told_and_counted_when_it_holds() {
        let mut script = Script::new(Counter::default());
        script.init("n1", &["n1"]);
        assert!(script.conditions().is_empty());
        for number in [1, 2, 4, 7] {
            let body = format!(r#"{{"type":"count","msg_id":1,"number":{number}}}"#);
            script.line(&format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#));
        }
        let expected = BTreeMap::from([("the number is beyond ten", 0), ("the number is even", 2)]);
        assert_eq!(*script.conditions(), expected);
    }

    #[test]
    fn a_condition_is_told_once_while_it_does_not_hold_and_never_where_nobody_watches() {
        let mut told = Vec::new();
        let engine = || Engine::new(Counter::default(), 0, false);
        for engine in [engine(), engine().watched()] {
            let mut engine = engine;
            let mut effects = Vec::new();
            let init = r#"{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}"#;
            let count = r#"{"type":"count","msg_id":2,"number":3}"#;
            for body in [init, count, count, count] {
                let line = format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#);
                let message = crate::decode(&line).unwrap();
                engine.receive(Now::default(), message, |_| Default::default(), &mut effects);
            }
            let is_told = |effect: &&Effect<Body>| matches!(effect, Effect::Sometimes { .. });
            told.push(effects.iter().filter(is_told).count());
        }
        assert_eq!(told, [0, 2]);
    }
}
