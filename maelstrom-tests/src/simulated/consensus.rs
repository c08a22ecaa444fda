//! How clients talk to the consensus node in its own types, and Raft's safety after every event.

use checkers::Op;
use consensus::ConsensusNode;
use consensus::body::Body;
use consensus::simulated::SafetyWatch;
use proto::Json;
use simulator::Cluster;

use super::Simulated;

impl Simulated for ConsensusNode {
    type Watcher = SafetyWatch;

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

    fn watcher(nodes: usize) -> SafetyWatch {
        SafetyWatch::new(nodes)
    }

    fn watch(
        watcher: &mut SafetyWatch,
        cluster: &Cluster<Self>,
        index: usize,
    ) -> Result<(), String> {
        watcher.look(cluster, index).map_err(|violation| violation.to_string())
    }
}
