//! The Identifier: nodes that give out ids, and nodes that tell what happened before what. Each is a
//! file of its own and is chosen by the program's first argument.
//!
//! | node | tasks | what it does |
//! |---|---|---|
//! | [`unique-ids`](node) (default) | 2-1 to 2-5 | ids of a counter, a timestamp or chance |
//! | [`snowflake`] | 2-2-1 to 2-2-5 | ids of 63 bits that rise on each node |
//! | [`lamport`] | 2-3-1, 2-3-2 | a Lamport clock, and what it cannot say |
//! | [`vector-clock`](vector_clock) | 2-3-3, 2-3-4 | a vector clock, and vectors compared |
//! | [`siblings`] | 2-3-5 | a replicated store that keeps concurrent writes side by side |
//! | [`hlc`] | 2-4-1 to 2-4-3, 2-4-5 | a hybrid clock, and ids that respect causality |
//! | [`compare-ids`](compare_ids) | 2-4-4 | three schemes of ids side by side |
//! | [`echo`] | | gives back what it gets |
//!
//! The clocks themselves are the crate [`clocks`], whose front page says which of them answers
//! which question.
//!
//! # Ids that nobody else gives out
//!
//! No node and no other moment on the same node gives out the same id, and nobody is asked for it:
//! no peer, no service, so a node answers in full isolation.
//!
//! | scheme | an id | unique as long as |
//! |---|---|---|
//! | [`counter`](scheme::counter) (default) | `n1-0`, `n1-1`, ... | node ids differ; a node is not restarted, or has a state directory |
//! | [`timestamp`](scheme::timestamp) | `n1-1704067200000-0` | node ids differ; the clock shows a later time after a restart than before it, or there is a state directory |
//! | [`random`](scheme::random) | `n1-1704067200000-` and 32 hexadecimal digits | the operating system gives each start of a node another seed |
//! | [`snowflake`] | `243270182403612672` | all nodes get the same list of at most 1,024 nodes; restarts as with `timestamp` |
//! | [`hlc`] | `1704067200000_0_n1` | node ids differ; restarts as with `timestamp` |
//!
//! In all of them the nodes of a cluster use the same scheme. None of them needs a clock that runs
//! straight: it may jump in either direction while a node runs. The module of a scheme says why
//! its ids are unique.
//!
//! [`program`] is the table of the nodes.

pub mod args;
pub mod compare_ids;
pub mod echo;
pub mod hlc;
mod input;
pub mod lamport;
pub mod node;
mod reservation;
pub mod scheme;
pub mod siblings;
pub mod snowflake;
pub mod vector_clock;

use compare_ids::CompareIds;
use echo::Echo;
use hlc::Hlc;
use lamport::LamportNode;
pub use node::Identifier;
pub use scheme::Scheme;
use siblings::Siblings;
use snowflake::Snowflake;
use vector_clock::VectorClockNode;

use proto::{Arguments, Program, UsageError};

/// The nodes that the program can be.
pub fn program() -> Program {
    let unique_ids = |arguments: &mut Arguments| Ok(Identifier::new(args::parse(arguments)?));
    Program::new("identifier", env!("CARGO_PKG_VERSION"))
        .node(args::MANUAL, unique_ids)
        .node(snowflake::MANUAL, Snowflake::from_arguments)
        .node(lamport::MANUAL, without_flags(LamportNode::default))
        .node(vector_clock::MANUAL, without_flags(VectorClockNode::default))
        .node(siblings::MANUAL, without_flags(Siblings::default))
        .node(hlc::MANUAL, without_flags(Hlc::default))
        .node(compare_ids::MANUAL, without_flags(CompareIds::default))
        .node(echo::MANUAL, without_flags(|| Echo))
}

/// The constructor of a node that has no flags of its own.
fn without_flags<N>(make: impl Fn() -> N) -> impl Fn(&mut Arguments) -> Result<N, UsageError> {
    move |arguments| match arguments.next_flag()? {
        Some(flag) => Err(arguments.unknown(&flag)),
        None => Ok(make()),
    }
}
