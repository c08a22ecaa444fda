//! How clients talk to the consensus node in its own types, and Raft's safety after every event.

use checkers::Op;
use consensus::ConsensusNode;
use consensus::body::Body;
use consensus::command::SharedCommand;
use proto::Json;
use raft::invariants::Invariants;
use simulator::Cluster;

use super::Simulated;

/// The invariants of the paper's figure 3, and the lives of the nodes they were seen in.
pub struct Watcher {
    invariants: Invariants<SharedCommand>,
    lives: Vec<u64>,
}

impl Simulated for ConsensusNode {
    type Watcher = Watcher;

    fn ask(op: &Op<Json>) -> Option<Body> {
        match op {
            Op::Read { key, .. } => Some(Body::Read { key: key.clone() }),
            Op::Write { key, value } => {
                Some(Body::Write { key: key.clone(), value: value.clone() })
            }
            Op::Cas { key, from, to } => {
                Some(Body::Cas { key: key.clone(), from: from.clone(), to: to.clone() })
            }
            _ => None,
        }
    }

    fn answer(body: Body, op: &mut Op<Json>) -> bool {
        match (body, op) {
            (Body::ReadOk { value }, Op::Read { value: got, .. }) => {
                *got = Some(Some(value).filter(|value| !value.is_null()));
                true
            }
            (Body::WriteOk, Op::Write { .. }) | (Body::CasOk, Op::Cas { .. }) => true,
            _ => false,
        }
    }

    fn is_primary(&self) -> bool {
        self.replica().is_some_and(|replica| replica.raft().is_leader())
    }

    fn watcher(nodes: usize) -> Watcher {
        Watcher { invariants: Invariants::new(nodes), lives: vec![0; nodes] }
    }

    fn watch(watcher: &mut Watcher, cluster: &Cluster<Self>, index: usize) -> Result<(), String> {
        let Some(replica) = cluster.node(index).replica() else { return Ok(()) };
        let life = cluster.life(index);
        if watcher.lives[index] != life {
            watcher.lives[index] = life;
            watcher.invariants.restarted(replica.raft().id());
        }
        watcher.invariants.observe(replica.raft()).map_err(|violation| violation.to_string())
    }
}
