//! The programs whose nodes can be run in virtual time, by their names: ours, and those that others
//! bring before they read a command line.

use std::sync::{Mutex, PoisonError};

use proto::Program;

use crate::simulated::SimulatedNode;

/// Unique ids and clocks.
pub const IDENTIFIER: SimulatedNode = SimulatedNode::new("identifier", identifier::program);
/// Broadcast and replicated types.
pub const GOSSIPER: SimulatedNode = SimulatedNode::new("gossiper", gossiper::program);
/// A linearizable key-value store.
pub const CONSENSUS: SimulatedNode = SimulatedNode::new("consensus", consensus::program);

const OURS: [SimulatedNode; 3] = [IDENTIFIER, GOSSIPER, CONSENSUS];

/// The programs that others have brought.
static OTHERS: Mutex<Vec<SimulatedNode>> = Mutex::new(Vec::new());

/// Adds a program, which `--simulate` finds by its name from now on. One of a name that is there
/// already takes its place.
pub fn register(program: fn() -> Program) -> SimulatedNode {
    let node = SimulatedNode::new(program().name, program);
    let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    others.retain(|known| *known != node);
    others.push(node);
    node
}

/// All programs, those that others have brought first.
fn all() -> Vec<SimulatedNode> {
    let others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    others.iter().copied().chain(OURS).collect()
}

/// The program of this name.
///
/// # Errors
/// Says which there are.
pub fn find(name: &str) -> Result<SimulatedNode, String> {
    let all = all();
    all.iter().copied().find(|node| node.as_str() == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|node| node.as_str()).collect();
        format!("has to be one of {}", names.join(", "))
    })
}
