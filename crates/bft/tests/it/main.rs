//! The state machines in clusters, in virtual time.

mod pbft_schedule;
mod tendermint_schedule;
