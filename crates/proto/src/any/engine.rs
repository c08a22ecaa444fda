//! Engines whose node's type is forgotten.

use std::any::Any;

use super::{AnyBody, AnyMessage, recall};
use crate::aspect::Aspect;
use crate::engine::Engine;
use crate::node::{Effect, Node, Records};
use crate::time::{Now, Time};

/// An [`Engine`] round a node of any kind.
///
/// What the node wants done is handed to `take`, one by one and in order, once the node is done: so
/// nothing of it has to be moved from list to list.
pub trait AnyEngine {
    /// Handles one message; `restored` is what the node kept, for its `init`.
    fn receive(
        &mut self,
        now: Now,
        message: AnyMessage,
        restored: &Records,
        take: &mut dyn FnMut(Effect<AnyBody>),
    );

    /// As [`Engine::fire`].
    fn fire(&mut self, now: Now, take: &mut dyn FnMut(Effect<AnyBody>));

    /// As [`Engine::next_due`].
    fn next_due(&self) -> Option<Time>;

    /// As [`Node::is_leader`].
    fn is_leader(&self) -> bool;

    /// As [`Node::aspects`].
    fn aspects(&self, aspects: &mut Vec<Aspect>);

    /// As [`Engine::reseed`].
    fn reseed(&mut self, seed: u64);

    /// The node's logic, for those who know its type.
    fn node(&self) -> &dyn Any;
}

/// An engine whose type is forgotten, with room for its effects.
pub(super) struct Forgetful<N: Node> {
    engine: Engine<N>,
    effects: Vec<Effect<N::Body>>,
}

impl<N: Node + 'static> Forgetful<N> {
    pub(super) fn new(engine: Engine<N>) -> Self {
        Self { engine, effects: Vec::new() }
    }

    fn hand_out(&mut self, take: &mut dyn FnMut(Effect<AnyBody>)) {
        for effect in self.effects.drain(..) {
            take(match effect {
                Effect::Send(message) => Effect::Send(message.map(AnyBody::typed)),
                Effect::Persist(write) => Effect::Persist(write),
                Effect::Log(line) => Effect::Log(line),
                Effect::Sometimes { condition, holds } => Effect::Sometimes { condition, holds },
            });
        }
    }
}

impl<N: Node + 'static> AnyEngine for Forgetful<N> {
    fn receive(
        &mut self,
        now: Now,
        message: AnyMessage,
        restored: &Records,
        take: &mut dyn FnMut(Effect<AnyBody>),
    ) {
        match recall(message) {
            Ok(message) => {
                self.engine.receive(now, message, |_| restored.clone(), &mut self.effects);
            }
            // As the runtime does with a line that is no message.
            Err(error) => self.effects.push(Effect::Log(error.to_string())),
        }
        self.hand_out(take);
    }

    fn fire(&mut self, now: Now, take: &mut dyn FnMut(Effect<AnyBody>)) {
        self.engine.fire(now, &mut self.effects);
        self.hand_out(take);
    }

    fn next_due(&self) -> Option<Time> {
        self.engine.next_due()
    }

    fn is_leader(&self) -> bool {
        self.engine.node().is_leader()
    }

    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        self.engine.node().aspects(aspects);
    }

    fn reseed(&mut self, seed: u64) {
        self.engine.reseed(seed);
    }

    fn node(&self) -> &dyn Any {
        self.engine.node()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::any::AnyNode;
    use crate::edge::Edge;
    use crate::id::NodeId;
    use crate::message::{Init, Message, Payload};
    use crate::node::{Caller, Context};

    struct Sleeper;

    impl Node for Sleeper {
        type Body = ();
        type Token = ();

        fn init(&mut self, _: Records, ctx: &mut Context<'_, Self>) {
            ctx.set_timer(Duration::from_millis(30), ());
        }

        fn request(&mut self, _: Caller, (): (), _: &mut Context<'_, Self>) {}
    }

    /// It leaves everything alone.
    struct Glass;

    impl Edge for Glass {}

    #[test]
    fn whoever_does_not_know_the_type_is_told_when_a_timer_is_due_also_behind_an_edge() {
        for node in [AnyNode::new(Sleeper), AnyNode::new(Sleeper).behind(Glass)] {
            let mut engine = node.into_engine(0, false);
            assert_eq!(engine.next_due(), None);
            assert!(!engine.is_leader(), "who does not say that it leads does not");
            let id = NodeId::new("n1");
            let init = Init { node_id: id.clone(), node_ids: vec![id], initial_member_ids: None };
            let message = Message {
                src: NodeId::new("c0"),
                dest: NodeId::new("n1"),
                msg_id: None,
                in_reply_to: None,
                payload: Payload::Init(Box::new(init)),
            };
            engine.receive(Now::default(), message, &Records::new(), &mut |_| ());
            assert_eq!(engine.next_due(), Some(Time::ZERO + Duration::from_millis(30)));
        }
    }
}
