//! What travels between nodes: the envelope, and the bodies that every node shares.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::id::{MessageId, NodeId};
use crate::service::{ServiceReply, ServiceRequest};

/// A node's own messages: one enum, a variant a message type, as serde derives it.
///
/// The variant's name is the `type` on the wire and its fields are the payload, so
/// `#[serde(rename_all = "snake_case")] enum Body { Echo { echo: Json }, EchoOk { echo: Json } }`
/// reads and writes `{"type":"echo","echo":...}`. A newtype variant around a struct spreads the
/// struct's fields. No `tag` attribute is needed, and `flatten` is not supported: it would buffer
/// the message and lose the exact text of opaque values.
pub trait Body: Serialize + DeserializeOwned + Clone + Debug + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Debug + Send + 'static> Body for T {}

/// One message: `{"src": ..., "dest": ..., "body": {...}}` on the wire.
#[derive(Clone, PartialEq, Debug)]
pub struct Message<P> {
    /// Who sent it.
    pub src: NodeId,
    /// Whom it is for.
    pub dest: NodeId,
    /// The sender's number for it; a request without one wants no reply.
    pub msg_id: Option<MessageId>,
    /// The number of the request that it answers.
    pub in_reply_to: Option<MessageId>,
    /// What it says.
    pub payload: P,
}

impl<B> Message<Payload<B>> {
    /// The same message with its own body, if it has one, turned into another type.
    pub fn map<C>(self, body: impl FnOnce(B) -> C) -> Message<Payload<C>> {
        let Self { src, dest, msg_id, in_reply_to, payload } = self;
        let payload = match payload {
            Payload::Body(own) => Payload::Body(body(own)),
            Payload::Init(init) => Payload::Init(init),
            Payload::InitOk => Payload::InitOk,
            Payload::Error(error) => Payload::Error(error),
            Payload::ServiceRequest(request) => Payload::ServiceRequest(request),
            Payload::ServiceReply(reply) => Payload::ServiceReply(reply),
            Payload::Bad(bad) => Payload::Bad(bad),
        };
        Message { src, dest, msg_id, in_reply_to, payload }
    }
}

/// What a message says: a node's own body, or one of those that every node has. What is large and rare
/// is in a box, because messages are moved about a lot.
#[derive(Clone, PartialEq, Debug)]
pub enum Payload<B> {
    /// A message of the node's own enum.
    Body(B),
    /// `init`: the first message a node gets.
    Init(Box<Init>),
    /// `init_ok`.
    InitOk,
    /// `error`.
    Error(Error),
    /// A request to one of Maelstrom's services.
    ServiceRequest(Box<ServiceRequest>),
    /// The answer of one of Maelstrom's services.
    ServiceReply(ServiceReply),
    /// A good envelope round a body that says nothing to this node.
    Bad(Box<BadBody>),
}

/// Tells a node who it is and who else is there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Init {
    /// The id of the node that gets this.
    pub node_id: NodeId,
    /// The ids of all nodes of the cluster, this one included.
    pub node_ids: Vec<NodeId>,
    /// Which of them are members at first, where not all are: the others wait until they are added
    /// (the field of jepsen-io/maelstrom#101).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_member_ids: Option<Vec<NodeId>>,
}

/// Why a body could not be understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadBody {
    /// The type is none of the node's.
    Unsupported {
        /// The type.
        kind: String,
    },
    /// The type is known, but a field is missing or wrong.
    Malformed {
        /// The type, or nothing when that is what is missing.
        kind: String,
        /// Which field, and what is wrong with it.
        reason: String,
    },
}

impl BadBody {
    /// The message type that the body claims to be.
    pub fn kind(&self) -> &str {
        match self {
            Self::Unsupported { kind } | Self::Malformed { kind, .. } => kind,
        }
    }

    /// The error that the sender of such a request gets: code 10 or 12.
    pub fn to_error(&self) -> Error {
        match self {
            Self::Unsupported { kind } => Error::not_supported(kind),
            Self::Malformed { reason, .. } => Error::malformed_request(reason.clone()),
        }
    }
}

/// Whether messages of this type are replies by their name (`read_ok`, `error`).
pub fn is_reply_type(kind: &str) -> bool {
    kind.ends_with("_ok") || kind == "error"
}
