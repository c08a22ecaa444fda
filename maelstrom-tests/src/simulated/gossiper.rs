//! How clients talk to the gossiper in its own types.

use checkers::Op;
use gossiper::{Body, Gossiper};
use proto::Json;

use super::Simulated;
use crate::world::Topology;

impl Simulated for Gossiper {
    type Watcher = ();

    fn topology(topology: &Topology) -> Option<Body> {
        Some(Body::Topology { topology: topology.clone() })
    }

    fn is_topology_ok(body: &Body) -> bool {
        *body == Body::TopologyOk
    }

    fn ask(op: &Op<Json>) -> Option<Body> {
        match op {
            Op::Broadcast { message } => Some(Body::Broadcast { message: message.clone() }),
            Op::ReadSet { .. } => Some(Body::Read),
            _ => None,
        }
    }

    fn answer(body: Body, op: &mut Op<Json>) -> bool {
        match (body, op) {
            (Body::BroadcastOk, Op::Broadcast { .. }) => true,
            (Body::ReadOk { messages }, Op::ReadSet { elements }) => {
                *elements = Some(messages.iter().cloned().collect());
                true
            }
            _ => false,
        }
    }

    fn watcher(_: usize) {}
}
