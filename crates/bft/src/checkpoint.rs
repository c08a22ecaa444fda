//! What lets replicas forget: a quorum says that it has the same state after the same slot.
//!
//! Castro and Liskov (1999), section 4.3. With the proof in hand a replica drops all that led to the
//! state, and one that was left behind takes the state from anybody, since it can see that it is the
//! right one.

use std::collections::BTreeMap;

use crate::equivocation::Statement;
use crate::types::{NodeIndex, Quorums, Seal, Signed, ToBytes, hexadecimal};

/// A hash that stands for a state, made by the host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hexadecimal(&self.0[..4]))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        hexadecimal(&digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = crate::types::bytes_of(&text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("64 hexadecimal digits are expected")
    }
}

/// "After this slot my state is that."
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Checkpoint {
    /// The sequence number or height.
    pub slot: u64,
    /// The state.
    pub digest: Digest,
}

impl Statement for Checkpoint {
    type Place = u64;

    fn place(&self) -> u64 {
        self.slot
    }
}

impl ToBytes for Checkpoint {
    fn to_bytes(&self, out: &mut Vec<u8>) {
        out.extend(b"checkpoint");
        out.extend(self.slot.to_be_bytes());
        out.extend(self.digest.0);
    }
}

/// A checkpoint that a quorum signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stable {
    proof: Vec<Signed<Checkpoint>>,
}

impl Stable {
    /// The slot, if this proves anything.
    #[must_use]
    pub fn slot(&self) -> u64 {
        self.proof.first().map_or(0, |vote| vote.statement().slot)
    }

    /// The state after it.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.proof.first().map(|vote| vote.statement().digest)
    }

    /// Whether a quorum of different nodes says the same.
    #[must_use]
    pub fn is_proven(&self, quorums: &Quorums) -> bool {
        let first = self.proof.first();
        first.is_some_and(|vote| quorums.agree(quorums.gather, &self.proof, vote.statement()))
    }

    /// Does something to every signature in it.
    pub fn each_signed(&mut self, seal: &mut impl Seal) {
        self.proof.iter_mut().for_each(|vote| seal.seal(vote));
    }
}

/// Checkpoints kept of each node: a Byzantine one that names slots that nobody will reach crowds out
/// only its own.
const KEPT_MAX: usize = 4;

/// Collects what nodes say of their states.
#[derive(Debug, Clone, Default)]
pub struct Checkpoints {
    votes: BTreeMap<NodeIndex, BTreeMap<u64, Signed<Checkpoint>>>,
    stable: Option<Stable>,
}

impl Checkpoints {
    /// The latest stable one.
    #[must_use]
    pub fn stable(&self) -> Option<&Stable> {
        self.stable.as_ref()
    }

    /// The slot of that, or 0.
    #[must_use]
    pub fn slot(&self) -> u64 {
        self.stable.as_ref().map_or(0, Stable::slot)
    }

    /// What a node said last.
    #[must_use]
    pub fn latest(&self, node: NodeIndex) -> Option<&Signed<Checkpoint>> {
        self.votes.get(&node)?.values().next_back()
    }

    /// Takes note of a vote. True if that makes a later checkpoint stable.
    pub fn record(&mut self, vote: Signed<Checkpoint>, quorums: &Quorums) -> bool {
        let (signer, said) = (vote.signer(), vote.statement().clone());
        if signer.0 >= quorums.nodes || said.slot <= self.slot() {
            return false;
        }
        let own = self.votes.entry(signer).or_default();
        own.entry(said.slot).or_insert(vote);
        if own.len() > KEPT_MAX {
            own.pop_first();
        }
        let of_slot = self.votes.values().filter_map(|votes| votes.get(&said.slot));
        let matching = of_slot.filter(|vote| *vote.statement() == said);
        let proof: Vec<_> = matching.cloned().collect();
        proof.len() >= quorums.gather && self.adopt(Stable { proof }, quorums)
    }

    /// Takes a proof that somebody has shown. True if it is one, and of a later slot.
    pub fn adopt(&mut self, stable: Stable, quorums: &Quorums) -> bool {
        if stable.slot() <= self.slot() || !stable.is_proven(quorums) {
            return false;
        }
        for votes in self.votes.values_mut() {
            votes.retain(|&slot, _| slot > stable.slot());
        }
        self.stable = Some(stable);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written_and_shown_by_its_beginning() {
        let digest = Digest(std::array::from_fn(|place| place as u8 * 7));
        let text = String::from(digest);
        assert!(text.len() == 64 && text.starts_with("00070e15"), "{text}");
        assert_eq!(Digest::try_from(text.clone()), Ok(digest));
        assert_eq!(format!("{digest:?}"), "00070e15");
        for wrong in [&text[2..], "", &text.replace('0', "g")] {
            assert!(Digest::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
    use crate::types::Key;

    fn vote(node: usize, slot: u64, state: u8) -> Signed<Checkpoint> {
        Key::of(NodeIndex(node)).sign(Checkpoint { slot, digest: Digest([state; 32]) })
    }

    #[test]
    fn a_quorum_for_one_state_is_stable_and_less_or_mixed_is_not() {
        let quorums = Quorums::of(4);
        let mut checkpoints = Checkpoints::default();
        for said in [vote(0, 8, 1), vote(0, 8, 1), vote(1, 8, 2), vote(2, 8, 1), vote(9, 8, 1)] {
            assert!(!checkpoints.record(said, &quorums));
        }
        assert!(checkpoints.record(vote(3, 8, 1), &quorums));
        assert_eq!(checkpoints.slot(), 8);
        let proof = checkpoints.stable().cloned().expect("it is stable");
        assert!(proof.is_proven(&quorums));
        assert!(!checkpoints.adopt(proof, &quorums), "it is known");
    }

    #[test]
    fn a_proof_of_one_node_said_thrice_is_none() {
        let proof = vec![vote(0, 8, 1); 3];
        assert!(!Stable { proof }.is_proven(&Quorums::of(4)));
    }

    #[test]
    fn slots_that_nobody_reaches_crowd_out_only_whom_names_them() {
        let quorums = Quorums::of(4);
        let mut checkpoints = Checkpoints::default();
        for slot in 1000..2000 {
            checkpoints.record(vote(0, slot, 1), &quorums);
        }
        let found = (1..4).map(|node| checkpoints.record(vote(node, 8, 1), &quorums));
        assert_eq!(found.filter(|stable| *stable).count(), 1);
        assert_eq!(checkpoints.votes[&NodeIndex(0)].len(), KEPT_MAX);
    }
}
