//! What a node needs of the protocol by which nodes agree on an order of commands.
//!
//! Raft is one ([`crate::replica`]), Multi-Paxos another ([`crate::multi_paxos`]). Both know of a
//! leader and of numbered reigns, which are called terms here; a ballot of Paxos is one.

use std::fmt::Debug;

use proto::{Aspect, Caller, Context, Either, Error, ErrorCode, Node, NodeId, Records};
use raft::{MemberId, ReadId, Term};

use crate::command::{Command, RequestId, SharedCommand};
use crate::machine::Service;
use crate::members::Members;
use crate::peer::ForwardsDone;
use crate::settings::Settings;
use crate::store::Store;
use crate::token::Token;

/// Something that somebody may be waiting for.
#[derive(Debug)]
pub enum Happening<S: Service> {
    /// A request was applied, now or before; without an answer if nobody can
    /// be waiting for one any more.
    Applied(RequestId, Option<S::Answer>),
    /// A read may be answered from the state.
    ReadReady(ReadId),
    /// A read cannot be answered here any more.
    ReadRefused(ReadId),
    /// A proposal entered no log and never will.
    Dropped(SharedCommand<S>),
    /// How the change of members ended that this node was asked for.
    Changed(Result<(), Error>),
}

/// A message between nodes, as the server sees it.
#[derive(Debug)]
pub enum Heard<S: Service, P> {
    /// A node passes a request of its client's on to the leader of this term.
    Forward(Term, S::Wire),
    /// What became of a request that was passed on.
    ForwardOk(S::Answer),
    /// What became of several of them.
    ForwardsDone(ForwardsDone<S>),
    /// An operator wants another node to lead.
    Transfer(NodeId),
    /// An operator wants other members.
    Change(Change),
    /// The protocol's own business.
    Protocol(P),
}

/// A change of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose membership it is.
    pub node: NodeId,
    /// Whether the node is to be a member.
    pub adds: bool,
    /// The number of the request if another node passes it on.
    pub passed_on: Option<u64>,
}

/// A node on which the protocol `P` can run: what it says to others, and its timers.
pub trait Host<P>: Node<Token = Token> {
    /// A message between nodes as one of the node.
    fn peer(message: P) -> Self::Body;
}

impl<P, L, N: Node<Body = Either<L, P>, Token = Token>> Host<P> for N {
    fn peer(message: P) -> Self::Body {
        Either::Right(message)
    }
}

/// One node's part in the protocol, with its copy of the state.
pub trait Agreement<S: Service>: Debug + Sized + 'static {
    /// The messages between nodes.
    type Peer: proto::Body;

    /// Starts with the records of an earlier life, if there are any.
    ///
    /// # Errors
    /// Why the node must not take part.
    fn start<H: Host<Self::Peer>>(
        settings: &Settings,
        records: &Records,
        ctx: &mut Context<'_, H>,
    ) -> Result<Self, Error>;

    /// The cluster.
    fn members(&self) -> &Members;

    /// The state, as far as it is decided and known here.
    fn store(&self) -> &Store<S>;

    /// The leader that this node follows or is, and its term.
    fn leadership(&self) -> (Option<MemberId>, Term);

    /// What of its state makes a difference to what comes next (see [`proto::Node::aspects`]).
    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        let (leader, term) = self.leadership();
        let leads = leader == Some(self.members().own());
        aspects.extend([Aspect::Plain(leads.into()), Aspect::Rank(term.0)]);
    }

    /// Whether this node has good reason to believe that no majority hears it.
    fn is_isolated(&self) -> bool;

    /// Whether this node leads and is handing that over, so that it takes no changes now.
    fn is_handing_over(&self) -> bool {
        false
    }

    /// Offers a change; false if this node does not lead, or is handing over.
    fn propose<H: Host<Self::Peer>>(
        &mut self,
        command: Command<S::Operation>,
        ctx: &Context<'_, H>,
    ) -> bool;

    /// Asks for the confirmation that this node leads.
    fn read<H: Host<Self::Peer>>(&mut self, read: ReadId, ctx: &Context<'_, H>);

    /// Takes a message of the protocol.
    fn receive<H: Host<Self::Peer>>(
        &mut self,
        caller: &Caller,
        message: Self::Peer,
        ctx: &mut Context<'_, H>,
    ) -> Vec<Happening<S>>;

    /// Does what is due.
    fn tick<H: Host<Self::Peer>>(&mut self, ctx: &mut Context<'_, H>) -> Vec<Happening<S>>;

    /// Carries out what the protocol wants by now, and says what came of it.
    fn take_happenings<H: Host<Self::Peer>>(
        &mut self,
        ctx: &mut Context<'_, H>,
    ) -> Vec<Happening<S>>;

    /// Begins to hand leadership over: the reply to the operator. None if this node does not lead,
    /// or `to` is not another member.
    fn transfer<H: Host<Self::Peer>>(
        &mut self,
        to: &NodeId,
        ctx: &Context<'_, H>,
    ) -> Option<Self::Peer> {
        let _ = (to, ctx);
        None
    }

    /// Whether this node is a member of the cluster as far as it knows.
    fn is_member(&self) -> bool {
        true
    }

    /// Begins to change the members; how that ends is a [`Happening::Changed`].
    ///
    /// # Errors
    /// Why it does not; it never will.
    fn change<H: Host<Self::Peer>>(
        &mut self,
        change: &Change,
        ctx: &Context<'_, H>,
    ) -> Result<(), Error> {
        let _ = (change, ctx);
        Err(Error::new(ErrorCode::NotSupported, "the members never change"))
    }

    /// Passes a change of members on to the leader.
    fn pass_change_on(change: Change) -> Option<Self::Peer> {
        let _ = change;
        None
    }

    /// The reply to an operator whose change of members is done.
    fn changed(change: &Change) -> Option<Self::Peer> {
        let _ = change;
        None
    }

    /// Passes a request on to the leader of a term.
    fn forward(term: Term, request: S::Wire) -> Self::Peer;

    /// Answers what was passed on for several clients at once.
    fn forward_ok(answer: S::Answer) -> Self::Peer;

    /// Answers several requests that one node passed on.
    fn forwards_done(done: ForwardsDone<S>) -> Self::Peer;

    /// What kind of message between nodes this is.
    fn hear(message: Self::Peer) -> Heard<S, Self::Peer>;
}
