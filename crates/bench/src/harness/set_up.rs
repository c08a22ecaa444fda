//! What nodes are told before a run.

use std::time::Duration;

use proto::MessageId;

use super::Harness;
use crate::wire::{self, Answer};
use crate::workload::Workload;
use crate::world::{Problem, ProblemKind};

/// How long a node may take to answer `topology`.
const SETUP_TIMEOUT: Duration = Duration::from_secs(5);

impl<W: Workload> Harness<'_, W> {
    /// Tells every node what the workload has it told, all at once.
    pub(super) fn set_up(&mut self) -> Result<(), Problem> {
        let Some(request) = self.workload.set_up() else { return Ok(()) };
        let kind = request.kind;
        let mut waiting = Vec::new();
        for node in 0..self.world.node_ids().len() {
            let client = self.clients.new_name(None);
            self.world.send(&client, node, &request.body(MessageId(1)));
            waiting.push((client, node));
        }
        let deadline = self.world.now() + SETUP_TIMEOUT;
        while let Some((_, first)) = waiting.first() {
            let first = *first;
            let reply = self.world.wait(deadline);
            // Where no node is left the run is interrupted too, and this is why.
            let dead = waiting.iter().find(|(_, node)| self.world.is_down(*node));
            if let Some((_, node)) = dead {
                let reason = format!("it ended before it had answered `{kind}`");
                return Err(self.not_started(*node, reason));
            }
            if self.is_interrupted() {
                return Ok(());
            }
            let Some(reply) = reply else {
                if self.world.now() < deadline {
                    continue;
                }
                let seconds = SETUP_TIMEOUT.as_secs();
                let reason = format!(
                    "it did not answer `{kind}` within {seconds} s; does it know that message, and \
                     does it flush stdout after each line?"
                );
                return Err(self.not_started(first, reason));
            };
            let Some(at) = waiting.iter().position(|(client, _)| *client == reply.client) else {
                // Whatever else it says, it must not keep us for ever.
                if self.world.now() < deadline {
                    continue;
                }
                let reason = format!("it did not answer `{kind}`, whatever else it said");
                return Err(self.not_started(first, reason));
            };
            let (_, index) = waiting.swap_remove(at);
            let reason = match wire::read(kind, &reply.body, |_| Ok(())) {
                Answer::Ok => continue,
                Answer::Error(error) => error.to_string(),
                Answer::Malformed(reason) => reason,
            };
            let reason = format!("it did not answer `{kind}` as it should: {reason}");
            return Err(self.not_started(index, reason));
        }
        Ok(())
    }

    fn not_started(&self, node: usize, reason: String) -> Problem {
        let workload = self.options.workload.as_str();
        Problem {
            node: self.world.node_ids()[node].clone(),
            time: self.world.now().as_nanos(),
            kind: ProblemKind::NotStarted,
            text: format!(
                "{reason}; is this a node for {workload}? `eddy check-node -w {workload}` asks it one of each \
                 message and explains its answers"
            ),
            count: 1,
        }
    }
}
