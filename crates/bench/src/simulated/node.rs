//! A program whose nodes can be run in virtual time, by its name.

use std::fmt;

use proto::Program;
use serde::{Serialize, Serializer};

/// A program whose nodes can be run in virtual time. Which of them is up to the node's arguments.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedNode {
    name: &'static str,
    program: fn() -> Program,
}

impl SimulatedNode {
    /// A program by the name that it has itself.
    pub const fn new(name: &'static str, program: fn() -> Program) -> Self {
        Self { name, program }
    }

    /// The name on the command line, which is that of the program.
    pub fn as_str(self) -> &'static str {
        self.name
    }

    /// The program.
    pub fn program(self) -> Program {
        (self.program)()
    }
}

impl PartialEq for SimulatedNode {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for SimulatedNode {}

impl fmt::Display for SimulatedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for SimulatedNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}
