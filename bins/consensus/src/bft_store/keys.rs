//! Who said what: signatures between nodes.
//!
//! # Trust model
//!
//! Every node of a cluster derives the keys of all nodes from one secret and their names, keeps its
//! own and the public ones, and forgets the secret. So no link and no stranger can speak for a node,
//! and neither can a node that is broken into *after* it started. One that is Byzantine from its start
//! and knows the secret can: whoever cannot live with that has to hand keys out in another way than by
//! an argument. Without `--secret` the secret is a constant that anybody can read here, which is good
//! for tests and for nothing else.
//!
//! [`Authenticity::Blake3`] is faster by two orders of magnitude and weaker: a keyed hash whose key
//! all nodes know. It keeps strangers out, and shows in virtual time, where nobody breaks in, what the
//! protocol costs without signatures.

use std::collections::BTreeSet;

use bft::{NodeIndex, Seal, Signature, Signed, ToBytes};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::members::Members;

/// The secret of clusters that were given none.
pub const DEFAULT_SECRET: &str = "no secret: whoever reads this can sign for every node";

/// What keys are derived for; another version or another use gives other keys.
const CONTEXT: &str = "consensus 2026-11-25 keys of the nodes of a Byzantine cluster";

/// How many signatures that were right are remembered: those in certificates come again and again.
const REMEMBERED_MAX: usize = 65_536;

/// How it is shown who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authenticity {
    /// Signatures, which only the signer can make and everybody can check.
    #[default]
    Ed25519,
    /// Keyed hashes, which every node of the cluster could make.
    Blake3,
}

enum Kept {
    Ed25519 { own: Box<SigningKey>, all: Vec<VerifyingKey> },
    Blake3(Vec<[u8; 32]>),
}

/// The keys that a node keeps.
pub struct Keys {
    own: NodeIndex,
    kept: Kept,
    remembered: BTreeSet<[u8; 32]>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Keys {
    /// The keys of a node of this cluster.
    #[must_use]
    pub fn derive(secret: &str, authenticity: Authenticity, members: &Members) -> Self {
        let mut material = secret.as_bytes().to_vec();
        for name in members.names() {
            material.push(0);
            material.extend(name.as_str().as_bytes());
        }
        let key = |index: usize| {
            let mut own = material.clone();
            own.push(0);
            own.extend((index as u64).to_be_bytes());
            blake3::derive_key(CONTEXT, &own)
        };
        let own = members.own_rank();
        let kept = match authenticity {
            Authenticity::Ed25519 => Kept::Ed25519 {
                own: Box::new(SigningKey::from_bytes(&key(own))),
                all: (0..members.count())
                    .map(|index| SigningKey::from_bytes(&key(index)).verifying_key())
                    .collect(),
            },
            Authenticity::Blake3 => Kept::Blake3((0..members.count()).map(key).collect()),
        };
        Self { own: NodeIndex(own), kept, remembered: BTreeSet::new() }
    }

    /// Whose keys they are.
    #[must_use]
    pub fn own(&self) -> NodeIndex {
        self.own
    }

    /// Signs as this node, whoever the signer is said to be.
    fn sign(&self, bytes: &[u8]) -> Signature {
        match &self.kept {
            Kept::Ed25519 { own, .. } => own.sign(bytes).to_bytes().as_slice().into(),
            Kept::Blake3(keys) => {
                let hash = blake3::keyed_hash(&keys[self.own.0], bytes);
                hash.as_bytes().as_slice().into()
            }
        }
    }

    fn is_right(&mut self, signer: NodeIndex, bytes: &[u8], signature: &Signature) -> bool {
        match &self.kept {
            Kept::Blake3(keys) => {
                let Some(key) = keys.get(signer.0) else { return false };
                let said = <[u8; 32]>::try_from(signature.as_ref());
                said.is_ok_and(|said| blake3::keyed_hash(key, bytes) == said)
            }
            Kept::Ed25519 { all, .. } => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&(signer.0 as u64).to_be_bytes());
                hasher.update(signature.as_ref());
                hasher.update(bytes);
                let name = *hasher.finalize().as_bytes();
                if self.remembered.contains(&name) {
                    return true;
                }
                let Some(key) = all.get(signer.0) else { return false };
                let said = ed25519_dalek::Signature::from_slice(signature.as_ref());
                let is_right = said.is_ok_and(|said| key.verify_strict(bytes, &said).is_ok());
                if is_right {
                    if self.remembered.len() >= REMEMBERED_MAX {
                        self.remembered.clear();
                    }
                    self.remembered.insert(name);
                }
                is_right
            }
        }
    }

    /// Puts the signatures in that are missing and this node's to make.
    pub fn signing(&self) -> impl Seal {
        Signing(self)
    }

    /// Looks at every signature.
    pub fn checking(&mut self) -> Checking<'_> {
        Checking { keys: self, are_right: true }
    }
}

