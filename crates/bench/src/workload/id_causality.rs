//! Whether the ids of a run respect causality, from its messages: see [`checkers::causal::ids`].
//!
//! Only messages between nodes count, those to services do not: what a service answers need not be the
//! latest.

use std::collections::BTreeMap;

use checkers::causal::ids::{CausalIds, Event, Follower, Violation};
use proto::{Json, MessageId, NodeId};
use serde::{Deserialize, Serialize};
use simulator::{Fate, Observation};

use super::{Checked, Watch};

/// Follows requests, ids and messages between nodes.
pub(super) struct IdCausality {
    nodes: BTreeMap<NodeId, usize>,
    names: Vec<NodeId>,
    /// The number of each client's request that was received and not answered.
    asked: BTreeMap<(NodeId, MessageId), u64>,
    follower: Follower<Id>,
}

/// An id that can be compared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Id {
    parts: Vec<Part>,
    json: Text,
}

/// A part of an id: a number in it, or what stands between numbers. An integer is one part.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Number(i128),
    Text(String),
}

/// An id as it came. It is not what ids are compared by, but for those of which nothing else differs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
struct Text(String);

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl Id {
    fn new(json: &Json) -> Self {
        let text = json.text();
        let string: Option<String> = serde_json::from_str(&text).ok();
        let text = string.unwrap_or_else(|| text.into_owned());
        let parts = match text.parse() {
            Ok(number) => vec![Part::Number(number)],
            Err(_) => parts(&text),
        };
        Self { parts, json: Text(text) }
    }
}

/// A text cut where digits begin and end. More digits than any number has are text.
fn parts(text: &str) -> Vec<Part> {
    let pieces = text.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
    let texts = pieces.map(String::from_utf8_lossy);
    texts
        .map(|piece| piece.parse().map_or_else(|_| Part::Text(piece.into()), Part::Number))
        .collect()
}

/// What matters of a message between a client and a node.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    msg_id: Option<MessageId>,
    in_reply_to: Option<MessageId>,
    id: Option<Json>,
}

impl IdCausality {
    /// Nothing has happened between nodes of these names.
    pub(super) fn new(nodes: &[NodeId]) -> Self {
        Self {
            nodes: nodes.iter().cloned().zip(0..).collect(),
            names: nodes.to_vec(),
            asked: BTreeMap::new(),
            follower: Follower::new(),
        }
    }

    /// What a message from or to a client is, if it is about an id.
    fn of_client(
        &mut self,
        seen: &Observation<'_>,
        from: Option<usize>,
        to: Option<usize>,
    ) -> Option<Event<Id>> {
        let body = proto::body_text(seen.message).ok()?;
        let body: Body = serde_json::from_str(&body).ok()?;
        match (from, to, seen.fate, &*body.kind) {
            (None, Some(node), Fate::Received, "generate") => {
                let client = seen.message.src.clone();
                self.asked.insert((client, body.msg_id?), seen.number);
                Some(Event::Ask { node, request: seen.number })
            }
            // At its first start a node has heard of nothing that it could forget.
            (None, Some(node), Fate::Received, "init") => Some(Event::Restart { node }),
            (Some(node), None, Fate::Sent, "generate_ok") => {
                let client = seen.message.dest.clone();
                let request = self.asked.remove(&(client, body.in_reply_to?))?;
                Some(Event::Answer { node, request, id: Id::new(&body.id?) })
            }
            _ => None,
        }
    }

    fn say(&self, result: &CausalIds<Id>) -> String {
        let Some(violation) = result.violations.first() else {
            return format!(
                "no message led from an id of one node to an id of another ({} ids were given out), \
                 so whether ids respect causality was not seen",
                result.issued_count
            );
        };
        let Violation { earlier: heard, later: own } = violation;
        format!(
            "{} ids are not higher than all that their node could have heard of: {} gave out {} after \
             it had heard, directly or through others, from {}, which had given out {}",
            result.violation_count,
            self.names[own.node],
            own.id.json.0,
            self.names[heard.node],
            heard.id.json.0,
        )
    }
}

impl Watch for IdCausality {
    fn note(&mut self, seen: &Observation<'_>) {
        let place = |name: &NodeId| self.nodes.get(name).copied();
        let event = match (place(&seen.message.src), place(&seen.message.dest), seen.fate) {
            (Some(node), Some(_), Fate::Sent) => Some(Event::Send { node, message: seen.number }),
            (Some(_), Some(node), Fate::Received) => {
                Some(Event::Receive { node, message: seen.number })
            }
            (Some(_), Some(_), _) => None,
            (from, to, _) => self.of_client(seen, from, to),
        };
        if let Some(event) = event {
            self.follower.note(event);
        }
    }

    fn finish(self: Box<Self>) -> Checked {
        let Self { nodes, names, asked, follower } = *self;
        let result = follower.finish();
        let this = Self { nodes, names, asked, follower: Follower::new() };
        Checked::new(result.verdict, &result, || this.say(&result))
    }
}

