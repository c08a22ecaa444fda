//! Who takes part, how many make a quorum, and what it means to have signed something.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// A node's place among the nodes of its cluster, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct NodeIndex(pub usize);

impl fmt::Display for NodeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many nodes there are, how many may be Byzantine, and how many make a quorum.
///
/// The three sizes are the same in a cluster that is right. They can be set one by one, so that one
/// can see what becomes of a cluster that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorums {
    /// The nodes, `n`.
    pub nodes: usize,
    /// How many of them may be Byzantine, `f`.
    pub faulty: usize,
    /// Votes of the first phase (prepares, prevotes) that bind a view or round to a value.
    pub certify: usize,
    /// Votes of the second phase (commits, precommits) that decide it.
    pub decide: usize,
    /// View changes that a new view needs.
    pub gather: usize,
}

impl Quorums {
    /// The sizes for so many nodes: `f = (n-1)/3`, rounded down, and quorums of `n - f`.
    ///
    /// # Panics
    /// If there are no nodes.
    #[must_use]
    pub fn of(nodes: usize) -> Self {
        assert!(nodes > 0, "a cluster has nodes");
        let faulty = (nodes - 1) / 3;
        Self::sized(nodes, faulty, nodes - faulty)
    }

    /// Any sizes, also those that are not safe or not live.
    #[must_use]
    pub fn sized(nodes: usize, faulty: usize, size: usize) -> Self {
        Self { nodes, faulty, certify: size, decide: size, gather: size }
    }

    /// Whether any two quorums have an honest node in common, even if `f` nodes are in both and lie.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        let smallest = self.certify.min(self.decide).min(self.gather);
        2 * smallest > self.nodes + self.faulty
    }

    /// Whether the honest nodes are a quorum by themselves, so that `f` silent ones stop nothing.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.certify.max(self.decide).max(self.gather) + self.faulty <= self.nodes
    }

    /// Whether this many different nodes of the cluster, and nobody else, said just this.
    pub(crate) fn agree<T: PartialEq>(&self, size: usize, said: &[Signed<T>], what: &T) -> bool {
        let signers: BTreeSet<NodeIndex> = said.iter().map(Signed::signer).collect();
        said.iter().all(|each| each.statement() == what)
            && signers.iter().all(|signer| signer.0 < self.nodes)
            && signers.len() >= size
    }
}

/// What a node needs to sign. Whoever holds it is that node, so a host gives it to nobody else.
#[derive(Debug)]
pub struct Key(NodeIndex);

impl Key {
    /// The key of a node.
    #[must_use]
    pub fn of(node: NodeIndex) -> Self {
        Self(node)
    }

    /// Whose key it is.
    #[must_use]
    pub fn owner(&self) -> NodeIndex {
        self.0
    }

    /// Signs a statement.
    pub fn sign<T>(&self, statement: T) -> Signed<T> {
        Signed { signer: self.0, statement, signature: None }
    }
}

/// The bits of a signature, as a host with real wires makes and checks them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct Signature(Arc<[u8]>);

impl From<&[u8]> for Signature {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        hexadecimal(&signature.0)
    }
}

impl TryFrom<String> for Signature {
    type Error = NotHexadecimal;

    fn try_from(text: String) -> Result<Self, NotHexadecimal> {
        Ok(Self(bytes_of(&text)?.into()))
    }
}

/// What a text is that should have been an even number of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotHexadecimal;

impl fmt::Display for NotHexadecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an even number of hexadecimal digits")
    }
}

