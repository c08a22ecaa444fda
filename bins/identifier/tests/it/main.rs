//! What `identifier` promises: ids are unique over nodes, restarts and any clock, whenever a node
//! is killed; and its command line.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing")]

mod cluster;
mod command_line;
mod kill;
mod unique;
