//! Nodes whose type is forgotten: what lets one table hold all nodes of a program, and one cluster
//! hold nodes of any kind.
//!
//! A body stays in its node's own type on the way to a node of the same kind ([`AnyBody::Typed`]);
//! to everybody else, clients above all, it is the text that would stand on the wire. So a cluster
//! in virtual time makes no JSON between its nodes, and yet any node serves any client.

use std::any::Any;
use std::fmt::{self, Debug};
use std::io;

use crate::decode::{DecodeError, decode_body};
use crate::edge::{Edge, Edged};
use crate::encode::{Numbers, encode_own_body, encode_payload};
use crate::engine::Engine;
use crate::id::NodeId;
use crate::message::{Body, Message, Payload};
use crate::node::{Effect, Node, Records};
use crate::time::{Now, Time};

/// What a message says, whatever node it comes from.
#[derive(Debug)]
pub enum AnyBody {
    /// The whole body as it would stand on the wire, `type` and numbers included.
    Text(Box<str>),
    /// A body in the type of the node that sent it.
    Typed(Box<dyn TypedBody>),
}

/// A message of any node.
pub type AnyMessage = Message<Payload<AnyBody>>;

impl AnyBody {
    /// Keeps a body in its own type.
    pub fn typed(body: impl Body) -> Self {
        Self::Typed(Box::new(body))
    }
}

impl Clone for AnyBody {
    fn clone(&self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.clone()),
            Self::Typed(body) => Self::Typed(body.copy()),
        }
    }
}

/// A [`Body`] whose type is forgotten.
pub trait TypedBody: Any + Send + Debug {
    /// A copy of it.
    fn copy(&self) -> Box<dyn TypedBody>;

    /// Appends it as text, with these numbers at its end.
    ///
    /// # Errors
    /// If the body is not an enum of unit, struct and newtype variants.
    fn write(&self, numbers: Numbers, out: &mut Vec<u8>) -> io::Result<()>;
}

impl<B: Body> TypedBody for B {
    fn copy(&self) -> Box<dyn TypedBody> {
        Box::new(self.clone())
    }

    fn write(&self, numbers: Numbers, out: &mut Vec<u8>) -> io::Result<()> {
        encode_own_body(self, numbers, out)
    }
}

/// The body of a message as the text that stands on the wire.
///
/// # Errors
/// If its type cannot be written as a body, which is a defect of the node's types.
pub fn body_text(message: &AnyMessage) -> io::Result<Box<str>> {
    let mut text = Vec::new();
    encode_payload(&message.payload, Numbers::of(message), &mut text, |body, numbers, text| {
        match body {
            AnyBody::Text(own) => {
                text.extend_from_slice(own.as_bytes());
                Ok(())
            }
            AnyBody::Typed(body) => body.write(numbers, text),
        }
    })?;
    String::from_utf8(text).map(String::into_boxed_str).map_err(io::Error::other)
}

/// Reads a message as one whose bodies are `B`, in whatever form it came.
///
/// # Errors
/// If its body is a text that is no JSON object.
pub fn recall<B: Body>(message: AnyMessage) -> Result<Message<Payload<B>>, DecodeError> {
    let text = match &message.payload {
        Payload::Body(AnyBody::Text(_)) => body_text(&message),
        Payload::Body(AnyBody::Typed(body)) if !(&**body as &dyn Any).is::<B>() => {
            body_text(&message)
        }
        _ => {
            return Ok(message.map(|body| match body {
                AnyBody::Typed(body) => match (body as Box<dyn Any>).downcast::<B>() {
                    Ok(body) => *body,
                    Err(_) => unreachable!("its type was looked at above"),
                },
                AnyBody::Text(_) => unreachable!("texts are read above"),
            }));
        }
    };
    decode_body(message.src, message.dest, &text.unwrap_or_default())
}

/// An [`Engine`] round a node of any kind.
pub trait AnyEngine {
    /// Handles one message; `restored` is what the node kept, for its `init`.
    fn receive(
        &mut self,
        now: Now,
        message: AnyMessage,
        restored: &Records,
        effects: &mut Vec<Effect<AnyBody>>,
    );

    /// As [`Engine::fire`].
    fn fire(&mut self, now: Now, effects: &mut Vec<Effect<AnyBody>>);

    /// As [`Engine::next_due`].
    fn next_due(&self) -> Option<Time>;

    /// As [`Node::is_leader`].
    fn is_leader(&self) -> bool;

    /// The node's logic, for those who know its type.
    fn node(&self) -> &dyn Any;
}

/// An engine whose type is forgotten, with room for its effects.
struct Forgetful<N: Node> {
    engine: Engine<N>,
    effects: Vec<Effect<N::Body>>,
}

impl<N: Node + 'static> Forgetful<N> {
    fn hand_out(&mut self, effects: &mut Vec<Effect<AnyBody>>) {
        effects.extend(self.effects.drain(..).map(|effect| match effect {
            Effect::Send(message) => Effect::Send(message.map(AnyBody::typed)),
            Effect::Persist(write) => Effect::Persist(write),
            Effect::Log(line) => Effect::Log(line),
        }));
    }
}

