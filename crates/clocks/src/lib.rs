//! Clocks of distributed systems, as pure values: nothing here reads a clock, an environment or a
//! random source. Time is an argument, and a stamp is what comes back.
//!
//! A clock answers "what came first?", and there are two ways to ask. *Physical* clocks say when
//! something happened, roughly: two machines never agree to the last millisecond, and any clock
//! may be set back. *Logical* clocks say what could have been the cause of what, exactly, and
//! nothing about the time of day. Each module is one point between the two.
//!
//! | module | a stamp | if `a` happened before `b` | if the stamp of `a` is lower | size |
//! |---|---|---|---|---|
//! | [`wall`] | milliseconds | on one node `a ≤ b` | nothing is known | 1 number |
//! | [`snowflake`] | milliseconds, machine, sequence | on one node `a < b` | nothing is known | 63 bits |
//! | [`lamport`] | a counter | `a < b` | `b` did not happen before `a` | 1 number |
//! | [`vector`] | a counter for each node | `a < b` | `a` happened before `b` | 1 number a node |
//! | [`version`] | what a replica has seen of each writer | `a < b` | `b` has seen all that `a` saw | 1 number a writer |
//! | [`hybrid`] | milliseconds and a counter | `a < b` | `b` did not happen before `a` | 2 numbers |
//!
//! # Happened before
//!
//! Lamport, *Time, Clocks, and the Ordering of Events in a Distributed System* (1978): an event
//! happened before another if both are on one node in that order, or if the first sent a message
//! that the second received, or through a chain of these. Events that no chain joins are
//! *concurrent*: neither can have influenced the other, whatever the hands of two clocks showed.
//!
//! # Counting ([`lamport`])
//!
//! One counter a node: one more at each event, and on receipt one more than the larger of the own
//! count and the received one. So a cause always has a lower number than its effect (the *clock
//! condition*). The converse does not hold: of two events with numbers 1 and 2 on two nodes the
//! first may be the cause of the second, or they may never have heard of each other. Numbers and
//! node names together ([`lamport::Stamp`]) put all events in one order that contradicts no cause.
//!
//! ```
//! use clocks::lamport::Lamport;
//!
//! let (mut sender, mut receiver) = (Lamport::default(), Lamport::default());
//! let sent = sender.tick();
//! assert_eq!((sent, receiver.receive(sent)), (1, Ok(2)));
//! ```
//!
//! # Counting everybody ([`vector`])
//!
//! Fidge, *Timestamps in Message-Passing Systems That Preserve the Partial Ordering* (1988), and
//! Mattern, *Virtual Time and Global States of Distributed Systems* (1989): with a counter for
//! each node the converse holds as well, and *concurrent* can be told from *before*. It costs a
//! number a node, and no smaller clock can do it (Charron-Bost, 1991).
//!
//! ```
//! use std::cmp::Ordering;
//!
//! use clocks::vector::VectorClock;
//!
//! let a = VectorClock::from([("n1", 2), ("n2", 1)]);
//! let b = VectorClock::from([("n1", 1), ("n2", 3)]);
//! assert_eq!(a.partial_cmp(&b), None, "concurrent");
//! assert_eq!(a.partial_cmp(&a.merged(&b)), Some(Ordering::Less));
//! ```
//!
//! # Counting versions ([`version`])
//!
//! Parker and others, *Detection of Mutual Inconsistency in Distributed Systems* (1983): the same
//! vectors, but what is counted is updates of one object. A replica keeps two values side by side,
//! as *siblings*, if neither writer has seen the other's. A vector alone cannot name a single
//! write, so two writes of one client with the same context would look like one; with a *dot*, the
//! number of the write itself beside the vector of what it has seen, they stay apart (Preguiça and
//! others, *Dotted Version Vectors*, 2010; Almeida and others, *Scalable and Accurate Causality
//! Tracking for Eventually Consistent Stores*, 2014). [`version::Siblings`] is a value with that
//! history: a write is dropped only by one that has seen it, and merging is a join, so replicas
//! may hear of each other in any order, twice, or late.
//!
//! # Milliseconds that do not go back ([`wall`], [`snowflake`])
//!
//! A clock that is read may stand still, leap and go back. [`wall::Guard`] shows the latest reading
//! there ever was, and says whether it *advanced* or was *held*. A Snowflake id (Twitter, 2010) is
//! such a reading, the number of the machine, and a sequence that counts while the reading is held:
//! 41, 10 and 12 bits, so that ids of one machine rise and those of several are roughly in order.
//! When a sequence is used up the guard moves on by itself, to where waiting would have led.
//!
//! # Both at once ([`hybrid`])
//!
//! Kulkarni, Demirbas, Madappa, Avva and Leone, *Logical Physical Clocks* (2014): a guarded reading
//! and a counter. While the clock runs ahead of all that was heard the counter stays 0 and the
//! stamp is the time of day; when the clock is held, or a message brings a later stamp, the counter
//! does what Lamport's does. So stamps respect causality like Lamport's, can be compared with the
//! time of day like Snowflake's, and never stray further from it than the clocks of the nodes that
//! were heard from stray from each other. It is a [`wall::Guard`] that also listens.
//!
//! # What is left out
//!
//! Physical clock synchronisation (NTP, TrueTime with its error bounds), matrix clocks, interval
//! tree clocks for nodes that come and go, and pruning of vectors.

pub mod hybrid;
pub mod lamport;
pub mod snowflake;
pub mod vector;
pub mod version;
pub mod wall;
