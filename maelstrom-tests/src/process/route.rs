//! The way of a message: from a line on a node's stdout, or from a client, through the network to
//! the stdin of a node, to a service, or to a client.

use std::sync::Arc;

use proto::service::ServiceReply;
use proto::{MessageId, NodeId, Payload, Time, encode};
use serde::{Deserialize, Serialize};
use simulator::Endpoint;

use super::ProcessWorld;
use super::journal::{Loss, MessageEvent};
use super::lines::Piece;
use super::message::{self, Message, quote};
use super::node::{BACKLOG_MIB_MAX, LINE_BYTES_MAX, PendingInit};
use crate::world::{ProblemKind, Reply};

/// How long a node has to answer `init`.
pub(super) const INIT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
/// Most that may be on its way in the network, in MiB. What comes on top is lost.
const IN_FLIGHT_MIB_MAX: usize = 128;

/// What a message on its way costs besides its body, in bytes.
const IN_FLIGHT_BYTES: usize = 256;

/// A message that arrives later.
#[derive(Debug)]
pub(super) struct InFlight {
    id: u64,
    from: Endpoint,
    to: Endpoint,
    src: NodeId,
    dest: NodeId,
    body: Arc<str>,
}

/// Whether the network's faults apply to a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    AsUsual,
    /// It cannot be lost: a node that never gets `init` says nothing about its logic.
    Safe,
}

/// The body of `init`.
#[derive(Serialize)]
struct InitBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    msg_id: MessageId,
    node_id: &'a NodeId,
    node_ids: &'a [NodeId],
}

/// What is looked at in the answer to `init`.
#[derive(Deserialize)]
struct InitReply {
    #[serde(rename = "type")]
    kind: String,
}

fn to_json(body: &impl Serialize) -> String {
    // Ids, numbers and JSON values always have a JSON form.
    serde_json::to_string(body).unwrap_or_default()
}

impl ProcessWorld {
    /// Sends `init` to a node that was just started.
    pub(super) fn send_init(&mut self, index: usize) {
        let deadline = self.time + INIT_TIMEOUT;
        let node = &mut self.nodes[index];
        let Some(running) = &mut node.running else { return };
        let msg_id = MessageId(node.starts);
        running.init = Some(PendingInit { msg_id, deadline });
        let (src, dest) = (node.init_client.clone(), node.id.clone());
        let body = InitBody { kind: "init", msg_id, node_id: &dest, node_ids: &self.node_ids };
        let body = to_json(&body);
        self.send_as_client((&src, &dest), index, &body, Care::Safe);
    }

    /// Sends a client's request.
    pub(super) fn send_request(&mut self, client: &NodeId, index: usize, body: &str) {
        self.directory.entry(client.clone()).or_insert(Endpoint::Client);
        let dest = self.node_ids[index].clone();
        self.send_as_client((client, &dest), index, body, Care::AsUsual);
    }