impl<N: Node + 'static> AnyEngine for Forgetful<N> {
    fn receive(
        &mut self,
        now: Now,
        message: AnyMessage,
        restored: &Records,
        effects: &mut Vec<Effect<AnyBody>>,
    ) {
        match recall(message) {
            Ok(message) => {
                self.engine.receive(now, message, |_| restored.clone(), &mut self.effects);
            }
            // As the runtime does with a line that is no message.
            Err(error) => self.effects.push(Effect::Log(error.to_string())),
        }
        self.hand_out(effects);
    }

    fn fire(&mut self, now: Now, effects: &mut Vec<Effect<AnyBody>>) {
        self.engine.fire(now, &mut self.effects);
        self.hand_out(effects);
    }

    fn next_due(&self) -> Option<Time> {
        self.engine.next_due()
    }

    fn is_leader(&self) -> bool {
        self.engine.node().is_leader()
    }

    fn node(&self) -> &dyn Any {
        self.engine.node()
    }
}

/// A node of any kind that has not begun yet.
pub struct AnyNode(Box<dyn Begin>);

impl AnyNode {
    /// Forgets the type of a node.
    pub fn new(node: impl Node + 'static) -> Self {
        Self(Box::new(node))
    }

    /// Puts the node into an engine (see [`Engine::new`]).
    pub fn into_engine(self, seed: u64, durable: bool) -> Box<dyn AnyEngine> {
        self.0.into_engine(seed, durable)
    }

    /// The same node behind an edge, in virtual time: as a process there is none.
    #[must_use]
    pub fn behind(self, edge: impl Edge + 'static) -> Self {
        Self(Box::new(Behind { node: self.0, edge: Box::new(edge) }))
    }

    /// Runs the node on stdin and stdout (see [`run_with`](crate::run_with)).
    #[cfg(feature = "runtime")]
    pub fn run(self, options: &crate::Options) -> std::process::ExitCode {
        self.0.run(options)
    }
}

impl Debug for AnyNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyNode")
    }
}

/// How a node begins, whatever its type.
trait Begin {
    fn into_engine(self: Box<Self>, seed: u64, durable: bool) -> Box<dyn AnyEngine>;

    #[cfg(feature = "runtime")]
    fn run(self: Box<Self>, options: &crate::Options) -> std::process::ExitCode;
}

impl<N: Node + 'static> Begin for N {
    fn into_engine(self: Box<Self>, seed: u64, durable: bool) -> Box<dyn AnyEngine> {
        Box::new(Forgetful { engine: Engine::new(*self, seed, durable), effects: Vec::new() })
    }

    #[cfg(feature = "runtime")]
    fn run(self: Box<Self>, options: &crate::Options) -> std::process::ExitCode {
        crate::run_with(*self, options)
    }
}

/// A node that has not begun yet, and the edge that it will stand behind.
struct Behind {
    node: Box<dyn Begin>,
    edge: Box<dyn Edge>,
}

impl Begin for Behind {
    fn into_engine(self: Box<Self>, seed: u64, durable: bool) -> Box<dyn AnyEngine> {
        let engine = self.node.into_engine(seed, durable);
        Box::new(Edged { engine, edge: self.edge, has_begun: false })
    }

    #[cfg(feature = "runtime")]
    fn run(self: Box<Self>, options: &crate::Options) -> std::process::ExitCode {
        self.node.run(options)
    }
}

/// The mouth of a Byzantine node: what it says to others in the place of what its logic says. The
/// logic itself stays as it is, so that such a node knows all that an honest one knows, and can lie
/// about it.
///
/// A node can say anything about itself, in any name, to anybody. What it cannot do is what its keys
/// do not let it do: whoever checks signatures makes the rules for what a lie can be.
pub trait Liar {
    /// A message reached the node. It may be repeated, whoever it is from.
    fn hear(&mut self, message: &AnyMessage) {
        let _ = message;
    }

    /// Says something in the place of a message to one receiver: the same, something else, more, or
    /// nothing.
    fn tell(&mut self, message: AnyMessage, out: &mut Vec<AnyMessage>);

    /// Takes the requests that it has made up since the last call, as bodies that a client of the
    /// node could have sent. Nobody knows what becomes of them.
    fn take_invented(&mut self) -> Vec<Box<str>> {
        Vec::new()
    }
}

/// Which node of which cluster a [`Liar`] speaks for.
#[derive(Debug, Clone)]
pub struct Mouth {
    /// Its name.
    pub id: NodeId,
    /// All names, in the order of `init`.
    pub node_ids: Vec<NodeId>,
    /// Where its chance comes from.
    pub seed: u64,
}

/// The insides of a cluster, for what must hold of all its nodes together at every moment.
pub trait Insides {
    /// How many nodes there are.
    fn count(&self) -> usize;

    /// Which life of a node this is: 0 until it is first killed, one more each time.
    fn life(&self, index: usize) -> u64;

    /// The node's logic, also while it is down or paused.
    fn node(&self, index: usize) -> &dyn Any;
}

/// Something that must hold of a cluster's insides after every event. It looks at one node at a
/// time, so that its cost does not grow with the cluster.
pub trait Invariant {
    /// Looks at the node at `index`, which has just handled something.
    ///
    /// # Errors
    /// Says what does not hold that must.
    fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String>;
}

impl Invariant for Box<dyn Invariant> {
    fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String> {
        (**self).look(cluster, index)
    }
}