struct Signing<'a>(&'a Keys);

impl Seal for Signing<'_> {
    fn seal<T: ToBytes>(&mut self, signed: &mut Signed<T>) {
        if signed.signature().is_none() {
            let mut bytes = Vec::new();
            signed.statement().to_bytes(&mut bytes);
            signed.set_signature(self.0.sign(&bytes));
        }
    }
}

/// Looks at signatures.
#[derive(Debug)]
pub struct Checking<'a> {
    keys: &'a mut Keys,
    are_right: bool,
}

impl Checking<'_> {
    /// Looks at one.
    pub fn check<T: ToBytes>(&mut self, signed: &Signed<T>) -> bool {
        let mut bytes = Vec::new();
        signed.statement().to_bytes(&mut bytes);
        let signature = signed.signature();
        signature.is_some_and(|it| self.keys.is_right(signed.signer(), &bytes, it))
    }

    /// Whether all were right that it was led past as a [`Seal`].
    #[must_use]
    pub fn are_right(&self) -> bool {
        self.are_right
    }
}

impl Seal for Checking<'_> {
    fn seal<T: ToBytes>(&mut self, signed: &mut Signed<T>) {
        self.are_right = self.are_right && self.check(signed);
    }
}

#[cfg(test)]
mod tests {
    use bft::Key;
    use proto::NodeId;

    use super::*;

    struct Word(&'static str);

    impl ToBytes for Word {
        fn to_bytes(&self, out: &mut Vec<u8>) {
            out.extend(self.0.as_bytes());
        }
    }

    fn keys(secret: &str, authenticity: Authenticity, own: &str) -> Keys {
        let names = ["n1", "n2", "n3", "n4"].map(NodeId::new);
        Keys::derive(secret, authenticity, &Members::new(&NodeId::new(own), &names))
    }

    fn signed(by: &Keys, signer: usize, word: &'static str) -> Signed<Word> {
        let mut signed = Key::of(NodeIndex(signer)).sign(Word(word));
        by.signing().seal(&mut signed);
        signed
    }

    fn is_right(keys: &mut Keys, signed: &Signed<Word>) -> bool {
        keys.checking().check(signed)
    }

    #[test]
    fn what_a_node_signed_is_right_and_nothing_else() {
        for authenticity in [Authenticity::Ed25519, Authenticity::Blake3] {
            let mut reader = keys("s", authenticity, "n1");
            let own = keys("s", authenticity, "n3");
            let said = signed(&own, 2, "yes");
            assert!(is_right(&mut reader, &said) && is_right(&mut reader, &said));
            let forged = signed(&own, 1, "yes");
            assert!(!is_right(&mut reader, &forged), "in the name of somebody else");
            let mut other = Key::of(NodeIndex(2)).sign(Word("no"));
            other.set_signature(said.signature().unwrap().clone());
            assert!(!is_right(&mut reader, &other), "another word");
            let unsigned = Key::of(NodeIndex(2)).sign(Word("yes"));
            assert!(!is_right(&mut reader, &unsigned));
            assert!(!is_right(&mut keys("t", authenticity, "n1"), &said), "another cluster");
            let stranger = signed(&own, 7, "yes");
            assert!(!is_right(&mut reader, &stranger));
        }
    }
}
