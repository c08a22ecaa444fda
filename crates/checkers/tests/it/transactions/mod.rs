//! The transaction checkers from outside.

mod brute_force;
mod cycles;
mod histories;
mod independent;
mod lattice;
mod seeded;
mod truth;
