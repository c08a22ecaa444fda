//! How a node of these clusters is Byzantine in virtual time ([`proto::Liar`]).
//!
//! Its logic stays honest, and so it knows whatever an honest node knows; what it says is another
//! matter. From time to time it takes another mood:
//!
//! * it *equivocates*: half of the others hear of other values, in all phases, as if the cluster were
//!   two;
//! * it *lies*: view changes that tell less, certificates with too few votes, states that are none,
//!   votes for anything, in its own name and, with its own signature, in those of others;
//! * it *replays* what it once said or heard;
//! * it is *silent* towards some, or towards everybody.
//!
//! It signs with its own keys, and with no others. Requests that it makes up are its own: the history
//! has them with unknown outcome ([`proto::Liar::take_invented`]). Its clients get whatever it likes.

use std::collections::{BTreeMap, BTreeSet};

use bft::{Key, Seal as _};
use proto::{AnyBody, AnyMessage, Either, Json, Message, Mouth, NodeId, Payload};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::keys::Keys;
use super::node::{Body, Protocol, answers};
use super::order::{Order, Twist};
use super::server::Peer;
use super::settings::Settings;
use super::value::{Change, Command, Request, Value};
use crate::command::RequestId;
use crate::lin_kv::{Answer, Operation};
use crate::members::Members;

/// How many messages are kept to be repeated.
const KEPT_MAX: usize = 256;
/// How many messages a mood lasts.
const MOOD: std::ops::Range<u32> = 20..200;
/// The most requests that it makes up: each is one more that may or may not have happened, and what
/// may have happened makes histories hard to judge.
const INVENTED_MAX: u64 = 6;

/// What it is up to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mood {
    Equivocates,
    Lies,
    Replays,
    Silent(BTreeSet<NodeId>),
}

/// The mouth of a Byzantine node.
#[derive(Debug)]
pub struct BftLiar<P: Protocol> {
    own: NodeId,
    members: Members,
    keys: Keys,
    key: Key,
    random: Xoshiro256PlusPlus,
    mood: Mood,
    left: u32,
    /// Those who hear of the other values.
    others: BTreeSet<NodeId>,
    /// What stands for a value among them.
    twisted: BTreeMap<Value, Value>,
    kept: Vec<Body<P>>,
    session: u64,
    made_up: u64,
    invented: Vec<Box<str>>,
}

impl<P: Protocol<Order: Twist>> BftLiar<P> {
    /// The mouth of a node that is run with these settings.
    #[must_use]
    pub fn new(settings: &Settings, mouth: &Mouth) -> Self {
        let members = Members::new(&mouth.id, &mouth.node_ids);
        let keys = Keys::derive(&settings.secret, settings.authenticity, &members);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(mouth.seed);
        Self {
            own: mouth.id.clone(),
            key: Key::of(keys.own()),
            session: random.random(),
            members,
            keys,
            random,
            mood: Mood::Equivocates,
            left: 0,
            others: BTreeSet::new(),
            twisted: BTreeMap::new(),
            kept: Vec::new(),
            made_up: 0,
            invented: Vec::new(),
        }
    }

    fn change_mood(&mut self) {
        if self.left > 0 {
            self.left -= 1;
            return;
        }
        self.left = self.random.random_range(MOOD);
        let mut some = BTreeSet::new();
        for name in self.members.names().filter(|name| **name != self.own) {
            if self.random.random_bool(0.5) {
                some.insert(name.clone());
            }
        }
        self.mood = match self.random.random_range(0..8) {
            0..4 => {
                self.others = some;
                self.twisted.clear();
                Mood::Equivocates
            }
            4 | 5 => Mood::Lies,
            6 => Mood::Replays,
            _ => Mood::Silent(some),
        };
    }

    fn keep(&mut self, body: Body<P>) {
        match self.kept.len() < KEPT_MAX {
            true => self.kept.push(body),
            false => {
                let place = self.random.random_range(0..KEPT_MAX);
                self.kept[place] = body;
            }
        }
    }

    /// A request that no client has made, of a key that clients use.
    fn invent(&mut self, key: Json) -> Option<Request> {
        if self.made_up >= INVENTED_MAX {
            return None;
        }
        let value = Json::from(self.random.random_range(0..5_i64));
        let body = format!(
            r#"{{"type":"write","key":{},"value":{},"msg_id":{}}}"#,
            key.text(),
            value.text(),
            self.made_up
        );
        self.invented.push(body.into());
        let id =
            RequestId { origin: self.own.clone(), session: self.session, sequence: self.made_up };
        self.made_up += 1;
        let operation = Operation::Write { key, value };
        let mut request =
            self.key.sign(Change::from(Command { request: id, settled: 0, operation }));
        self.keys.signing().seal(&mut request);
        Some(request)
    }

