//! Raft as a pure state machine: no clock, no I/O, no threads.
//!
//! Raft keeps one log of commands identical on all nodes of a cluster, so that
//! every node that applies the log in order goes through the same states. As
//! long as a majority of the nodes is up and connected the log grows; nothing
//! that was once committed is ever lost or changed. Sources: Ongaro and
//! Ousterhout, *In Search of an Understandable Consensus Algorithm (extended
//! version)*, "the paper", and Ongaro's dissertation, "the thesis".
//!
//! # How to drive a node
//!
//! A [`Raft`] takes inputs together with the time, a [`Duration`] since any
//! fixed moment: [`Raft::step`] for a message, [`Raft::tick`] when
//! [`Raft::next_deadline`] has come, [`Raft::propose`] and [`Raft::read`] for
//! its clients. [`Raft::take_output`] then gives what is to be done, and the
//! order matters: store the *records*, send the *messages* once that is safe,
//! carry out the *applies*, serve the *reads*. A record is never needed again
//! except after a restart, when [`Restored`] brings it back.
//!
//! ```
//! use std::time::Duration;
//! use raft::{Apply, Config, Incarnation, MemberId, Raft, Restored};
//!
//! let config = Config {
//!     id: MemberId(0),
//!     members: [MemberId(0)].into(),
//!     election_timeout: Duration::from_millis(300),
//!     heartbeat_interval: Duration::from_millis(100),
//!     gather_window: Duration::from_millis(3),
//!     entries_per_message: 512,
//!     durable: true,
//! };
//! // A cluster of one leads at once.
//! let mut node: Raft<&str, ()> =
//!     Raft::new(config, Incarnation(1), Restored::default(), Duration::ZERO, 42);
//! node.propose(Duration::ZERO, "x = 1").unwrap();
//! let applied = node.take_output().applies;
//! assert!(matches!(&applied[1], Apply::Entry(entry) if entry.command() == Some(&"x = 1")));
//! ```
//!
//! # The log ([`log`])
//!
//! An [`Entry`] has an index and the [`Term`] of the leader that made it. Two
//! logs that hold an entry of the same index and term agree up to there (*log
//! matching*), because a follower takes entries only if it holds the one before
//! them. When it does not, it refuses and says where its own conflicting term
//! begins, so that the leader skips a whole term at a time. A new leader's
//! entries replace what contradicts them, but never a committed entry.
//!
//! # Elections ([`candidate`], `election`)
//!
//! Time is divided in terms; a node votes once in each, for a candidate whose
//! log is at least as up to date as its own, and a majority makes a leader. So
//! a term has at most one leader (*election safety*), and the leader holds
//! every committed entry (*leader completeness*). Timeouts are random, so that
//! ties are rare. Three refinements of the thesis keep elections from doing
//! harm: a node first asks for *pre-votes*, which bind nobody and raise no
//! term; a node that heard a leader within the last election timeout answers
//! no candidate (*stickiness*); and a leader that heard no quorum for that long
//! steps down (*check-quorum*).
//!
//! # Replication ([`leader`], [`progress`], [`mod@quorum`])
//!
//! An entry is committed when a majority stores it and it is of the leader's
//! own term; entries of earlier terms are committed along with a later one
//! only (paper, figure 8). A new leader therefore begins with a no-op. Entries
//! are sent without waiting for earlier answers, in *rounds*: what arrives
//! within a gather window shares one, and a round goes to a bare quorum first.
//!
//! # Reads
//!
//! A read does not go through the log. The leader remembers it, sends a round,
//! and serves it when a quorum has answered that round or a later one: then no
//! other leader can have committed anything before the read came in (ReadIndex,
//! thesis 6.4). The round must be sent after the read came in, and a leader
//! serves none before it has committed an entry of its own term.
//!
//! # Snapshots
//!
//! The host hands in the state at an index ([`Raft::compact`]) and the log
//! before it goes. A follower whose next entry is gone gets the state itself,
//! in one message.
//!
//! # Restarts ([`roster`])
//!
//! With its records back, a node goes on as if it had been asleep. Without
//! them it must not vote again; incarnations see to that.
//!
//! # Members ([`membership`], [`quorum::joint`])
//!
//! Members come and go by joint consensus ([`Raft::change_members`]): while they change, elections,
//! commits and reads need a majority of the old and one of the new members.
//!
//! # What is checked ([`invariants`])
//!
//! The five safety properties of the paper's figure 3, and that configurations which follow each
//! other have no disjoint majorities, are an incremental checker over all nodes of a simulated
//! cluster.
//!
//! # What is left out
//!
//! Chunked snapshots and reads by clock leases.
//!
//! [`Duration`]: std::time::Duration

pub mod candidate;
mod config;
mod core;
mod election;
pub mod follower;
pub mod invariants;
pub mod leader;
pub mod log;
pub mod membership;
mod message;
pub mod progress;
pub mod quorum;
pub mod raft;
pub mod roster;
mod types;

pub use crate::config::Config;
pub use crate::invariants::{Invariants, Violation};
pub use crate::membership::{ChangeRefused, Configuration, Voters};
pub use crate::message::{
    AppendEntries, AppendReply, Apply, Ballot, Conflict, Content, Entry, Envelope, Message, Output,
    Payload, Record, RequestVote, Restored, Snapshot, Vote,
};
pub use crate::quorum::quorum;
pub use crate::raft::{Raft, Role};
pub use crate::roster::Incarnations;
pub use crate::types::{Incarnation, LogIndex, MemberId, ReadId, Round, Term};
