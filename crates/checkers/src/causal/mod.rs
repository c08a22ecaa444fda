//! What clocks and stores owe to *happened before*, and nothing that depends on a clock: both
//! checkers follow messages and what clients have seen.
//!
//! | checker | question |
//! |---|---|
//! | [`ids::check`] | is every id higher than all that its node could have heard of? |
//! | [`writes::check`] | was an acknowledged write lost to one that had not seen it? |

pub mod ids;
pub mod writes;
