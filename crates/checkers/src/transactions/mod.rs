//! Transactions: what clients saw of them, and which consistency models that excludes.
//!
//! A history says of every transaction who did it, when it began and returned, how it ended, and
//! what it read and wrote ([`Transaction`]). [`list_append`] and [`rw_register`] infer from it which
//! transaction must have come before which, and look for what cannot be: single reads and writes
//! that contradict each other, and cycles. This is how Elle works (Kingsbury and Alvaro 2020), and
//! the phenomena are those of Adya (1999), by the names that Elle gives them.
//!
//! # Dependencies
//!
//! If every value is written at most once, a value that is read names its writer; if furthermore
//! the versions of an object are known to follow each other in some order, transactions depend on
//! each other in three ways ([`Dependency`]):
//!
//! | | the earlier transaction | the later one |
//! |---|---|---|
//! | ww | wrote a version | wrote the next version |
//! | wr | wrote a version | read it |
//! | rw | read a version | wrote the next one (anti-dependency) |
//!
//! Two more orders are not about data: a *process* does its transactions one after the other, and a
//! transaction that returned before another began comes first in *real time*. Only some models speak
//! of these: `strong-session-...` of the former, `strong-...` and `strict-serializable` of both.
//!
//! # Anomalies
//!
//! Cycles, from worst to mildest, by the edges they have. With `-process` or `-realtime` behind the
//! name they need such an edge too.
//!
//! | name | edges | for example |
//! |---|---|---|
//! | `G0` | ww | write cycle: of two transactions one overwrote x last and the other y |
//! | `G1c` | ww, wr | circular information flow: two transactions read each other's writes |
//! | `G-single-item` | exactly one rw | read skew: one effect of a transaction is seen and another is not |
//! | `G-nonadjacent-item` | several rw, none next to another | long fork: two readers see two writes in opposite orders |
//! | `G2-item` | at least two rw in a row | write skew: two transactions decide by what the other is about to change |
//!
//! Elle calls them `-item` because anti-dependencies run through single objects; `G-single`, `G2`
//! and so on, which may run through predicates, are implied but do not occur by themselves. Of what
//! is implied by a cycle that was found among some transactions, nothing is searched among these.
//!
//! Others show in a read or two:
//!
//! | name | what happened |
//! |---|---|
//! | `G1a` | aborted read: a transaction read what a failed one wrote |
//! | `G1b` | intermediate read: it read a value its writer replaced itself |
//! | `internal` | it contradicts its own earlier reads and writes |
//! | `future-read` | it read what it wrote only later |
//! | `lost-update` | two transactions read the same version and both replaced it |
//! | `dirty-update` | a committed append rests on a failed one |
//! | `duplicate-elements` | a list has an element twice |
//! | `incompatible-order` | two lists of one key, or a list and the transaction that wrote it, disagree on the order of appends |
//! | `cyclic-versions` | what is inferred of the order of a register's versions goes in a circle |
//! | `garbage-read` | a value was read that nobody wrote (Elle's paper has it, its code ignores it or fails) |
//! | `empty-transaction-graph` | nothing depends on anything: the verdict is unknown |
//!
//! # Models
//!
//! Each anomaly rules out the models that forbid it, and all stronger ones ([`Model`]). An analysis
//! names the weakest models that are ruled out ([`Analysis::not`]) and the rest
//! ([`Analysis::also_not`]); it is invalid if one of the models asked for is among them.
//!
//! # What can be relied on
//!
//! *Soundness*: a model that is ruled out does not hold; no order of versions and transactions
//! explains the history. For registers this is so under the assumptions of
//! [`rw_register::VersionOrder`], of which the default is true of all that is read committed.
//!
//! *Completeness*: lists are denied serializability, and its session and strict variants, exactly
//! if there is no serial order, and read committed exactly if there is no order of versions. For
//! snapshot isolation and consistent view this is so where every append was read; else the unknown
//! order of appends that nobody saw may hide an anomaly. Registers are decided as far as their order
//! is known. The tests compare all of this with brute force.
//!
//! *Time and memory* are proportional to the history: the orders of process and time are reduced to
//! a few edges a transaction, components are Tarjan's, and whatever is found is found without limits
//! of time. One question, whether a cycle has a single anti-dependency, is one of reachability and
//! asked only within components that already have a milder cycle.
//!
//! # Sources
//!
//! - A. Adya, *Weak Consistency: A Generalized Theory and Optimistic Implementations for Distributed
//!   Transactions*, MIT 1999; Adya, Liskov, O'Neil, *Generalized Isolation Level Definitions*, 2000.
//! - K. Kingsbury, P. Alvaro, *Elle: Inferring Isolation Anomalies from Experimental Observations*,
//!   VLDB 2020, and the behaviour of Elle 0.2.7.
//! - A. Cerone, A. Gotsman, *Analysing Snapshot Isolation*, PODC 2016: why no two anti-dependencies
//!   of a cycle are apart under snapshot isolation.
//! - N. Crooks et al., *Seeing is Believing: A Client-Centric Specification of Database Isolation*,
//!   PODC 2017: models as what clients can see, which is how the tests define them.

mod analysis;
mod anomaly;
mod call;
mod fan;
mod graph;
#[cfg(test)]
mod graph_tests;
mod kind;
pub mod list_append;
mod model;
mod order;
pub mod rw_register;
mod search;
#[cfg(test)]
mod search_tests;
mod single;
mod versions;
mod walk;
mod wording;

pub use analysis::{Analysis, EXAMPLES_MAX, Found, Options};
pub use anomaly::{Anomaly, Dependency, Step};
pub use call::{Call, Outcome, Transaction};
pub use kind::{Kind, Order, Shape};
pub use model::{Model, UnknownModel, parse_models};
pub use versions::RepeatedWrite;