    /// What stands for a value in the other half of the cluster.
    fn other_value(&mut self, value: &Value) -> Value {
        if let Some(known) = self.twisted.get(value) {
            return known.clone();
        }
        let mut requests = value.requests().to_vec();
        let key = requests.first().map(|request| key_of(request).clone());
        match self.random.random_range(0..3) {
            0 => requests.clear(),
            1 => requests.reverse(),
            _ => requests.extend(key.and_then(|key| self.invent(key))),
        }
        let other = match Value::from(requests) {
            // It has to be another one.
            same if same == *value => Value::from(Vec::new()),
            other => other,
        };
        self.twisted.insert(value.clone(), other.clone());
        other
    }

    fn signed(&self, mut message: <P::Order as Order>::Message) -> Body<P> {
        P::Order::each_signed(&mut message, &mut self.keys.signing());
        Either::Right(Peer::Agreement { message })
    }

    /// What it says to a node in the place of a message of its logic.
    fn tell_peer(&mut self, to: &NodeId, body: Body<P>) -> Vec<Body<P>> {
        self.change_mood();
        let honest = body.clone();
        let Either::Right(message) = body else { return vec![honest] };
        self.keep(honest.clone());
        match (self.mood.clone(), message) {
            (Mood::Silent(some), _) if some.contains(to) => Vec::new(),
            (Mood::Equivocates, Peer::Agreement { message }) if self.others.contains(to) => {
                let key = Key::of(self.keys.own());
                let twisted = P::Order::twist(&message, &key, &mut |value| self.other_value(value));
                vec![twisted.map_or(honest, |message| self.signed(message))]
            }
            (Mood::Lies, Peer::Agreement { message }) if self.random.random_bool(0.5) => {
                let key = Key::of(self.keys.own());
                let random = &mut self.random;
                let lie = P::Order::lie(&message, &key, &mut |below| random.random_range(0..below));
                let lie = lie.map(|message| self.signed(message));
                let told = self.random.random_bool(0.5);
                lie.into_iter().chain(told.then_some(honest)).collect()
            }
            (Mood::Lies, Peer::Request { request }) if self.random.random_bool(0.2) => {
                // Not what its client asked for.
                let made_up = self.invent(key_of(&request).clone());
                made_up
                    .map(|request| Either::Right(Peer::Request { request }))
                    .into_iter()
                    .collect()
            }
            (Mood::Replays, _) => {
                let repeated = self.kept.choose(&mut self.random).cloned();
                let told = self.random.random_bool(0.7);
                repeated.into_iter().chain(told.then_some(honest)).collect()
            }
            _ => vec![honest],
        }
    }
}

fn key_of(request: &Request) -> &Json {
    match &request.statement().command().operation {
        Operation::Read { key } | Operation::Write { key, .. } | Operation::Cas { key, .. } => key,
    }
}

impl<P: Protocol<Order: Twist>> proto::Liar for BftLiar<P> {
    fn hear(&mut self, message: &AnyMessage) {
        if self.random.random_bool(0.1)
            && self.members.rank(&message.src).is_some()
            && let Ok(Message { payload: Payload::Body(body), .. }) = proto::recall(message.clone())
        {
            self.keep(body);
        }
    }

    fn tell(&mut self, message: AnyMessage, out: &mut Vec<AnyMessage>) {
        let Ok(message) = proto::recall::<Body<P>>(message) else { return };
        let Message { src, dest, msg_id, in_reply_to, payload } = message;
        let said = match payload {
            Payload::Body(body) if self.members.rank(&dest).is_some() => {
                self.tell_peer(&dest, body).into_iter().map(Payload::Body).collect()
            }
            // A client believes whom it asked.
            Payload::Body(body) => match self.random.random_range(0..4) {
                0 => Vec::new(),
                1 => answers::<P>(Answer::Value(Json::from(7)))
                    .into_iter()
                    .flatten()
                    .map(Payload::Body)
                    .collect(),
                _ => vec![Payload::Body(body)],
            },
            payload => vec![payload],
        };
        out.extend(said.into_iter().map(|payload| {
            let (src, dest) = (src.clone(), dest.clone());
            Message { src, dest, msg_id, in_reply_to, payload }.map(AnyBody::typed)
        }));
    }

    fn take_invented(&mut self) -> Vec<Box<str>> {
        std::mem::take(&mut self.invented)
    }
}
