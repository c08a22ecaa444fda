//! What can stand between a node's logic and the outside: how a test makes a faulty node out of a
//! right one without touching its code.

use std::any::Any;

use crate::any::{AnyBody, AnyEngine, AnyMessage};
use crate::aspect::Aspect;
use crate::node::{Effect, Records};
use crate::time::{Now, Time};

/// The edge of a node: all that goes in and comes out passes it, and it may change that. It is made
/// anew for each life of the node, and what it leaves alone costs nothing.
pub trait Edge {
    /// The node starts, and is about to be given these records.
    fn restore(&mut self, records: &mut Records) {
        let _ = records;
    }

    /// A message reaches the node. What is appended to `inward` is what the node gets.
    fn enter(&mut self, message: AnyMessage, inward: &mut Vec<AnyMessage>) {
        inward.push(message);
    }

    /// The node has handled something, and this is all that it wants done, in its order.
    fn leave(&mut self, effects: &mut Vec<Effect<AnyBody>>) {
        let _ = effects;
    }
}

/// An engine behind an edge.
pub(crate) struct Edged {
    pub(crate) engine: Box<dyn AnyEngine>,
    pub(crate) edge: Box<dyn Edge>,
    pub(crate) has_begun: bool,
}

impl Edged {
    fn hand_out(
        &mut self,
        mut wanted: Vec<Effect<AnyBody>>,
        take: &mut dyn FnMut(Effect<AnyBody>),
    ) {
        self.edge.leave(&mut wanted);
        wanted.into_iter().for_each(take);
    }
}

impl AnyEngine for Edged {
    fn receive(
        &mut self,
        now: Now,
        message: AnyMessage,
        restored: &Records,
        take: &mut dyn FnMut(Effect<AnyBody>),
    ) {
        let (mut inward, mut wanted) = (Vec::new(), Vec::new());
        self.edge.enter(message, &mut inward);
        // The engine asks for its records at its first message only.
        let mut records = Records::new();
        if !self.has_begun {
            self.has_begun = true;
            records = restored.clone();
            self.edge.restore(&mut records);
        }
        for message in inward {
            self.engine.receive(now, message, &records, &mut |effect| wanted.push(effect));
        }
        self.hand_out(wanted, take);
    }

    fn fire(&mut self, now: Now, take: &mut dyn FnMut(Effect<AnyBody>)) {
        let mut wanted = Vec::new();
        self.engine.fire(now, &mut |effect| wanted.push(effect));
        self.hand_out(wanted, take);
    }

    fn next_due(&self) -> Option<Time> {
        self.engine.next_due()
    }

    fn is_leader(&self) -> bool {
        self.engine.is_leader()
    }

    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        self.engine.aspects(aspects);
    }

    fn reseed(&mut self, seed: u64) {
        self.engine.reseed(seed);
    }

    fn node(&self) -> &dyn Any {
        self.engine.node()
    }
}
