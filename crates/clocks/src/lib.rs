//! Clocks of distributed systems.
