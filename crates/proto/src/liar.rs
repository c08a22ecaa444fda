//! Nodes that lie: what they say in the place of what their logic says.

use crate::any::AnyMessage;
use crate::id::NodeId;

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