#[cfg(test)]
mod tests {
    use checkers::Verdict;
    use proto::{AnyBody, AnyMessage, Payload, Time};

    use super::*;

    /// The watch of three nodes, and what it is shown.
    struct Shown(IdCausality, u64);

    impl Shown {
        fn new() -> Self {
            Self(IdCausality::new(&["n0", "n1", "n2"].map(NodeId::new)), 0)
        }

        fn show(&mut self, number: u64, fate: Fate, src: &str, dest: &str, body: &str) {
            let (src, dest) = (NodeId::new(src), NodeId::new(dest));
            let payload = Payload::Body(AnyBody::Text(body.into()));
            let message = AnyMessage { src, dest, msg_id: None, in_reply_to: None, payload };
            let seen = Observation { time: Time::ZERO, number, fate, message: &message };
            self.0.note(&seen);
        }

        fn number(&mut self) -> u64 {
            self.1 += 1;
            self.1
        }

        /// A client asks a node, which answers with this id.
        fn generate(&mut self, node: &str, id: &str) {
            let (ask, answer) = (self.number(), self.number());
            let request = format!(r#"{{"type":"generate","msg_id":{ask}}}"#);
            self.show(ask, Fate::Sent, "c5", node, &request);
            self.show(ask, Fate::Received, "c5", node, &request);
            let reply = format!(r#"{{"type":"generate_ok","id":{id},"in_reply_to":{ask}}}"#);
            self.show(answer, Fate::Sent, node, "c5", &reply);
            self.show(answer, Fate::Received, node, "c5", &reply);
        }

        /// A message between nodes comes to this end.
        fn tell(&mut self, src: &str, dest: &str, end: Fate) {
            let number = self.number();
            for fate in [Fate::Sent, end] {
                self.show(number, fate, src, dest, r#"{"type":"hello"}"#);
            }
        }

        fn end(self) -> Checked {
            Box::new(self.0).finish()
        }
    }

    #[test]
    fn an_id_below_one_that_its_node_was_told_of_is_named_with_both_nodes() {
        let mut shown = Shown::new();
        shown.generate("n0", r#""100_2_n0""#);
        shown.tell("n0", "n1", Fate::Received);
        shown.generate("n1", r#""20_0_n1""#);
        let checked = shown.end();
        assert_eq!(checked.verdict, Verdict::Invalid);
        let expected = "1 ids are not higher than all that their node could have heard of: n1 gave out \
                        20_0_n1 after it had heard, directly or through others, from n0, which had \
                        given out 100_2_n0";
        assert_eq!(checked.causes, [expected]);
        assert_eq!(checked.results["violation-count"], 1);
    }

    #[test]
    fn a_node_that_is_started_again_may_have_lost_what_it_heard_last() {
        let mut shown = Shown::new();
        shown.generate("n0", "100");
        shown.tell("n0", "n1", Fate::Received);
        shown.show(99, Fate::Received, "c0", "n1", r#"{"type":"init","msg_id":1}"#);
        shown.generate("n1", "20");
        assert_eq!(shown.end().results["violation-count"], 0);
    }

    #[test]
    fn what_was_lost_or_went_to_a_service_tells_nobody_anything() {
        let mut shown = Shown::new();
        shown.generate("n0", "100");
        shown.tell("n0", "n1", Fate::Lost);
        shown.tell("n0", "lin-kv", Fate::Received);
        shown.tell("lin-kv", "n1", Fate::Received);
        shown.generate("n1", "20");
        let checked = shown.end();
        assert_eq!(checked.verdict, Verdict::Unknown);
        assert!(checked.causes[0].contains("was not seen"), "{:?}", checked.causes);
    }

    #[test]
    fn ids_are_compared_as_numbers_where_they_are_numbers() {
        let id = |json: &str| Id::new(&Json::parse(json).unwrap());
        let rising = ["-3", "9", "10", "9007199254740993", "18446744073709551616"];
        assert!(rising.map(id).is_sorted_by(|a, b| a < b));
        let rising = [r#""n1-9""#, r#""n1-10""#, r#""n2-1""#];
        assert!(rising.map(id).is_sorted_by(|a, b| a < b));
        let rising = [r#""9_10_n0""#, r#""10_9_n1""#, r#""10_10_n0""#, r#""10_10_n1""#];
        assert!(rising.map(id).is_sorted_by(|a, b| a < b));
        assert_eq!(id(r#""5""#).parts, id("5").parts);
    }

    #[test]
    fn ids_that_rise_along_messages_are_valid_and_pairs_are_counted() {
        let mut shown = Shown::new();
        shown.generate("n0", "1");
        shown.generate("n0", "2");
        shown.tell("n0", "n1", Fate::Received);
        shown.generate("n1", "3");
        let checked = shown.end();
        assert_eq!((checked.verdict, checked.causes.len()), (Verdict::Valid, 0));
        assert_eq!(checked.results["pairs-across-nodes"], 2);
        assert_eq!(checked.results["pairs-within-nodes"], 1);
    }
}
