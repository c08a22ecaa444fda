//! maelstrom-tests.
