//! The fault `membership`, as far as it takes time: the operator asks nodes, and what was removed has to
//! be back before a run settles.

use std::time::Duration;

use super::Harness;
use crate::options::FaultKind;
use crate::workload::Workload;
use crate::world::{Problem, ProblemKind};

/// How long it may take until all removed nodes are members again.
const MEMBERS_BACK: Duration = Duration::from_secs(20);

impl<W: Workload> Harness<'_, W> {
    pub(super) fn let_operator_act(&mut self) {
        if self.operator.next_due() <= self.world.now() {
            let clients = &mut self.clients;
            self.operator.act(self.world, || clients.new_name(None));
        }
    }

    /// Waits until those that were removed are members again, as far as that can be.
    pub(super) fn await_members(&mut self) {
        self.operator.check_again(self.world.now());
        if self.operator.is_done() {
            return;
        }
        self.progress.phase("adding members back");
        let end = self.world.now() + MEMBERS_BACK;
        while !self.operator.is_done() && self.world.now() < end && !self.is_interrupted() {
            self.wait(end);
        }
        for node in self.operator.missing().filter(|_| !self.operator.is_refused()) {
            let seconds = MEMBERS_BACK.as_secs();
            let text = format!(
                "it could not be added back to the cluster within {seconds} s after everything else \
                 was healed"
            );
            let time = self.world.now().as_nanos();
            let (node, kind) = (self.world.node_ids()[node].clone(), ProblemKind::NotAddedBack);
            self.problems.push(Problem { node, time, kind, text, count: 1 });
        }
    }

    /// What became of the fault, where that is not what it is there for.
    pub(super) fn note_of_members(&self) -> Option<String> {
        if !self.options.nemesis.contains(&FaultKind::Membership) || self.operator.changed() > 0 {
            return None;
        }
        Some(match self.operator.is_refused() {
            true => "no member was removed: the nodes do not serve `remove_member`".to_owned(),
            false => "no member was removed: no node said that it was done".to_owned(),
        })
    }
}
