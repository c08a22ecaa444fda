//! The Identifier: a node that gives out ids which no other node, and no other moment on the same
//! node, gives out. It asks nobody: no peer, no service, so it answers in full isolation.
//!
//! | scheme | an id | unique as long as |
//! |---|---|---|
//! | [`counter`](scheme::counter) (default) | `n1-0`, `n1-1`, ... | node ids differ; a node is not restarted, or has a state directory |
//! | [`timestamp`](scheme::timestamp) | `n1-1704067200000-0` | node ids differ; the clock shows a later time after a restart than before it, or there is a state directory |
//! | [`random`](scheme::random) | `n1-1704067200000-` and 32 hexadecimal digits | the operating system gives each start of a node another seed |
//!
//! In all three the nodes of a cluster use the same scheme. None of them needs a clock that runs
//! straight: it may jump in either direction while a node runs. The module of a scheme says why
//! its ids are unique.
//!
//! [`node`] says which message does what; [`args`] reads the command line.

pub mod args;
pub mod node;
pub mod scheme;

pub use node::Identifier;
pub use scheme::Scheme;

use proto::{Arguments, Program};

/// The nodes that the program can be.
pub fn program() -> Program {
    let unique_ids = |arguments: &mut Arguments| Ok(Identifier::new(args::parse(arguments)?));
    Program::new("identifier", env!("CARGO_PKG_VERSION")).node(args::MANUAL, unique_ids)
}