    fn send_as_client(
        &mut self,
        (src, dest): (&NodeId, &NodeId),
        index: usize,
        body: &str,
        care: Care,
    ) {
        let (from, to) = (Endpoint::Client, Endpoint::Node(index));
        let message = Message { id: self.next_id(), from, to, sender: None, src, dest, body };
        self.transmit(message, care);
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
            Err(flaw) => self.complain(index, ProblemKind::Garbage, || {
                format!("line {number} on its stdout is no message: {flaw}: {}", quote(line))
            }),
        }
    }

    fn receive_line(&mut self, index: usize, number: u64, line: &[u8], parsed: &message::Line<'_>) {
        let message::Line { src, dest, body, is_shared } = parsed;
        let line_is = |what: &str| format!("line {number} on its stdout {what}: {}", quote(line));
        if *is_shared {
            self.complain(index, ProblemKind::SharedLine, || {
                line_is(
                    "has more than one message; the first counts and the others are dropped, as with \
                     Maelstrom; is a newline missing?",
                )
            });
        }
        let id = self.next_id();
        let (sender, receiver) = (self.directory.get(src), self.directory.get(dest));
        let (Some(from), Some(to)) = (sender.copied(), receiver.copied()) else {
            let (no_sender, no_receiver) = (sender.is_none(), receiver.is_none());
            self.journal(id, MessageEvent::Lost(Loss::Nobody), (src, dest), body);
            if no_sender {
                self.complain(index, ProblemKind::WrongSource, || {
                    line_is(&format!("has the `src` of `{src}`, who is not there"))
                });
            }
            if no_receiver {
                self.complain(index, ProblemKind::UnknownDestination, || {
                    line_is(&format!("is for `{dest}`, who is not there"))
                });
            }
            return;
        };
        if *src != self.node_ids[index] {
            self.complain(index, ProblemKind::OtherSource, || {
                line_is(&format!(
                    "has the `src` of `{src}`; it counts as if {src} had sent it, as with Maelstrom"
                ))
            });
        }
        let to_itself = to == Endpoint::Client && *dest == self.nodes[index].init_client;
        let care = if to_itself { Care::Safe } else { Care::AsUsual };
        self.transmit(Message { id, from, to, sender: Some(index), src, dest, body }, care);
    }

    /// Puts a message into the network.
    fn transmit(&mut self, message: Message<'_>, care: Care) {
        let Message { id, from, to, sender, src, dest, body } = message;
        self.journal(id, MessageEvent::Send, (src, dest), body);
        let arrivals = match care {
            Care::AsUsual => self.network.send(from, to).arrivals,
            Care::Safe => {
                self.network.send_surely(from, to);
                [Some(std::time::Duration::ZERO), None]
            }
        };
        if arrivals == [None, None] {
            self.lose(&message, Loss::Loss);
        }
        for after in arrivals.into_iter().flatten() {
            if after.is_zero() {
                self.arrive(&message);
                continue;
            }
            if self.in_flight_bytes > IN_FLIGHT_MIB_MAX << 20 {
                self.lose(&message, Loss::Loss);
                if let Some(index) = sender {
                    self.complain(index, ProblemKind::Overflow, || {
                        format!(
                            "it sends so much that more than {IN_FLIGHT_MIB_MAX} MiB are on \
                             their way; what came after that is lost"
                        )
                    });
                }
                continue;
            }
            self.in_flight_bytes += body.len() + IN_FLIGHT_BYTES;
            let (src, dest, body) = (src.clone(), dest.clone(), Arc::from(body));
            self.queue.push(self.time + after, InFlight { id, from, to, src, dest, body });
        }
    }

    /// Lets everything arrive that is due.
    pub(super) fn deliver_due(&mut self) {
        while self.queue.next_time().is_some_and(|due| due <= self.time) {
            let Some((_, in_flight)) = self.queue.pop() else { return };
            self.in_flight_bytes -= in_flight.body.len() + IN_FLIGHT_BYTES;
            let InFlight { id, from, to, src, dest, body } = &in_flight;
            let (id, from, to) = (*id, *from, *to);
            self.arrive(&Message { id, from, to, sender: None, src, dest, body });
        }
    }

    fn arrive(&mut self, message: &Message<'_>) {
        if let Endpoint::Node(index) = message.to {
            return self.arrive_at_node(index, message);
        }
        if !self.network.arrive(message.from, message.to) {
            return self.lose(message, Loss::Partition);
        }
        let Message { id, src, dest, body, .. } = *message;
        self.journal(id, MessageEvent::Receive, (src, dest), body);
        match message.to {
            Endpoint::Service(service) => self.ask_service(service, message),
            _ => self.arrive_at_client(message),
        }
    }

    fn arrive_at_node(&mut self, index: usize, message: &Message<'_>) {
        let Some(running) = &mut self.nodes[index].running else {
            return self.lose(message, Loss::Down);
        };
        if !running.listens() {
            return self.lose(message, Loss::Down);
        }
        let is_paused = running.is_paused;
        if running.is_full() {
            self.lose(message, Loss::Down);
            if !is_paused {
                let sender = message.src;
                self.complain(index, ProblemKind::Overflow, || {
                    format!(
                        "it does not read its stdin as fast as messages come, the last one from \
                         {sender}; what came after {BACKLOG_MIB_MAX} MiB is lost"
                    )
                });
            }
            return;
        }
        if !self.network.arrive(message.from, message.to) {
            return self.lose(message, Loss::Partition);
        }
        running.deliver(message);
        let Message { id, src, dest, body, .. } = *message;
        self.journal(id, MessageEvent::Receive, (src, dest), body);
    }

    fn arrive_at_client(&mut self, message: &Message<'_>) {
        let in_reply_to = message::in_reply_to(message.body);
        if let Some(index) = message.sender
            && self.nodes[index].init_client == *message.dest
        {
            return self.receive_init_reply(index, in_reply_to, message.body);
        }
        self.replies.push_back(Reply {
            node: message.sender.map_or(message.src, |index| &self.node_ids[index]).clone(),
            client: message.dest.clone(),
            in_reply_to,
            body: message.body.to_owned(),
        });
    }

    fn receive_init_reply(&mut self, index: usize, in_reply_to: Option<MessageId>, body: &str) {
        let Some(running) = &mut self.nodes[index].running else { return };
        let Some(pending) = running.init else { return };
        if in_reply_to != Some(pending.msg_id) {
            return;
        }
        if matches!(serde_json::from_str(body), Ok(InitReply { kind }) if kind == "init_ok") {
            running.init = None;
            running.tail.clear();
        } else {
            let body = quote(body.as_bytes());
            self.fail_init(index, format!("it answered `init` with something else: {body}"));
        }
    }

    /// A service answers at once; its answer takes its time on the way back.
    fn ask_service(&mut self, service: usize, message: &Message<'_>) {
        let Some((msg_id, request)) = simulator::read_request(message.body) else { return };
        let Some(answer) = self.services.handle(service, message.src, &request) else { return };
        let reply: proto::Message<Payload<ServiceReply>> = proto::Message {
            src: message.dest.clone(),
            dest: message.src.clone(),
            msg_id: None,
            in_reply_to: Some(msg_id),
            payload: answer.map_or_else(Payload::Error, Payload::ServiceReply),
        };
        let mut line = Vec::new();
        if encode(&reply, &mut line).is_err() {
            return;
        }
        let Ok(reply) = message::parse(&line) else { return };
        let message::Line { src, dest, body, .. } = &reply;
        let (id, from) = (self.next_id(), message.to);
        // The answer goes to whom it may concern, which is not its sender if that lied.
        let Some(to) = self.directory.get(dest).copied() else { return };
        self.transmit(Message { id, from, to, sender: None, src, dest, body }, Care::AsUsual);
    }

    fn lose(&mut self, message: &Message<'_>, reason: Loss) {
        let Message { id, src, dest, body, .. } = *message;
        self.journal(id, MessageEvent::Lost(reason), (src, dest), body);
    }

    fn journal(&mut self, id: u64, event: MessageEvent, ends: (&NodeId, &NodeId), body: &str) {
        if let Some(journal) = &mut self.journal {
            journal.record(self.time, id, event, ends, body);
        }
    }

    fn next_id(&mut self) -> u64 {
        let id = self.messages;
        self.messages += 1;
        id
    }

    /// When the next message arrives.
    pub(super) fn next_arrival(&self) -> Option<Time> {
        self.queue.next_time()
    }
}
