//! Paxos as pure state machines: no clock, no I/O, no threads.
//!
//! How do nodes that may stop, and messages that may be lost, late or doubled, agree on one value,
//! so that nobody ever learns of another? Leslie Lamport's answer is older than most of the systems
//! that run it, and shorter than its reputation. Sources: Lamport, *The Part-Time Parliament*
//! (1998), "1998"; Lamport, *Paxos Made Simple* (2001), "2001"; Chandra, Griesemer and Redstone,
//! *Paxos Made Live* (2007), "2007"; Oki and Liskov's *Viewstamped Replication* (1988), which had
//! the same idea at the same time; van Renesse and Altinbuken, *Paxos Made Moderately Complex*
//! (2015).
//!
//! # One value ([`synod`])
//!
//! There are [`Acceptor`]s, which remember; [`Proposer`]s, which want something; and [`Learner`]s,
//! which want to know. A value is *chosen* when a majority of the acceptors has accepted it in the
//! same ballot. That is a fact about the world, which may hold before anybody knows it, and it must
//! never hold of two values.
//!
//! Let a proposer simply ask all acceptors to take its value, and two proposers can leave three
//! acceptors with a vote each: nothing chosen, nothing to be done. So an acceptor must be able to
//! accept more than once. But then a second value could gather a majority after the first. The way
//! out is in two phases, with numbered attempts, the [`Ballot`]s:
//!
//! 1. `prepare(b)`: the proposer asks for a *promise*. The acceptor will not accept anything below
//!    `b` from now on, and tells what it has accepted, with its ballot.
//! 2. `accept(b, v)`: with promises from a majority the proposer may ask for `v`, and here is all of
//!    the cunning: if any promise told of a value, `v` has to be the one with the **highest ballot**
//!    among them. Only if none did may the proposer follow its own wish.
//!
//! Why is that enough? Let `v` be chosen in ballot `b`, and let `c` be the first ballot after it
//! that proposes anything. Its promises came from a majority, which has an acceptor in common with
//! the majority that accepted `v`. That one cannot have promised `c` first, since then it would not
//! have accepted `b` any more; so its promise told of `v`. And no promise told of a ballot between
//! `b` and `c`, since `c` is the first. So `c` proposes `v`, and so, by induction, do all after it
//! (2001, property P2c; [`Invariants`] counts on it). Whoever asks for promises may hear of a value
//! that was *not* chosen, and must propose it all the same: it cannot tell.
//!
//! ```
//! use paxos::{Acceptor, Ballot, NodeIndex, Proposer};
//!
//! let mut acceptors = [Acceptor::default(), Acceptor::default(), Acceptor::default()];
//! // Ballot 1 gets "red" accepted by the nodes 0 and 1: it is chosen.
//! for acceptor in &mut acceptors[..2] {
//!     acceptor.prepare(Ballot(1)).unwrap();
//!     acceptor.accept(Ballot(1), "red").unwrap();
//! }
//! // Ballot 2 would like "blue". It asks the nodes 1 and 2.
//! let mut proposer = Proposer::new(Ballot(2), 3, "blue");
//! assert_eq!(proposer.on_promise(NodeIndex(2), acceptors[2].prepare(Ballot(2)).unwrap()), None);
//! let value = proposer.on_promise(NodeIndex(1), acceptors[1].prepare(Ballot(2)).unwrap());
//! assert_eq!(value, Some("red"), "node 1 told of it");
//! ```
//!
//! What is *not* promised is an end: two proposers can outbid each other for ever, each preparing
//! before the other's accepts arrive. No algorithm can promise it (Fischer, Lynch and Paterson,
//! 1985). Safety never depends on time; progress does, and it is enough that for a while one
//! proposer is left alone. That is what leaders are for.
//!
//! An acceptor's two facts have to be on disk before its answer leaves. One that forgets a promise
//! lets an old ballot through; one that forgets what it accepted hides a chosen value.
//!
//! # A log of values ([`Replica`])
//!
//! A replicated state machine needs one decision after another: a log, with an instance of the
//! above in every [`Slot`]. Phase 1 says nothing about values, so one `prepare` can be for *all*
//! slots from some place on, infinitely many: an acceptor answers with the few it has accepted
//! (2001, section 3). Whoever holds such promises from a
//! majority ([`election`](replica::election)) is the [`leader`]. It proposes
//! again whatever promises told of, fills holes with no-ops, and from then on a command costs one
//! round trip, phase 2 only, until somebody else prepares a higher ballot.
//!
//! Slots are independent: they may be accepted out of order and with holes, and be chosen in any
//! order. Only *applying* is in order. This is the difference to Raft, whose logs have no holes:
//! there a follower refuses what does not join on, and the entries of old leaders are kept with
//! their terms; here everything not known to be chosen is proposed anew under the new ballot. And
//! there the log decides who may lead; here anybody may, since phase 1 brings it up to date.
//!
//! What practice adds (2007) is most of the code:
//!
//! * *Stable leaders.* A replica wants to lead when it heard no leader for an election timeout, with
//!   some chance in it. First it *polls*, which binds nobody: a replica that hears a leader says no,
//!   so one that was cut off, or only cannot hear, deposes nobody. A leader that hears no majority
//!   for as long steps down.
//! * *Learning.* A leader's messages say how far it knows slots to be chosen. A replica that
//!   accepted those slots from this leader knows them, too; if it has something older there it says
//!   so, and gets them again. A replica that is further behind than the leader's log gets the state.
//! * *Batches.* What comes within the gather window shares a message, any number of rounds may be on
//!   their way, and what is not acknowledged within a heartbeat interval is sent again.
//! * *Reads* do not go through the log: the leader has a majority confirm that it promised nobody
//!   more since the read came in (leases would save that round, and need clocks). A new leader
//!   first waits for what it recovered to be chosen: an earlier one may have acknowledged it.
//! * *Snapshots* and compaction, by the host ([`Replica::compact`]).
//!
//! There is nothing here for nodes without storage: an acceptor that restarts without its records
//! must not come back under its name.
//!
//! # How to drive a replica
//!
//! A [`Replica`] takes inputs together with the time, a [`Duration`] since any fixed moment:
//! [`Replica::step`] for a message, [`Replica::tick`] when [`Replica::next_deadline`] has come,
//! [`Replica::propose`] and [`Replica::read`] for its clients. [`Replica::take_output`] then gives
//! what is to be done, and the order matters: store the *records*, send the *messages* once that is
//! safe, carry out the *applies*, serve the *reads*.
//!
//! ```
//! use std::time::Duration;
//! use paxos::{Apply, Config, NodeIndex, Replica, Restored, Slot};
//!
//! let config = Config {
//!     id: NodeIndex(0),
//!     nodes: 1,
//!     election_timeout: Duration::from_millis(300),
//!     heartbeat_interval: Duration::from_millis(100),
//!     gather_window: Duration::from_millis(3),
//!     commands_per_message: 512,
//! };
//! // A cluster of one leads at once.
//! let mut replica: Replica<&str, ()> =
//!     Replica::new(config, Restored::default(), Duration::ZERO, 42);
//! assert_eq!(replica.propose(Duration::ZERO, "x = 1"), Ok(Slot(1)));
//! assert_eq!(replica.take_output().applies, [Apply::Command(Slot(1), Some("x = 1"))]);
//! ```
//!
//! # What is checked ([`invariants`])
//!
//! [`Invariants`] counts acceptances over all replicas of a simulated cluster, after every event,
//! and believes none of them. `tests/it/` runs both the single decree and the log through seeded
//! schedules of loss, copies, reordering, cuts and crashes that lose what was not synced, and then
//! three ways to get Paxos wrong, each of which a sweep has to find.
//!
//! # What is left out
//!
//! Changes of membership, flexible quorums, leases, and acceptors apart from learners.
//!
//! [`Duration`]: std::time::Duration

mod core;
pub mod invariants;
pub mod leader;
pub mod log;
mod message;
pub mod replica;
pub mod synod;
mod types;

pub use crate::invariants::{Invariants, Violation};
pub use crate::log::Log;
pub use crate::message::{
    Accept, Accepted, Apply, Config, Entry, Envelope, Message, Output, Promise, Record, Restored,
    Snapshot,
};
pub use crate::replica::{Replica, Role};
pub use crate::synod::{Acceptor, Learner, Proposer, Refused};
pub use crate::types::{Ballot, NodeIndex, ReadId, Round, Slot, quorum};
