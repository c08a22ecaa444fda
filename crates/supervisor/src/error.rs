//! What can go wrong between the supervisor and the kernel.

use std::io;

/// Why a node could not be started or ruled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program did not start: what the launcher or the shell would say.
    #[error("{program}: {why}")]
    Launch {
        /// The program that was asked for.
        program: String,
        /// In words: not found, no permission, tracing refused.
        why: String,
    },
    /// The kernel refused something the supervisor cannot do without.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A cluster from these templates is still there: they share their pipes.
    #[error("the templates are in use")]
    TemplatesInUse,
    /// This is no x86-64 Linux.
    #[error("virtual time is for x86-64 Linux only")]
    Elsewhere,
    /// No node has this number.
    #[error("there is no such node")]
    NoSuchNode,
    /// The node does not run: it exited or was killed.
    #[error("the node does not run")]
    NotRunning,
}

impl Error {
    /// With what the kernel, or the library before it, said.
    pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System { what, source: error.into() }
    }
}
