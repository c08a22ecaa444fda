//! How long nodes may take: to answer `init`, to read, and to end once they have closed a stream.

use supervisor::{Delivered, Stream};

use super::VirtualWorld;
use crate::carrier::{INIT_TIMEOUT, READ_PATIENCE, closed_stream, not_reading};
use crate::virtual_time::node::Reading;
use crate::world::ProblemKind;

impl VirtualWorld {
    /// Looks from now on whether a node reads what it is sent.
    pub(super) fn watch_reading(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if node.reading.is_none() && !self.carrier.awaits_init(index) {
            match self.supervisor.delivered(node.handle) {
                Ok(Delivered { read, .. }) => {
                    node.reading = Some(Reading { due: self.now + READ_PATIENCE, read });
                }
                Err(error) => {
                    self.broken.get_or_insert(error);
                }
            }
        }
    }

    /// A while ago something was delivered: has the node read anything since?
    fn check_reading(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let Some(before) = node.reading.take_if(|reading| reading.due <= self.now) else { return };
        let Ok(Delivered { read, unread }) = self.supervisor.delivered(node.handle) else { return };
        if !node.is_running || unread == 0 {
            return;
        }
        if node.is_paused || read != before.read {
            return self.watch_reading(index);
        }
        self.complain(index, ProblemKind::NotReading, || not_reading(unread));
    }

    /// Complains of every node of which something is overdue.
    pub(super) fn check_deadlines(&mut self) {
        for index in 0..self.nodes.len() {
            self.check_reading(index);
            let node = &mut self.nodes[index];
            let closed = node.closed.take_if(|(due, _)| *due <= self.now);
            if let Some((_, stream)) = closed.filter(|_| node.is_running) {
                let stream = match stream {
                    Stream::Input => "stdin",
                    Stream::Output => "stdout",
                };
                self.complain(index, ProblemKind::ClosedStream, || closed_stream(stream));
            }
            if self.carrier.init_deadline(index).is_some_and(|deadline| deadline <= self.now) {
                let handle = self.nodes[index].handle;
                let unread =
                    self.supervisor.delivered(handle).map_or(0, |delivered| delivered.unread);
                let why = self.carrier.why_no_init(index, unread);
                let seconds = INIT_TIMEOUT.as_secs();
                let why =
                    format!("it did not answer `init` within {seconds} s of virtual time; {why}");
                self.fail_init(index, &why);
            }
        }
    }
}
