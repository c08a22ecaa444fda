//! The way of a message: from a line on a node's stdout, or from a client, through the network to
//! the stdin of a node, to a service, or to a client.

use proto::{AnyBody, AnyMessage, MessageId, NodeId, Payload, Time, body_text};
use simulator::{Care, Endpoint, Fabric, Fate, Happening, Parcel, Unsent};

use super::ProcessWorld;
use super::lines::Piece;
use super::message;
use super::node::{BACKLOG_MIB_MAX, LINE_BYTES_MAX, PendingInit};
use crate::wire::quote;
use crate::world::{ProblemKind, Reply};

/// How long a node has to answer `init`.
pub(crate) const INIT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
/// Most that may be on its way in the network, in MiB. What comes on top is lost.
pub(crate) const IN_FLIGHT_MIB_MAX: usize = 128;

impl ProcessWorld {
    /// Sends `init` to a node that was just started.
    pub(super) fn send_init(&mut self, index: usize) {
        let deadline = self.time + INIT_TIMEOUT;
        let node = &mut self.nodes[index];
        let Some(running) = &mut node.running else { return };
        let msg_id = MessageId(node.starts);
        running.init = Some(PendingInit { msg_id, deadline });
        self.fabric.send_init(self.time, index, msg_id);
        self.deliver_due();
    }

    /// Sends a client's request.
    pub(super) fn send_request(&mut self, client: &NodeId, index: usize, body: String) {
        self.fabric.request(self.time, client, index, body.into_boxed_str());
        self.deliver_due();
    }

    /// Takes what a node wrote on stdout.
    pub(super) fn receive_piece(&mut self, index: usize, piece: &Piece<'_>) {
        let Some(running) = &mut self.nodes[index].running else { return };
        running.line_count += 1;
        let number = running.line_count;
        let (Piece::Line(line) | Piece::TooLong(line)) = piece;
        if running.init.is_some() {
            running.tail.push(line);
        }
        let parsed = match piece {
            Piece::Line(line) => message::parse(line),
            Piece::TooLong(_) => Err(format!(
                "it is longer than {} MiB and has no end yet; is the newline missing?",
                LINE_BYTES_MAX >> 20
            )),
        };
        match parsed {
            Ok(parsed) => self.receive_line(index, number, line, &parsed),
            Err(flaw) => self
                .complain(index, ProblemKind::Garbage, || message::no_message(number, &flaw, line)),
        }
    }

    fn receive_line(&mut self, index: usize, number: u64, line: &[u8], parsed: &message::Line<'_>) {
        let message::Line { src, dest, body, is_shared } = parsed;
        if *is_shared {
            let text = || message::line_is(number, message::SHARED_LINE, line);
            self.complain(index, ProblemKind::SharedLine, text);
        }
        if let Some((kind, what)) = message::oddity(&self.fabric, index, (src, dest)) {
            self.complain(index, kind, || message::line_is(number, &what, line));
        }
        let message = AnyMessage {
            src: src.clone(),
            dest: dest.clone(),
            msg_id: None,
            in_reply_to: None,
            payload: Payload::Body(AnyBody::Text((*body).into())),
        };
        // A node that never gets its `init` answered says nothing about its logic.
        let care = match *dest == Fabric::init_client(index) {
            true => Care::Safe,
            false => Care::AsUsual,
        };
        if self.fabric.send(self.time, message, care) == Err(Unsent::NoRoom) {
            self.complain(index, ProblemKind::Overflow, || {
                format!(
                    "it sends so much that more than {IN_FLIGHT_MIB_MAX} MiB are on their way; what \
                     came after that is lost"
                )
            });
        }
        self.deliver_due();
    }

    /// Lets everything arrive that is due.
    pub(super) fn deliver_due(&mut self) {
        while let Some((_, happening)) = self.fabric.poll(self.time) {
            match happening {
                Happening::AtNode(index, parcel) => self.arrive_at_node(index, &parcel),
                Happening::AtClient(message) => self.arrive_at_client(message),
                Happening::Alarm(_) | Happening::Within => {}
            }
        }
    }

    fn arrive_at_node(&mut self, index: usize, parcel: &Parcel) {
        let Some(running) = self.nodes[index].running.as_mut().filter(|node| node.listens()) else {
            return self.fabric.lose(self.time, Fate::ReceiverDown, parcel);
        };
        if running.is_full() {
            let is_paused = running.is_paused;
            self.fabric.lose(self.time, Fate::ReceiverDown, parcel);
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
        if self.fabric.enters(self.time, parcel) {
            running.deliver(parcel, &body);
            self.fabric.received(self.time, parcel);
        }
    }

    fn arrive_at_client(&mut self, message: AnyMessage) {
        let Payload::Body(AnyBody::Text(body)) = message.payload else { return };
        let in_reply_to = message::in_reply_to(&body);
        if let Some(Endpoint::Node(index)) = self.fabric.endpoint(&message.src)
            && Fabric::init_client(index) == message.dest
        {
            return self.receive_init_reply(index, in_reply_to, &body);
        }
        let (node, client) = (message.src, message.dest);
        self.replies.push_back(Reply { node, client, in_reply_to, body: body.into_string() });
    }

    fn receive_init_reply(&mut self, index: usize, in_reply_to: Option<MessageId>, body: &str) {
        let Some(running) = &mut self.nodes[index].running else { return };
        let Some(pending) = running.init else { return };
        if in_reply_to != Some(pending.msg_id) {
            return;
        }
        if message::is_init_ok(body) {
            running.init = None;
            running.tail.clear();
        } else {
            let body = quote(body.as_bytes());
            self.fail_init(index, format!("it answered `init` with something else: {body}"));
        }
    }

    /// When the next message arrives.
    pub(super) fn next_arrival(&self) -> Option<Time> {
        self.fabric.next_time()
    }
}
