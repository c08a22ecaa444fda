//! Where lines on a node's stdout go, and messages that are at its door.

use proto::body_text;
use simulator::{Fate, Parcel};

use super::ProcessWorld;
use super::lines::Piece;
use super::node::BACKLOG_MIB_MAX;
use crate::carrier::Arrival;
use crate::world::ProblemKind;

impl ProcessWorld {
    /// Sends `init` to a node that was just started.
    pub(super) fn send_init(&mut self, index: usize) {
        self.carrier.begin(self.time, index);
        self.deliver_due();
    }

    /// Takes what a node wrote on stdout.
    pub(super) fn receive_piece(&mut self, index: usize, piece: &Piece<'_>) {
        match piece {
            Piece::Line(line) => self.carrier.take_line(self.time, index, line),
            Piece::TooLong(line) => self.carrier.take_long_line(self.time, index, line),
        }
        self.deliver_due();
    }

    /// Lets everything arrive that is due.
    pub(super) fn deliver_due(&mut self) {
        while let Some(arrival) = self.carrier.poll(self.time) {
            match arrival {
                Arrival::AtNode(index, parcel) => self.arrive_at_node(index, &parcel),
                Arrival::InitRefused(index, why) => {
                    self.carrier.fail_init(self.time, index, &why, &self.nodes[index].log.tail);
                }
            }
        }
    }

    fn arrive_at_node(&mut self, index: usize, parcel: &Parcel) {
        let (now, fabric) = (self.time, self.carrier.fabric_mut());
        let Some(running) = self.nodes[index].running.as_mut().filter(|node| node.listens()) else {
            return fabric.lose(now, Fate::ReceiverDown, parcel);
        };
        if running.is_full() {
            let is_paused = running.is_paused;
            fabric.lose(now, Fate::ReceiverDown, parcel);
            if !is_paused {
                let sender = &parcel.message.src;
                self.complain(index, ProblemKind::Overflow, || {
                    format!(
                        "it does not read its stdin as fast as messages come, the last one from \
                         {sender}; what came after {BACKLOG_MIB_MAX} MiB is lost"
                    )
                });
            }
            return;
        }
        // What has no text is a defect of ours, and nothing can be delivered of it.
        let Ok(body) = body_text(&parcel.message) else { return };
        if fabric.enters(now, parcel) {
            running.deliver(parcel, &body);
            fabric.received(now, parcel);
        }
    }
}
