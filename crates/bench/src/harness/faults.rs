//! When the nemesis strikes, and what clients know of it.

use std::time::Duration;

use checkers::{Kind, OpError};
use proto::Time;

use super::Harness;
use crate::account::Reading;
use crate::nemesis::Step;
use crate::workload::Workload;
use crate::world::Fault;

/// How long the first kill waits for the first operation to complete.
const FIRST_OPERATION_PATIENCE: Duration = Duration::from_secs(5);
/// How long the first kill is put off each time.
const KILL_DELAY: Duration = Duration::from_millis(5);
/// The processes that stand for requests which Byzantine nodes made up: above all that clients are.
const FIRST_INVENTOR: u64 = 1 << 32;
/// Most replies that are taken before a kill.
const LAST_REPLIES_MAX: usize = 1000;

impl<W: Workload> Harness<'_, W> {
    pub(super) fn let_nemesis_strike(&mut self, now: Time) {
        if self.nemesis.next_due().is_some_and(|due| due <= now) {
            if self.nemesis.is_first_kill_next() && self.awaits_traffic(now) {
                return self.nemesis.postpone(now + KILL_DELAY);
            }
            let primary = self.world.primary();
            if let Some(step) = self.nemesis.step(now, primary) {
                self.carry_out(step);
            }
        }
    }

    /// Whether a kill would find nodes that have nothing to lose yet, and it is early enough to wait
    /// for them: for an interval of the nemesis, and longer for the very first operation.
    fn awaits_traffic(&self, now: Time) -> bool {
        let interval = self.options.nemesis_interval;
        let mut asked = self.nodes.iter().take(self.clients.len());
        if self.nodes.iter().any(|node| node.has_served) {
            return now < self.origin + interval && asked.any(|node| !node.has_served);
        }
        now < self.origin + interval.max(FIRST_OPERATION_PATIENCE)
    }

    /// What counts at this moment.
    pub(super) fn reading(&self) -> Reading {
        let members_changed = self.operator.changed();
        Reading { statistics: self.world.statistics(), members_changed }
    }

    /// Puts what begins or ends to its account.
    fn account_for(&mut self, step: &Step) {
        let reading = self.reading();
        if !step.begins {
            return self.account.end(step.kind, reading);
        }
        let nodes = match &step.fault {
            Fault::Kill(nodes) | Fault::PowerCut(nodes) | Fault::Pause(nodes) => {
                nodes.iter().filter(|node| !self.world.is_down(**node)).count()
            }
            Fault::Lie(nodes) => nodes.len(),
            _ => 0,
        };
        self.account.begin(step.kind, nodes as u64, self.clients.under_way(), reading);
    }

    pub(super) fn carry_out(&mut self, step: Step) {
        self.last_fault = self.world.now();
        self.account_for(&step);
        self.record_fault(step.begun);
        if matches!(step.fault, Fault::Kill(_) | Fault::PowerCut(_)) {
            // What was answered before it counts, although nobody has looked yet.
            for _ in 0..LAST_REPLIES_MAX {
                let Some(reply) = self.world.wait(self.world.now()) else { break };
                self.receive(reply);
            }
        }
        match &step.fault {
            Fault::RemoveMembers(nodes) => self.operator.remove(nodes),
            Fault::AddMembers => self.operator.add_all(),
            fault => self.world.inject(fault),
        }
        self.record_fault(step.done);
        if let Fault::Lie(liars) = &step.fault {
            self.believe_all_but(liars);
        }
        if let Fault::Kill(targets) | Fault::PowerCut(targets) = &step.fault {
            targets.iter().for_each(|node| self.bury(*node));
        } else if step.fault == Fault::Restart {
            for (index, node) in self.nodes.iter_mut().enumerate() {
                if node.is_down && !self.world.is_down(index) {
                    node.has_restarted = true;
                    node.is_fresh = true;
                    node.has_served = false;
                }
            }
        }
        self.notice_deaths();
    }

    /// What goes through these nodes from now on, and what is under way there, has no known outcome.
    fn believe_all_but(&mut self, liars: &[usize]) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.lies = liars.contains(&index);
        }
        liars.iter().for_each(|node| self.clients.doubt(*node));
    }

    /// What Byzantine nodes have made up may happen from now on, or never.
    pub(super) fn note_invented(&mut self) {
        for body in self.world.take_invented() {
            let Some(op) = self.workload.invented(&body) else { continue };
            let process = FIRST_INVENTOR + self.invented;
            self.invented += 1;
            self.record_client(process, Kind::Invoke, op.clone(), None, false);
            self.record_client(process, Kind::Info, op, Some(node_is_byzantine()), false);
        }
    }
}

pub(super) fn node_is_byzantine() -> OpError {
    OpError::Other("the node is Byzantine, and nothing that it says counts".to_owned())
}
