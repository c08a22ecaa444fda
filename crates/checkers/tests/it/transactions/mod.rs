//! The transaction checkers from outside.

mod brute_force;
mod cycles;
mod histories;
mod truth;
