//! Replicated data types that merge, as pure values: no clock, no network, no random source.
//!
//! A replica of such a type answers at once, asking nobody. Replicas tell each other what they
//! have, whenever and in whatever order; messages may be lost, doubled or late. As soon as two
//! replicas have heard of the same updates they are equal, without a vote, a leader or a rollback
//! (*strong eventual consistency*). The price is that a replica may answer without knowing what
//! another one was told a moment ago, and that not every type can be made this way: a counter can,
//! a bank account that must not go below zero cannot.
//!
//! Sources: Shapiro, Preguiça, Baquero and Zawirski, *A Comprehensive Study of Convergent and
//! Commutative Replicated Data Types* (INRIA 7506, 2011) and *Conflict-Free Replicated Data Types*
//! (SSS 2011); Almeida, Shoker and Baquero, *Delta State Replicated Data Types* (JPDC 111, 2018);
//! Enes, Almeida, Baquero and Leitão, *Efficient Synchronization of State-Based CRDTs* (ICDE 2019).
//!
//! # One law ([`lattice`])
//!
//! Why does it work? Give states an order, "says at least as much as", in which any two states have
//! a least state above both: their *join*. (Such an order is a join-semilattice.) Now let updates
//! only ever move upwards, and let a replica that hears of another state replace its own by the
//! join. The join of many states does not depend on their order (it is commutative and
//! associative), nor on how often one of them came (it is idempotent), and an old state that comes
//! late changes nothing. So what a replica ends up with is the join of all updates it has heard of,
//! whichever way they came. That is the whole theory; all cunning is in finding the order.
//!
//! ```
//! use crdt::{GSet, Lattice};
//!
//! let (mut here, mut there) = (GSet::default(), GSet::default());
//! here.add("apple");
//! there.add("pear");
//! let early = there.clone();
//! there.join(here.clone());
//! here.join(there.clone());
//! assert_eq!(here, there);
//! assert!(!here.join(early), "late news is no news");
//! ```
//!
//! # Deltas
//!
//! Sending a whole state for every update is dear. But what an update *adds* is a state too, a
//! small one: the set of the one new element, the count of the one replica. Joining this *delta*
//! anywhere has the effect of the update, and joining all deltas of an execution gives the full
//! state. So every update here returns its delta. And given another replica's state,
//! [`Lattice::beyond`] is the least part of one's own that the other lacks.
//!
//! ```
//! use crdt::{GCounter, Lattice};
//!
//! let mut here = GCounter::default();
//! here.add("n1", 40)?;
//! let delta = here.add("n1", 2)?;
//! let mut there = GCounter::default();
//! there.join(delta.clone());
//! there.join(delta);
//! assert_eq!(there.value(), 42, "once, however often it comes");
//! # Ok::<(), crdt::Overflow>(())
//! ```
//!
//! [`DeltaBuffer`] is the book-keeping between a replica and its peers: deltas by number, and how
//! far each peer has acknowledged them. What a peer lacks is joined and sent as one until it does.
//!
//! # The types
//!
//! | type | a state says | join | what is lost |
//! |---|---|---|---|
//! | [`GSet`] | which elements were added | union | nothing; nothing can be removed |
//! | [`TwoPhaseSet`] | what was added and what was removed | union of each | a removed element never comes back |
//! | [`GCounter`] | how much each replica has counted | the larger of each | nothing; no counting down |
//! | [`PnCounter`] | how much each has counted up and down | the larger of each | nothing |
//! | [`LwwRegister`], [`LwwMap`] | the write with the highest stamp | the higher stamp | every concurrent write but one |
//! | [`MvRegister`] | the writes that no other one has seen | see below | nothing; readers see conflicts |
//!
//! **Sets.** Union is the join of the order "contains". Removing an element would move down; the
//! two-phase set moves up all the same, by remembering *that* it was removed. The tombstone stays
//! for ever, and it cannot be told from which addition it removed, so it beats all of them.
//!
//! **Counters.** The sum of two counts is no join: what both have counted would count twice, and so
//! would a message that comes twice. The larger is a join, but forgets the smaller one. So a state
//! is not a number but a number for each replica, of which only that replica raises its own: there
//! the larger one is simply the later one. A counter that falls would break that, hence two of them.
//!
//! **The last writer.** Order writes by a stamp, and the larger of two is a join of the simplest
//! kind. It always gives one value, and it *loses* the other: two clients that wrote at the same
//! time were both told that their write was taken, and one of them finds it gone. A clock that runs
//! ahead wins against later writes for as long as it is ahead.
//!
//! **Many values.** Who wants neither has to know which write had *seen* which. Each write gets a
//! *dot*, its writer's name and number, and a state is the dots that were seen and, of those, the
//! ones with a value still. A dot that one replica has seen and has no value for was replaced there,
//! so the other drops it as well; a dot that one has not seen is news. Concurrent writes stay side
//! by side, as siblings, until somebody who has read them writes again. The dots seen are kept as
//! one number a replica ([`Context`]), and few by name where a delta has overtaken another.
//!
//! # Composition
//!
//! A pair of lattices is one, and so is a map into a lattice ([`MapOf`]): the counters are maps
//! into numbers, the store is a map into registers, and their laws hold by construction.
//!
//! # What is assumed
//!
//! * A replica's name is its own, also over time: a replica that forgets its state comes back under
//!   a new name. Otherwise it hands out the same dots again, and counts below what others remember.
//! * Keys, elements and values are compared by what they mean and the same way everywhere.
//!
//! # What is left out
//!
//! Sets whose elements can come back (OR-sets), sequences, and removing tombstones, for which
//! replicas would have to agree.

pub mod buffer;
pub mod counter;
pub mod lattice;
pub mod lww;
pub mod register;
pub mod set;

pub use buffer::{DeltaBuffer, Interval};
pub use counter::{GCounter, Overflow, PnCounter};
pub use lattice::{Lattice, MapOf, Max};
pub use lww::{LwwMap, LwwRegister};
pub use register::{Context, MvRegister};
pub use set::{GSet, TwoPhaseSet};
