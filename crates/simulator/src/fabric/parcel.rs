//! What goes into the network and comes out of it.

use proto::AnyMessage;

use crate::endpoint::{Endpoint, Packed};

/// A message on its way.
#[derive(Debug)]
pub struct Parcel {
    /// Its number in this run, from 0. Duplicates share it.
    pub number: u64,
    from: Packed,
    to: Packed,
    /// The message.
    pub message: AnyMessage,
}

/// What is larger is moved by a call, and a parcel is moved several times between two nodes.
const _: () = assert!(size_of::<Parcel>() <= 128, "a parcel is moved by a few instructions");

impl Parcel {
    pub(super) fn new(number: u64, from: Endpoint, to: Endpoint, message: AnyMessage) -> Self {
        Self { number, from: from.into(), to: to.into(), message }
    }

    /// Who really sent it, whatever its `src` says.
    pub fn from(&self) -> Endpoint {
        self.from.into()
    }

    /// Whom it reaches.
    pub fn to(&self) -> Endpoint {
        self.to.into()
    }
}

/// Something that was to be remembered at a time; see [`Fabric::set_alarm`](super::Fabric::set_alarm).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// Which node it is about.
    pub node: usize,
    /// Which life of it.
    pub life: u64,
}

/// What comes out of the network.
#[derive(Debug)]
pub enum Happening {
    /// A message is at a node's door.
    AtNode(usize, Parcel),
    /// A message has reached a client.
    AtClient(AnyMessage),
    /// An alarm rings.
    Alarm(Alarm),
    /// A service was asked, or a message was lost on arrival.
    Within,
}

/// How much is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InFlight {
    /// Messages.
    pub messages: usize,
    /// About the bytes that they take: the text of their bodies, and something for the rest.
    pub bytes: usize,
}

/// Why a message was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsent {
    /// There is nobody of the name in `dest`.
    NoReceiver,
    /// There is nobody of the name in `src`.
    NoSender,
    /// So much is on its way that there was no room for it.
    NoRoom,
}

/// Whether the network's faults apply to a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Care {
    /// They do.
    AsUsual,
    /// It cannot be lost or late.
    Safe,
}
