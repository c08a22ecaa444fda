//! What the nemesis does to programs in virtual time.

use super::VirtualWorld;
use crate::world::{Fault, ProblemKind};

impl VirtualWorld {
    /// Brings or mends a fault.
    pub(super) fn strike(&mut self, fault: &Fault) {
        let nodes = 0..self.nodes.len();
        match fault {
            Fault::RemoveMembers(_) | Fault::AddMembers => {}
            Fault::Partition(_) | Fault::Loss(_) | Fault::Duplicate(_) => {
                fault.strike(self.carrier.fabric_mut().network_mut());
            }
            Fault::Kill(targets) => targets.iter().for_each(|index| self.kill(*index, false)),
            Fault::PowerCut(targets) => targets.iter().for_each(|index| self.kill(*index, true)),
            Fault::Restart => nodes.for_each(|index| self.restart(index)),
            Fault::Pause(targets) => targets.iter().for_each(|index| {
                self.nodes[*index].is_paused = true;
                let paused = self.supervisor.pause(self.nodes[*index].handle);
                self.note(paused);
            }),
            Fault::Resume => nodes.for_each(|index| {
                self.nodes[index].is_paused = false;
                let resumed = self.supervisor.resume(self.nodes[index].handle);
                self.note(resumed);
            }),
            // Whoever wrote the program says how it lies: `check` of the command refuses this.
            Fault::Lie(_) => {}
            Fault::Clocks(offsets) => {
                for (index, offset) in offsets.iter().enumerate() {
                    let node = &mut self.nodes[index];
                    let jump = (offset - node.clock_offset_ms).saturating_mul(1_000_000);
                    node.clock_offset_ms = *offset;
                    let moved = self.supervisor.jump_clock(node.handle, jump);
                    self.note(moved);
                }
            }
        }
    }

    fn kill(&mut self, index: usize, loses_power: bool) {
        let node = &mut self.nodes[index];
        node.is_running = false;
        node.has_died = false;
        node.life += 1;
        self.carrier.killed(self.now, index);
        let killed = match loses_power {
            true => self.supervisor.power_cut(node.handle),
            false => self.supervisor.kill(node.handle),
        };
        self.note(killed);
    }

    fn restart(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if node.is_running {
            return;
        }
        (node.has_died, node.is_paused) = (false, false);
        (node.closed, node.reading) = (None, None);
        match self.supervisor.restart(node.handle) {
            Ok(()) => {
                node.is_running = true;
                self.carrier.begin(self.now, index);
            }
            Err(error) => self.complain(index, ProblemKind::NoInit, || {
                format!("it could not be started again: {error}")
            }),
        }
    }
}
