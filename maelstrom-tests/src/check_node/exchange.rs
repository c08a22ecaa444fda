//! One request to a node and everything that comes back, judged line by line.

use std::time::Duration;

use proto::service::ServiceReply;
use proto::{MessageId, NodeId, Payload};
use serde_json::json;
use simulator::Services;

use crate::conversation::{Conversation, Deadline, Heard, Line};
use crate::process::message;
use crate::wire::quote;

/// How long to look for more lines after an answer came: answers to one request that come twice
/// come together.
const MORE_TIME: Duration = Duration::from_millis(30);

/// A node under examination and what has been said so far.
pub(super) struct Subject {
    pub(super) node: Conversation,
    pub(super) id: NodeId,
    pub(super) client: NodeId,
    pub(super) timeout: Duration,
    services: Services,
    next_message: u64,
}

/// What came back for a request.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) sent: String,
    /// The lines that came, as people are shown them.
    pub(super) came: Vec<String>,
    /// The bodies of the answers.
    pub(super) answers: Vec<String>,
    /// What is wrong with lines, apart from what the answer says.
    pub(super) mistakes: Vec<String>,
    pub(super) silence: Option<Silence>,
}

/// Why no answer came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Silence {
    /// The node runs and says nothing.
    Quiet,
    /// It closed its stdout, most likely because it ended.
    Gone,
}

impl Subject {
    pub(super) fn new(node: Conversation, id: NodeId, timeout: Duration) -> Self {
        let client = NodeId::new("c1");
        Self { node, id, client, timeout, services: Services::new(0), next_message: 1 }
    }

    /// Sends a body with a number of its own, which is put in place of `msg_id`, and waits for
    /// its answer.
    pub(super) fn ask(&mut self, mut body: serde_json::Value) -> Exchange {
        let msg_id = MessageId(self.next_message);
        self.next_message += 1;
        body["msg_id"] = json!(msg_id);
        let line = json!({ "src": self.client, "dest": self.id, "body": body }).to_string();
        self.exchange(line, Some(msg_id), self.timeout)
    }

    /// Sends a line as it is and gathers what comes within `time`.
    pub(super) fn say(&mut self, line: &str, time: Duration) -> Exchange {
        self.exchange(line.to_owned(), None, time)
    }

    fn exchange(&mut self, line: String, msg_id: Option<MessageId>, time: Duration) -> Exchange {
        self.node.say(&line);
        let mut exchange = Exchange { sent: line, ..Exchange::default() };
        let mut deadline = Deadline::after(time);
        loop {
            match self.node.hear(deadline) {
                Heard::Line(line) => {
                    if self.take(&line, msg_id, &mut exchange) {
                        deadline = Deadline::after(MORE_TIME);
                    }
                }
                Heard::End | Heard::Nothing if !exchange.answers.is_empty() => return exchange,
                Heard::End => {
                    exchange.silence = Some(Silence::Gone);
                    return exchange;
                }
                Heard::Nothing => {
                    exchange.silence = Some(Silence::Quiet);
                    return exchange;
                }
            }
        }
    }

    /// Looks at one line; true if it is the answer.
    fn take(&mut self, line: &Line, msg_id: Option<MessageId>, exchange: &mut Exchange) -> bool {
        exchange.came.push(quote(line.text.as_bytes()));
        if !line.ended {
            exchange.mistakes.push(
                "the last line has no newline: Maelstrom reads whole lines, so it never sees it"
                    .to_owned(),
            );
        }
        let parsed = match message::parse(line.text.as_bytes()) {
            Ok(parsed) => parsed,
            Err(flaw) => {
                exchange.mistakes.push(format!("a line on stdout is no message: {flaw}"));
                return false;
            }
        };
        if parsed.src != self.id {
            let (src, id) = (&parsed.src, &self.id);
            exchange.mistakes.push(format!("`src` is `{src}` and should be the node's id, `{id}`"));
        }
        if let Some(service) = Services::index_of(&parsed.dest) {
            self.serve(service, &parsed);
            return false;
        }
        if parsed.dest != self.client {
            let (dest, client) = (&parsed.dest, &self.client);
            exchange.mistakes.push(match parsed.dest == self.id {
                true => "the node sends a message to itself through the network; a reply goes to the \
                         `src` of the request"
                    .to_owned(),
                false => format!(
                    "`dest` is `{dest}`, which is nobody; a reply goes to the `src` of the request, `{client}`"
                ),
            });
            return false;
        }
        match (message::in_reply_to(parsed.body), msg_id) {
            (found, Some(wanted)) if found == Some(wanted) => {}
            (None, Some(wanted)) => exchange.mistakes.push(format!(
                "the answer has no `in_reply_to`, or none that is an integer; it should be {}, \
                 the `msg_id` of the request",
                wanted.0
            )),
            (Some(found), Some(wanted)) => exchange.mistakes.push(format!(
                "`in_reply_to` is {} and should be {}, the `msg_id` of the request",
                found.0, wanted.0
            )),
            (_, None) => {}
        }
        exchange.answers.push(parsed.body.to_owned());
        true
    }

    /// Answers in the name of a service.
    fn serve(&mut self, service: usize, request: &message::Line<'_>) {
        let Some((msg_id, asked)) = simulator::read_request(request.body) else { return };
        let Some(answer) = self.services.handle(service, &request.src, &asked) else { return };
        let reply: proto::Message<Payload<ServiceReply>> = proto::Message {
            src: request.dest.clone(),
            dest: request.src.clone(),
            msg_id: None,
            in_reply_to: Some(msg_id),
            payload: answer.map_or_else(Payload::Error, Payload::ServiceReply),
        };
        let mut line = Vec::new();
        if proto::encode(&reply, &mut line).is_ok() {
            self.node.say(String::from_utf8_lossy(&line).trim_end());
        }
    }
}
