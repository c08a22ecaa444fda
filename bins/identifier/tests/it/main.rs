//! What `identifier` promises: ids are unique over nodes, restarts and any clock, whenever a node
//! is killed; ids that rise and respect causality; a store that loses no write; and its command line.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing")]

mod clock_nodes;
mod cluster;
mod command_line;
mod kill;
mod rising;
mod siblings;
mod unique;
