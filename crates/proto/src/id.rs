//! Names of nodes and numbers of messages.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest id that is stored in place, in bytes.
const INLINE_BYTES_MAX: usize = 14;

/// The name of a node, a client or a service (`n1`, `c4`, `lin-kv`).
///
/// Maelstrom's ids are short, so up to 14 bytes are kept in place: copying one touches no shared
/// counter, which is what lets a reader thread hand messages to a node thread cheaply.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NodeId(Repr);

/// Every id has exactly one representation, so that derived equality is equality of the text. The derived
/// hash goes into the fingerprints by which nodes compare what they have, and so over the wire.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Inline { length: u8, bytes: [u8; INLINE_BYTES_MAX] },
    Shared(Arc<String>),
}

impl NodeId {
    /// Wraps the name of a node.
    pub fn new(name: &str) -> Self {
        let mut bytes = [0; INLINE_BYTES_MAX];
        match bytes.get_mut(..name.len()) {
            Some(place) => {
                place.copy_from_slice(name.as_bytes());
                Self(Repr::Inline { length: name.len() as u8, bytes })
            }
            None => Self(Repr::Shared(Arc::new(name.to_owned()))),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Repr::Shared(name) => name,
        }
    }

    /// The name in UTF-8, which costs less to ask for than [`as_str`](Self::as_str).
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Repr::Shared(name) => name.as_bytes(),
        }
    }

    /// The number in a name as Maelstrom gives them to nodes, `n0`, `n1` and so on; `None` of any other
    /// name. Only one name has this number.
    pub fn number(&self) -> Option<u16> {
        let digits = self.as_bytes().strip_prefix(b"n")?;
        if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
            return None;
        }
        digits.iter().try_fold(0_u16, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
            number.checked_mul(10)?.checked_add(digit)
        })
    }

    /// Whether this is a client: Maelstrom counts every id that begins with `c` as one.
    pub fn is_client(&self) -> bool {
        self.as_bytes().first() == Some(&b'c')
    }
}

impl From<&str> for NodeId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialOrd for NodeId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// That of the text, which is the one of its bytes.
impl Ord for NodeId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = NodeId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a node id (a string)")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<NodeId, E> {
                Ok(NodeId::new(name))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// The number a sender gives to a message; a reply names it as `in_reply_to`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_a_number() {
        for number in 0..=u16::MAX {
            assert_eq!(NodeId::new(&format!("n{number}")).number(), Some(number));
        }
        for other in [
            "", "n", "1", "n01", "n00", "n+1", "n-1", "n1 ", "n 1", "N1", "c1", "n65536", "n1x",
            "nn1", "n٣",
        ] {
            assert_eq!(NodeId::new(other).number(), None, "{other}");
        }
        assert_eq!(NodeId::new("n1000000000000000000000000").number(), None);
    }

    #[test]
    fn short_and_long_names_keep_their_text() {
        for name in ["", "n1", "exactly-14-byt", "fifteen-bytes-x", "ünïcödé-nödë", "lin-kv"]
        {
            let id = NodeId::new(name);
            assert_eq!(id.as_str(), name);
            assert_eq!(id, NodeId::from(name));
            assert_eq!(id.to_string(), name);
        }
    }

    #[test]
    fn order_is_that_of_the_text() {
        let mut ids = ["n2", "n10", "a-very-long-node-name", "n1"].map(NodeId::new);
        ids.sort();
        assert_eq!(ids, ["a-very-long-node-name", "n1", "n10", "n2"].map(NodeId::new));
    }

    #[test]
    fn clients_are_told_by_their_first_letter() {
        assert!(NodeId::new("c12").is_client());
        assert!(!NodeId::new("n12").is_client());
        assert!(!NodeId::new("lin-kv").is_client());
    }
}