impl std::error::Error for NotHexadecimal {}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal digits as bytes.
pub(crate) fn bytes_of(text: &str) -> Result<Vec<u8>, NotHexadecimal> {
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(NotHexadecimal);
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Ok((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => Err(NotHexadecimal),
    };
    pairs.map(byte).collect()
}

/// What a signature is over: the same bytes for the same statement, and for no other one.
pub trait ToBytes {
    /// Appends them.
    fn to_bytes(&self, out: &mut Vec<u8>);
}

/// Something that is done to every signature of a message: making those that are missing, or
/// checking those that came. What is signed inside something that is signed comes first.
pub trait Seal {
    /// Does it to one.
    fn seal<T: ToBytes>(&mut self, signed: &mut Signed<T>);
}

/// A statement and who made it. It can be passed on by anybody, and made only with a [`Key`].
///
/// Within this crate the signature is symbolic, as in Dolev and Yao's model (1983): there are no
/// bits to break, and two are the same that say the same. A host with real wires puts bits in with a
/// [`Seal`] before it sends something, and checks them with another before it hands something in:
/// what was read from a wire is only a claim until then.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Signed<T> {
    signer: NodeIndex,
    #[cfg_attr(feature = "serde", serde(rename = "says"))]
    statement: T,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    signature: Option<Signature>,
}

impl<T> Signed<T> {
    /// Who signed it.
    #[must_use]
    pub fn signer(&self) -> NodeIndex {
        self.signer
    }

    /// What it says.
    #[must_use]
    pub fn statement(&self) -> &T {
        &self.statement
    }

    /// What it says, to reach the signatures in it and nothing else.
    pub(crate) fn statement_mut(&mut self) -> &mut T {
        &mut self.statement
    }

    /// The bits, where a host has put them in.
    #[must_use]
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }

    /// Puts the bits in.
    pub fn set_signature(&mut self, signature: Signature) {
        self.signature = Some(signature);
    }

    /// Who signed, and with which bits: what is left of votes that all say the same.
    #[cfg(feature = "serde")]
    pub(crate) fn into_claims(votes: Vec<Self>) -> Vec<Claim> {
        votes.into_iter().map(|vote| (vote.signer, vote.signature)).collect()
    }
}

#[cfg(feature = "serde")]
impl<T: Clone> Signed<T> {
    /// Puts claims and what all of them say together again. It is for the host to check them.
    pub(crate) fn of_claims(claims: Vec<Claim>, statement: &T) -> Vec<Self> {
        let vote = |(signer, signature)| Self { signer, statement: statement.clone(), signature };
        claims.into_iter().map(vote).collect()
    }
}

/// Who is said to have signed, and with which bits.
#[cfg(feature = "serde")]
pub(crate) type Claim = (NodeIndex, Option<Signature>);

impl<T: PartialEq> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.signer, &self.statement) == (other.signer, &other.statement)
    }
}

impl<T: Eq> Eq for Signed<T> {}

impl<T: PartialOrd> PartialOrd for Signed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.signer, &self.statement).partial_cmp(&(other.signer, &other.statement))
    }
}

impl<T: Ord> Ord for Signed<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.signer, &self.statement).cmp(&(other.signer, &other.statement))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_safe_and_live_for_every_number_of_nodes_and_for_no_more_faults() {
        for nodes in 1..100 {
            let right = Quorums::of(nodes);
            assert!(right.is_safe() && right.is_live(), "{nodes}");
            let faulty = right.faulty + 1;
            let any = (1..=nodes).map(|size| Quorums::sized(nodes, faulty, size));
            assert!(any.into_iter().all(|q| !(q.is_safe() && q.is_live())), "{nodes}");
        }
    }

    #[test]
    fn a_quorum_agrees_if_enough_different_members_say_just_this_and_nobody_says_else() {
        let quorums = Quorums::of(4);
        let agree = |said: &[(usize, u8)]| {
            let said: Vec<_> =
                said.iter().map(|&(node, what)| Key::of(NodeIndex(node)).sign(what)).collect();
            quorums.agree(3, &said, &7)
        };
        assert!(agree(&[(0, 7), (1, 7), (3, 7)]));
        assert!(!agree(&[(0, 7), (1, 7)]), "two are too few");
        assert!(!agree(&[(0, 7), (1, 7), (1, 7)]), "so are two of which one says it twice");
        assert!(!agree(&[(0, 7), (1, 7), (4, 7)]), "the third is no member");
        assert!(!agree(&[(0, 7), (1, 7), (3, 8)]), "the third says something else");
        assert!(!agree(&[(0, 7), (1, 7), (2, 7), (3, 8)]), "a proof has nothing else in it");
    }
}
