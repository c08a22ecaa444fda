//! Workload broadcast: `topology {topology}` before the run, then `broadcast {message}` answered by
//! `broadcast_ok {}` and `read {}` answered by `read_ok {messages}`; every worker reads at the end.

use checkers::{Event, Op};
use proto::Json;
use simulator::Random;

use super::topology::neighbours;
use super::{Checked, OnError, Worker, Workload, set};
use crate::options::Options;
use crate::world::Topology;

/// See the module.
pub(super) struct Broadcast {
    topology: Topology,
    next: i64,
}

impl Broadcast {
    pub(super) fn new(options: &Options) -> Self {
        Self { topology: neighbours(options.topology, &options.nodes), next: 0 }
    }
}

impl Workload for Broadcast {
    fn topology(&self) -> Option<Topology> {
        Some(self.topology.clone())
    }

    fn operation(&mut self, _: Worker, random: &mut Random) -> Op<Json> {
        if random.chance(0.5) {
            return Op::ReadSet { elements: None };
        }
        self.next += 1;
        Op::Broadcast { message: Json::from(self.next - 1) }
    }

    fn final_operation(&self) -> Option<Op<Json>> {
        Some(Op::ReadSet { elements: None })
    }

    fn on_error(&self, op: &Op<Json>) -> OnError {
        match op {
            Op::ReadSet { .. } => OnError::Idempotent,
            _ => OnError::AsTheCodeSays,
        }
    }

    fn check(&self, history: &[Event<Json>], _: &mut dyn FnMut() -> bool) -> Checked {
        set::check(history)
    }
}
