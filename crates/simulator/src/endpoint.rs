//! The ends of links.

/// Who can send and receive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Endpoint {
    /// A node of the cluster, by its place in the list of nodes.
    Node(usize),
    /// One of Maelstrom's services.
    Service(usize),
    /// A client.
    Client,
}

impl Endpoint {
    pub(crate) fn is_client(self) -> bool {
        self == Self::Client
    }
}
