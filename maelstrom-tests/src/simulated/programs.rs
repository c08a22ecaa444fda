//! The programs whose nodes can be run in virtual time, by their names: ours, and those that others
//! bring before they read a command line.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use proto::Program;
use serde::{Serialize, Serializer};

/// Unique ids and clocks.
pub const IDENTIFIER: SimulatedNode =
    SimulatedNode { name: "identifier", program: identifier::program };
/// Broadcast and replicated types.
pub const GOSSIPER: SimulatedNode = SimulatedNode { name: "gossiper", program: gossiper::program };
/// A linearizable key-value store.
pub const CONSENSUS: SimulatedNode =
    SimulatedNode { name: "consensus", program: consensus::program };

const OURS: [SimulatedNode; 3] = [IDENTIFIER, GOSSIPER, CONSENSUS];

/// The programs that others have brought.
static OTHERS: Mutex<Vec<SimulatedNode>> = Mutex::new(Vec::new());

/// A program whose nodes can be run in virtual time. Which of them is up to the node's arguments.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedNode {
    name: &'static str,
    program: fn() -> Program,
}

impl SimulatedNode {
    /// The name on the command line, which is that of the program.
    pub fn as_str(self) -> &'static str {
        self.name
    }

    /// The program.
    pub fn program(self) -> Program {
        (self.program)()
    }
}

/// Adds a program, which `--simulate` finds by its name from now on. One of a name that is there
/// already takes its place.
pub fn register(program: fn() -> Program) -> SimulatedNode {
    let node = SimulatedNode { name: program().name, program };
    let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    others.retain(|known| known.name != node.name);
    others.push(node);
    node
}

/// All programs, those that others have brought first.
fn all() -> Vec<SimulatedNode> {
    let others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    others.iter().copied().chain(OURS).collect()
}

impl FromStr for SimulatedNode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = all();
        all.iter().copied().find(|node| node.name == name).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|node| node.name).collect();
            format!("has to be one of {}", names.join(", "))
        })
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
