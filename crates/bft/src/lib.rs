//! Byzantine agreement as pure state machines.
