//! Paxos as a pure state machine.
