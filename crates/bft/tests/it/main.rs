//! The state machines in clusters, in virtual time.

mod pbft_schedule;
mod schedule;
mod tendermint_schedule;
