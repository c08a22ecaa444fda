//! A broadcast that tells every node each message, again until it is acknowledged, and behind that
//! compares what two nodes have, now and then (Demers and others, PODC 1987: direct mail and
//! anti-entropy). Each decision that somebody once got wrong is a method of [`Rules`].

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::time::Duration;

use proto::{AnyNode, Caller, Context, Json, Node, NodeId, Outcome, Records};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::bodies::SetBody;
use crate::{Bug, runs};

const CALL: Duration = Duration::from_millis(300);
const ROUND: Duration = Duration::from_millis(500);

/// What a node decides.
pub trait Rules: Default + 'static {
    /// Whether a message is told again that was not acknowledged.
    fn repeats() -> bool {
        true
    }

    /// Whether nodes compare what they have.
    fn compares() -> bool {
        true
    }

    /// Whether a node that has these gives a peer, which says that it has those, anything.
    fn gives(own: &BTreeSet<Json>, theirs: &[Json]) -> bool {
        let _ = (own, theirs);
        true
    }

    /// Whether a message may be given to a peer for which it is noted that it was `sent` to it.
    fn gives_again(sent: bool) -> bool {
        let _ = sent;
        true
    }

    /// Whether a message is stored before it is acknowledged.
    fn stores() -> bool {
        true
    }

    /// Whether nodes know each other from the start, as opposed to by joining at the first.
    fn knows_all() -> bool {
        true
    }
}

/// Between nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as the module says")]
pub enum Peer {
    Tell { message: Json },
    Compare { have: Vec<Json> },
    Give { messages: Vec<Json> },
    Join,
    Taken,
}

type Body = SetBody<Peer>;

/// What a node waits for.
#[derive(Clone, Debug)]
pub enum Token {
    /// Time to compare.
    Round,
    /// That a peer has taken a message.
    Told(NodeId, Json),
    /// That a peer has given what it has.
    Compared,
}

/// A node.
#[derive(Default, Debug)]
pub struct Gossip<R> {
    messages: BTreeSet<Json>,
    sent: BTreeMap<NodeId, BTreeSet<Json>>,
    joined: BTreeSet<NodeId>,
    rules: PhantomData<R>,
}

impl<R: Rules> Gossip<R> {
    fn hear(&mut self, message: Json, ctx: &mut Context<'_, Self>) -> bool {
        let is_new = self.messages.insert(message.clone());
        if is_new && R::stores() {
            ctx.put(message.text().into_owned(), Vec::new());
        }
        is_new
    }

    fn tell(&mut self, peer: NodeId, message: Json, ctx: &mut Context<'_, Self>) {
        self.sent.entry(peer.clone()).or_default().insert(message.clone());
        let tell = Body::Peer(Peer::Tell { message: message.clone() });
        ctx.call(&peer.clone(), tell, CALL, Token::Told(peer, message));
    }

    /// Whom a node tells what it hears: the hub tells those that have joined, all others the hub.
    fn audience(&self, ctx: &Context<'_, Self>) -> Vec<NodeId> {
        let hub = &ctx.node_ids()[0];
        match (R::knows_all(), ctx.id() == hub) {
            (true, _) => ctx.peers().cloned().collect(),
            (false, true) => self.joined.iter().cloned().collect(),
            (false, false) => vec![hub.clone()],
        }
    }
}

impl<R: Rules> Node for Gossip<R> {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        let messages = restored.keys().map(|key| Json::parse(&String::from_utf8_lossy(key)));
        self.messages = messages.flatten().collect();
        if R::compares() {
            ctx.set_timer(ROUND, Token::Round);
        }
        let hub = ctx.node_ids()[0].clone();
        if !R::knows_all() && *ctx.id() != hub {
            ctx.call(&hub, Body::Peer(Peer::Join), CALL, Token::Compared);
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Topology => ctx.reply(&from, Body::TopologyOk),
            Body::Read => {
                let messages = self.messages.iter().cloned().collect();
                ctx.reply(&from, Body::ReadOk { messages });
            }
            Body::Broadcast { message } => {
                if self.hear(message.clone(), ctx) {
                    for peer in self.audience(ctx) {
                        self.tell(peer, message.clone(), ctx);
                    }
                }
                ctx.reply(&from, Body::BroadcastOk);
            }
            Body::Peer(Peer::Tell { message }) => {
                let is_new = self.hear(message.clone(), ctx);
                let is_hub = *ctx.id() == ctx.node_ids()[0];
                if is_new && !R::knows_all() && is_hub {
                    for peer in self.audience(ctx) {
                        self.tell(peer, message.clone(), ctx);
                    }
                }
                ctx.reply(&from, Body::Peer(Peer::Taken));
            }
            Body::Peer(Peer::Compare { have }) => {
                let sent = self.sent.entry(from.id.clone()).or_default();
                let mut messages = Vec::new();
                if R::gives(&self.messages, &have) {
                    let lacks = |message: &&Json| !have.contains(message);
                    let missing = self.messages.iter().filter(lacks);
                    messages
                        .extend(missing.filter(|it| R::gives_again(sent.contains(it))).cloned());
                }
                sent.extend(messages.iter().cloned());
                ctx.reply(&from, Body::Peer(Peer::Give { messages }));
            }
            Body::Peer(Peer::Join) => {
                self.joined.insert(from.id.clone());
                ctx.reply(&from, Body::Peer(Peer::Taken));
            }
            _ => {}
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        match (token, outcome) {
            (Token::Told(peer, message), Outcome::Timeout) if R::repeats() => {
                self.tell(peer, message, ctx);
            }
            (Token::Compared, Outcome::Reply(Body::Peer(Peer::Give { messages }))) => {
                for message in messages {
                    self.hear(message, ctx);
                }
            }
            _ => {}
        }
    }

    fn timer(&mut self, _: Token, ctx: &mut Context<'_, Self>) {
        ctx.set_timer(ROUND, Token::Round);
        let peers: Vec<NodeId> = ctx.peers().cloned().collect();
        if peers.is_empty() {
            return;
        }
        let peer = &peers[ctx.random().random_range(0..peers.len())];
        let have = self.messages.iter().cloned().collect();
        ctx.call(peer, Body::Peer(Peer::Compare { have }), CALL, Token::Compared);
    }
}

/// A bug of such a node, but for what is said of it.
pub(crate) const fn bug<R: Rules>() -> Bug {
    Bug {
        workload: "broadcast",
        run: runs::BROADCAST,
        durable: true,
        seen_by: "broadcast: lost elements",
        make: || AnyNode::new(Gossip::<R>::default()),
        ..Bug::NONE
    }
}

/// A broadcast as it should be.
#[derive(Default, Debug)]
pub struct Right;

impl Rules for Right {}
