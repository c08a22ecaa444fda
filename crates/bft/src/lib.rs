//! Byzantine agreement as pure state machines: no clock, no I/O, no threads.
//!
//! How do nodes agree if some of them *lie*? A crashed node says nothing; a Byzantine one may say
//! one thing to one node and another to the next, make things up, repeat what was true yesterday, or
//! be silent towards just one. Lamport, Shostak and Pease named the problem (*The Byzantine Generals
//! Problem*, 1982). Sources: Castro and Liskov, *Practical Byzantine Fault Tolerance* (OSDI 1999),
//! "PBFT"; Buchman, Kwon and Milosevic, *The latest gossip on BFT consensus* (2018), "Tendermint";
//! Dwork, Lynch and Stockmeyer, *Consensus in the Presence of Partial Synchrony* (1988), whose
//! locking idea is in both.
//!
//! # How many ([`Quorums`])
//!
//! Let `f` of `n` nodes be Byzantine. Nobody can wait for more than `n - f` votes: the others might
//! be silent for ever. So a quorum has at most `n - f` nodes (*liveness*). Two quorums have at least
//! `2(n - f) - n = n - 2f` nodes in common, and at least one of those has to be honest, so that it
//! does not vote for both sides: `n - 2f > f` (*safety*). Together: `n >= 3f + 1`.
//!
//! With `3f` nodes one has the choice. Quorums of `n - f` can be split: [`pbft::split_attack`] does
//! it to the real replicas. Quorums of `2f + 1` are safe, and nothing moves while `f` are silent.
//! Tests show both.
//!
//! ```
//! use bft::{Quorums, pbft::split_attack};
//!
//! assert_eq!(Quorums::of(4).faulty, 1);
//! assert_eq!(split_attack(Quorums::sized(3, 1, 2)), Some((0, 1)), "two honest nodes disagree");
//! assert_eq!(split_attack(Quorums::sized(4, 1, 3)), None);
//! ```
//!
//! # Two phases
//!
//! One round of votes is enough to make sure that no two values are decided in the same attempt: a
//! quorum that voted for one leaves no quorum for another. It is not enough to decide. Who has seen
//! such a quorum does not know whether anybody else did; if the attempt ends here, the next may try
//! something else. So there is a second round, in which nodes say: "I have seen a quorum, and will
//! hold on to it." A quorum of *those* decides, since in any later attempt one honest node among
//! every quorum holds on. The two protocols differ in how it does that.
//!
//! # PBFT ([`pbft`])
//!
//! The primary of a [`View`](pbft::View) gives a request its number (*pre-prepare*); the backups say
//! that they took it (*prepare*); who has a quorum of that is *prepared* and says so (*commit*); a
//! quorum of commits decides. A primary that does nothing, or nonsense, is given up: each replica
//! asks for the next view, and shows what it prepared, each with its *certificate*, the signed votes
//! that prove it. The primary of the new view shows a quorum of these, and all can compute from them
//! what it has to propose again: in every place the value with the certificate of the highest view.
//! Thus an honest node's word is not taken for it, but neither can a liar invent a past.
//!
//! # Tendermint ([`tendermint`])
//!
//! Here changing the proposer is the normal case: rounds take turns, and there is no view change to
//! send. What was certified is kept by the validators: whoever sees a quorum of prevotes (a *polka*)
//! *locks* on the value, precommits it, and prevotes nothing else in later rounds, unless a proposal
//! shows a polka of a round after its lock. Messages stay as small as a vote. The price is that the
//! network has to bring everything that one honest validator got to all of them, in time: the paper
//! assumes gossip, and so does [`Validator`](tendermint::Validator). Without it a lock whose polka
//! only one has seen could stop the others for ever; the schedules of the tests found that, too.
//!
//! # Lies that prove themselves ([`equivocation`])
//!
//! An honest node says one thing in one place. Two signed statements that differ convict their
//! signer before anybody. A [`Detector`] collects them. Agreement never depends on it.
//!
//! # Trust model
//!
//! * Up to `f` nodes do anything at all, together, with full knowledge of what is sent.
//! * They cannot sign for others. [`Signed`] is symbolic: it can be made only with the signer's
//!   [`Key`], which the host gives to nobody else. A host with real wires leads a [`Seal`] past every
//!   signature of a message: one that puts bits in before it is sent, one that checks them before it
//!   is handed in.
//! * Messages between honest nodes may be late, doubled and in any order. What is lost for good can
//!   cost progress, never agreement. A node always gets its own messages.
//! * Safety never depends on time. Progress needs that messages are at some time faster than the
//!   time-outs, which the host makes longer from view to view and round to round.
//! * Values are valid or not by themselves (*external validity*): a request carries its client's
//!   signature, say. A Byzantine primary may choose among valid values, and their order.
//! * A node that restarts without its memory counts as Byzantine.
//!
//! # What is checked ([`invariants`])
//!
//! [`Invariants`] counts every vote that anybody sends, and every decision: agreement, validity, no
//! two quorums in a view or round, no decision without a quorum. `tests/it/` runs thousands of
//! seeded schedules with `f` nodes that equivocate, lie, replay and stay silent towards some, and
//! then clusters that are wrong, which the same schedules have to find.
//!
//! # What was missed, and what is over ([`checkpoint`])
//!
//! A decision comes with its proof, the votes of a quorum, so whoever missed it takes it from anybody
//! ([`pbft::Replica::help`], [`tendermint::Chain::help`]). Nobody can keep all proofs for ever. Every
//! so often nodes sign the hash of their state; a quorum of those makes a checkpoint *stable*: what
//! led there is dropped, and one that was left behind takes the whole state over, since it can see
//! that it is the right one. What has to survive a crash is told to the host before it is said to
//! others.
//!
//! # What is left out
//!
//! Replies to clients, who would wait for `f + 1` equal ones. Votes carry values where the papers have
//! digests: a host that cares gives a value the equality of its hash, and pays in bytes on the wire.

pub mod checkpoint;
pub mod equivocation;
pub mod invariants;
pub mod pbft;
pub mod tendermint;
mod types;

pub use crate::checkpoint::{Checkpoint, Digest, Stable};
pub use crate::equivocation::{Detector, Statement};
pub use crate::invariants::{Invariants, Phase, Violation};
pub use crate::types::{Key, NodeIndex, Quorums, Seal, Signature, Signed, ToBytes};
