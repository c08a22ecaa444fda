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

/// An end in four bytes. Messages on their way are moved from place to place, and each has two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed(u32);

/// What marks a service; the rest is its place. No cluster has so many nodes.
const SERVICE: u32 = 1 << 31;
const CLIENT: u32 = u32::MAX;

impl From<Endpoint> for Packed {
    fn from(endpoint: Endpoint) -> Self {
        Self(match endpoint {
            Endpoint::Node(node) => node as u32,
            Endpoint::Service(service) => SERVICE | service as u32,
            Endpoint::Client => CLIENT,
        })
    }
}

impl From<Packed> for Endpoint {
    fn from(Packed(packed): Packed) -> Self {
        match packed {
            CLIENT => Self::Client,
            SERVICE.. => Self::Service((packed & !SERVICE) as usize),
            node => Self::Node(node as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        for place in [0, 1, 1000] {
            for endpoint in [Endpoint::Node(place), Endpoint::Service(place), Endpoint::Client] {
                assert_eq!(Endpoint::from(Packed::from(endpoint)), endpoint);
            }
        }
    }
}
