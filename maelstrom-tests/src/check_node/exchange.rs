//! One request to a node and everything that comes back, judged line by line.

use std::time::Duration;

use proto::{AnyBody, AnyMessage, ErrorCode, MessageId, NodeId, Payload, Time, body_text};
use serde_json::json;
use simulator::{Care, Endpoint, Fabric, Happening, NetworkOptions};

use crate::carrier::message;
use crate::conversation::{Conversation, Deadline, Heard, Line};
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
    /// The node, one client and the services. Nothing takes time here, so the time is always zero.
    fabric: Fabric,
    next_message: u64,
    /// Whether the node has sent itself anything but an answer.
    asks_itself: bool,
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

/// What the network has handed out.
#[derive(Default)]
struct Carried {
    /// The lines that the node got.
    to_node: Vec<String>,
    /// The bodies that its client got.
    to_client: Vec<String>,
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
        let fabric = Fabric::new(vec![id.clone()], NetworkOptions::default(), 0);
        Self { node, id, client, timeout, fabric, next_message: 1, asks_itself: false }
    }

    /// Sends a body with a number of its own, which is put in place of `msg_id`, and waits for
    /// its answer.
    pub(super) fn ask(&mut self, mut body: serde_json::Value) -> Exchange {
        let msg_id = MessageId(self.next_message);
        self.next_message += 1;
        body["msg_id"] = json!(msg_id);
        self.fabric.request(Time::ZERO, &self.client, 0, body.to_string().into());
        let sent = self.carry().to_node.join("\n");
        self.exchange(sent, Some(msg_id), self.timeout)
    }

    /// Sends a line as it is and gathers what comes within `time`.
    pub(super) fn say(&mut self, line: &str, time: Duration) -> Exchange {
        self.node.say(line);
        self.exchange(line.to_owned(), None, time)
    }

    fn exchange(&mut self, sent: String, msg_id: Option<MessageId>, time: Duration) -> Exchange {
        let mut exchange = Exchange { sent, ..Exchange::default() };
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
        // Who counts itself among those it tells may do so, as in a run, and may answer itself then.
        let is_to_itself = parsed.dest == self.id
            && (self.asks_itself || message::in_reply_to(parsed.body).is_none());
        self.asks_itself |= is_to_itself;
        let is_service = matches!(self.fabric.endpoint(&parsed.dest), Some(Endpoint::Service(_)));
        if !is_to_itself && !is_service && parsed.dest != self.client {
            let (dest, client) = (&parsed.dest, &self.client);
            exchange.mistakes.push(match parsed.dest == self.id {
                true => "the node sends its answer to itself; a reply goes to the `src` of the request"
                    .to_owned(),
                false => format!(
                    "`dest` is `{dest}`, which is nobody; a reply goes to the `src` of the request, `{client}`"
                ),
            });
            return false;
        }
        let message = AnyMessage {
            // Whoever it says it is.
            src: self.id.clone(),
            dest: parsed.dest,
            msg_id: None,
            in_reply_to: None,
            payload: Payload::Body(AnyBody::Text(parsed.body.into())),
        };
        // Both ends are known, and there is room.
        let _ = self.fabric.send(Time::ZERO, message, Care::AsUsual);
        let answers = self.carry().to_client;
        answers.iter().for_each(|body| exchange.judge_number(body, msg_id));
        exchange.answers.extend(answers);
        !is_service && !is_to_itself
    }

    /// Hands out what is on its way.
    fn carry(&mut self) -> Carried {
        let mut carried = Carried::default();
        while let Some((_, happening)) = self.fabric.poll(Time::ZERO) {
            match happening {
                Happening::AtNode(_, parcel) => {
                    let Ok(body) = body_text(&parcel.message) else { continue };
                    let mut line = Vec::new();
                    let ends = (&parcel.message.src, &parcel.message.dest);
                    message::write_line(&mut line, parcel.number, ends, &body);
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    self.node.say(&line);
                    carried.to_node.push(line);
                }
                Happening::AtClient(message) => {
                    if let Payload::Body(AnyBody::Text(body)) = message.payload {
                        carried.to_client.push(body.into_string());
                    }
                }
                Happening::Alarm(_) | Happening::Within => {}
            }
        }
        carried
    }
}

impl Exchange {
    /// Whether the node says that it cannot answer now, but may later.
    pub(super) fn is_put_off(&self) -> bool {
        let later = u64::from(ErrorCode::TemporarilyUnavailable.number());
        self.mistakes.is_empty()
            && self.answers.first().is_some_and(|body| {
                let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
                body["type"] == "error" && body["code"] == later
            })
    }

    /// Whether an answer names the request that it answers.
    fn judge_number(&mut self, body: &str, msg_id: Option<MessageId>) {
        let found = message::in_reply_to(body);
        self.mistakes.extend(msg_id.and_then(|wanted| message::number_flaw(found, wanted)));
    }
}
