//! What is wrong with nodes that only their clients see.

use std::time::Duration;

use proto::{MessageId, NodeId, Time};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Harness;
use super::clients::Stray;
use super::talk::{Silence, Talk};
use crate::wire::in_words;
use crate::workload::Workload;
use crate::world::{Problem, ProblemKind, Reply};

impl<W: Workload> Harness<'_, W> {
    /// Notes a reply that nobody waits for.
    pub(super) fn note_stray_reply(&mut self, reply: &Reply) {
        let client = &reply.client;
        let Some(MessageId(request)) = reply.in_reply_to else {
            let text = || match number_flaw(&reply.body) {
                Some(flaw) => format!("a message to {client} answers nothing: {flaw}"),
                None => format!(
                    "a message to {client} has no `in_reply_to` with the `msg_id` of a request, so \
                     it answers nothing"
                ),
            };
            return self.note(&reply.node, ProblemKind::StrayReply, text);
        };
        let node = self.world.node_ids().iter().position(|id| *id == reply.node);
        match self.clients.stray(client, node, MessageId(request)) {
            Stray::NotAsked => self.note(&reply.node, ProblemKind::StrayReply, || {
                format!(
                    "a reply to {client} has {request} as `in_reply_to`, but {client} has sent no \
                     request with this `msg_id`; is it that of another client's request, or a number \
                     of the node's own?"
                )
            }),
            Stray::OfAnother(asked) => {
                let asked = self.world.node_ids()[asked].clone();
                self.note(&reply.node, ProblemKind::StrayReply, || {
                    format!(
                        "it answers request {request} of {client}, which {client} has sent to {asked}; \
                         a reply goes to the `src` of the request"
                    )
                });
            }
            Stray::Late(since) => {
                let (now, limit) = (self.world.now(), self.workload.timeout());
                let took = now.since(since);
                if let Some(node) = node {
                    self.nodes[node].talk.answer_late(now, took);
                }
                self.note(&reply.node, ProblemKind::LateReply, || {
                    format!(
                        "its reply to request {request} of {client} came after {}; {client} had given \
                         up waiting after {}",
                        seconds(took),
                        seconds(limit)
                    )
                });
            }
            Stray::Again => self.note(&reply.node, ProblemKind::LateReply, || {
                format!(
                    "a reply to request {request} of {client} came when {client} had its answer \
                     already; does the node answer twice?"
                )
            }),
        }
    }

    /// Notes a reply that is not as an answer to this kind of request has to be.
    pub(super) fn note_malformed_reply(&mut self, node: &NodeId, kind: &str, flaw: &str) {
        let text = || format!("its answer to `{kind}` is malformed: {flaw}");
        self.note(node, ProblemKind::MalformedReply, text);
    }

    /// Keeps the first problem of each kind of each node, and counts the others.
    fn note(&mut self, node: &NodeId, kind: ProblemKind, text: impl FnOnce() -> String) {
        let known = |other: &&mut Problem| other.kind == kind && other.node == *node;
        if let Some(known) = self.problems.iter_mut().find(known) {
            known.count += 1;
            return;
        }
        let time = self.world.now().as_nanos();
        self.problems.push(Problem { node: node.clone(), time, kind, text: text(), count: 1 });
    }

    /// Whether messages may be lost by what was asked for, or the run has no proper end.
    fn is_disturbed(&self) -> bool {
        self.options.loss + self.options.loss_clients > 0.0 || self.is_interrupted()
    }

    /// Why each node may not answer, as its world sees it.
    pub(super) fn hints(&mut self) -> Vec<Option<String>> {
        (0..self.nodes.len()).map(|node| self.world.hint_at_silence(node)).collect()
    }

    /// Nodes that answered nothing at all. Where faults are brought that may be their right.
    pub(super) fn silent_nodes(&self, known: &[Problem], hints: &[Option<String>]) -> Vec<Problem> {
        let has_faults = !self.options.nemesis.is_empty() || self.is_disturbed();
        let limit = self.workload.timeout();
        let nodes = self.nodes.iter().zip(self.world.node_ids()).enumerate();
        nodes
            .filter(|(_, (node, _))| !has_faults && node.talk.asked > 0 && node.talk.answered == 0)
            // What is known of it already is the reason.
            .filter(|(_, (_, id))| !is_known_to_fail(id, known))
            .map(|(index, (node, id))| {
                let stray = known
                    .iter()
                    .find(|other| other.node == *id && other.kind == ProblemKind::StrayReply)
                    .map(|problem| &*problem.text);
                let hint = stray.or(hints[index].as_deref());
                let text = silent(&node.talk, limit, hint);
                self.problem_now(id, ProblemKind::Silent, text)
            })
            .collect()
    }

    /// Nodes that answered and then did not any more, while no fault was on.
    pub(super) fn hanging_nodes(
        &self,
        known: &[Problem],
        hints: &[Option<String>],
    ) -> Vec<Problem> {
        if self.is_disturbed() || self.nemesis.is_at_work() {
            return Vec::new();
        }
        let nodes = self.nodes.iter().zip(self.world.node_ids()).enumerate();
        nodes
            .filter(|(index, (node, id))| {
                !self.world.is_down(*index)
                    && node.talk.answered > 0
                    && !is_known_to_fail(id, known)
            })
            .filter_map(|(index, (node, id))| {
                let silence = node.talk.silence.filter(|it| it.since >= self.last_fault)?;
                let mut text = hanging(&node.talk, silence, self.origin);
                if let Some(hint) = &hints[index] {
                    text = format!("{text}; {hint}");
                }
                let time = silence.since.as_nanos();
                Some(Problem { time, ..self.problem_now(id, ProblemKind::Hanging, text) })
            })
            .collect()
    }

    fn problem_now(&self, node: &NodeId, kind: ProblemKind, text: String) -> Problem {
        let time = self.world.now().as_nanos();
        Problem { node: node.clone(), time, kind, text, count: 1 }
    }
}

/// What is wrong with the number of the request that a body means to answer; nothing if it has none.
fn number_flaw(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        in_reply_to: Option<&'a RawValue>,
    }
    let number = serde_json::from_str::<Fields<'_>>(body).ok()?.in_reply_to?;
    let flaw = serde_json::from_str::<u64>(number.get()).err()?;
    Some(in_words("its `in_reply_to`", &flaw))
}

/// Whether something is known of a node that explains its silence.
fn is_known_to_fail(node: &NodeId, known: &[Problem]) -> bool {
    known.iter().any(|other| other.node == *node && other.kind.is_fatal())
}

/// What is to be said of a node that answered nothing in time; `hint` is what it said instead, or what else
/// may be why.
fn silent(talk: &Talk, limit: Duration, hint: Option<&str>) -> String {
    let Talk { asked, late, first_late, .. } = talk;
    if *late > 0 {
        return format!(
            "it answered {late} of the {asked} requests that it was sent after `init`, and none in time: \
             clients wait {}, and the first answer took {}",
            seconds(limit),
            seconds(*first_late)
        );
    }
    let none = format!("it answered none of the {asked} requests that it was sent after `init`");
    match hint {
        Some(hint) => format!("{none}: {hint}"),
        None => format!(
            "{none}; does it know their type, does it flush stdout after each line, and does each reply \
             have the `msg_id` of its request as `in_reply_to`?"
        ),
    }
}

/// What is to be said of a node that answers nothing any more.
fn hanging(talk: &Talk, silence: Silence, origin: Time) -> String {
    let Silence { requests, since, kind } = silence;
    format!(
        "it answered nothing any more from {} on: {}, the first of them `{kind}`; before, it had answered \
         {}, the last at {}",
        seconds(since.since(origin)),
        match requests {
            1 => "1 request had no answer".to_owned(),
            _ => format!("{requests} requests had no answer"),
        },
        talk.answered + talk.late,
        seconds(talk.last_answer.since(origin))
    )
}

/// A time in seconds, to the millisecond.
fn seconds(time: Duration) -> String {
    let text = format!("{:.3}", time.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use simulator::Statistics;

    use super::*;
    use crate::options::{FaultKind, Options};
    use crate::progress::Silent as NoProgress;
    use crate::workload::registry::named;
    use crate::workload::workload;
    use crate::world::{Fault, World};

    /// One node, and what it makes of the n-th request: how long it takes and what it changes of the
    /// proper answer.
    struct Answering<F> {
        now: Time,
        hint: Option<&'static str>,
        nodes: Vec<NodeId>,
        requests: u64,
        on_its_way: BTreeMap<(Time, u64), Reply>,
        answer: F,
    }

    impl<F: FnMut(u64, &mut Reply) -> Option<Duration>> World for Answering<F> {
        fn now(&self) -> Time {
            self.now
        }

        fn node_ids(&self) -> &[NodeId] {
            &self.nodes
        }

        fn send(&mut self, client: &NodeId, node: usize, body: &str) {
            self.requests += 1;
            let body: Value = serde_json::from_str(body).unwrap();
            let request = body["msg_id"].as_u64().map(MessageId);
            let body = json!({"type": "echo_ok", "echo": body["echo"], "in_reply_to": request});
            let mut reply = Reply {
                node: self.nodes[node].clone(),
                client: client.clone(),
                in_reply_to: request,
                body: body.to_string(),
            };
            if let Some(takes) = (self.answer)(self.requests, &mut reply) {
                self.on_its_way.insert((self.now + takes, self.requests), reply);
            }
        }

        fn wait(&mut self, until: Time) -> Option<Reply> {
            let next = self.on_its_way.first_entry().filter(|next| next.key().0 <= until);
            let Some(next) = next else {
                self.now = until.max(self.now);
                return None;
            };
            let ((time, _), reply) = next.remove_entry();
            self.now = time.max(self.now);
            Some(reply)
        }

        fn inject(&mut self, _: &Fault) {}

        fn reseed(&mut self, _: u64) {}

        fn is_down(&self, _: usize) -> bool {
            false
        }

        fn primary(&self) -> Option<usize> {
            None
        }

        fn statistics(&self) -> Statistics {
            Statistics::default()
        }

        fn problems(&self) -> Vec<Problem> {
            Vec::new()
        }

        fn hint_at_silence(&mut self, _: usize) -> Option<String> {
            self.hint.map(str::to_owned)
        }
    }

    /// The problems of a run of 10 s with a request each 100 ms or so.
    fn problems(
        nemesis: &[FaultKind],
        answer: impl FnMut(u64, &mut Reply) -> Option<Duration>,
    ) -> Vec<(ProblemKind, String)> {
        problems_of_one_with(None, nemesis, answer)
    }

    /// The same where the node lets see why it may be silent.
    fn problems_of_one_with(
        hint: Option<&'static str>,
        nemesis: &[FaultKind],
        answer: impl FnMut(u64, &mut Reply) -> Option<Duration>,
    ) -> Vec<(ProblemKind, String)> {
        let mut options = Options::new(named("echo")).with_nodes(1);
        (options.rate, options.concurrency) = (10.0, 100);
        (options.time_limit, options.nemesis) = (Duration::from_secs(10), nemesis.to_vec());
        let (now, nodes, on_its_way) = (Time::ZERO, options.nodes.clone(), BTreeMap::new());
        let mut world = Answering { now, hint, nodes, requests: 0, on_its_way, answer };
        let record = workload(&options).run(&mut world, &options, &mut NoProgress);
        record.problems.into_iter().map(|problem| (problem.kind, problem.text)).collect()
    }

    fn only(found: Vec<(ProblemKind, String)>, kind: ProblemKind) -> String {
        let mut of_kind = found.into_iter().filter(|(other, _)| *other == kind);
        let (Some((_, text)), None) = (of_kind.next(), of_kind.next()) else {
            panic!("there is not one {kind:?}");
        };
        text
    }

    const QUICK: Option<Duration> = Some(Duration::from_millis(1));

    #[test]
    fn a_node_that_is_too_slow_is_said_to_be_slow_and_not_silent() {
        let found = problems(&[], |_, _| Some(Duration::from_millis(7_500)));
        let late = found.iter().find(|(kind, _)| *kind == ProblemKind::LateReply).unwrap();
        assert!(
            late.1.contains("came after 7.5 s; c1 had given up waiting after 5 s"),
            "{}",
            late.1
        );
        let text = only(found, ProblemKind::Silent);
        assert!(text.starts_with("it answered ") && !text.contains("none of"), "{text}");
        assert!(text.ends_with("clients wait 5 s, and the first answer took 7.5 s"), "{text}");
    }

    #[test]
    fn a_node_that_says_something_else_than_an_answer_is_told_what() {
        let found = problems(&[], |_, reply| {
            reply.in_reply_to = reply.in_reply_to.map(|MessageId(number)| MessageId(number + 1000));
            QUICK
        });
        let text = only(found, ProblemKind::Silent);
        assert!(
            text.contains("a reply to c1 has 1001 as `in_reply_to`, but c1 has sent no"),
            "{text}"
        );
        let found = problems(&[], |_, reply| {
            reply.in_reply_to = None;
            reply.body = r#"{"type":"echo_ok"}"#.to_owned();
            QUICK
        });
        let text = only(found, ProblemKind::Silent);
        assert!(text.contains(": a message to c1 has no `in_reply_to`"), "{text}");
        for (number, flaw) in [
            ("\"1\"", "the string \"1\" and should be an integer"),
            ("1.0", "the number 1.0 and should be an integer"),
        ] {
            let found = problems(&[], |_, reply| {
                reply.in_reply_to = None;
                reply.body = format!(r#"{{"type":"echo_ok","in_reply_to":{number}}}"#);
                QUICK
            });
            let text = only(found, ProblemKind::Silent);
            let told = format!(": a message to c1 answers nothing: its `in_reply_to` is {flaw}");
            assert!(text.contains(&told), "{text}");
        }
        let text = only(problems(&[], |_, _| None), ProblemKind::Silent);
        assert!(text.contains("does it flush stdout"), "{text}");
    }

    #[test]
    fn what_a_silent_node_lets_see_is_said_instead_of_guesses() {
        let hint = Some("on stderr it says `KeyError: 'node_ids'`");
        let text = only(problems_of_one_with(hint, &[], |_, _| None), ProblemKind::Silent);
        assert!(
            text.ends_with(" after `init`: on stderr it says `KeyError: 'node_ids'`"),
            "{text}"
        );
        let hangs = |number: u64, _: &mut Reply| QUICK.filter(|_| number < 20);
        let text = only(problems_of_one_with(hint, &[], hangs), ProblemKind::Hanging);
        assert!(text.ends_with(" s; on stderr it says `KeyError: 'node_ids'`"), "{text}");
    }

    #[test]
    fn a_node_that_hangs_is_named_with_the_moment_from_which_it_does() {
        let hangs = |number: u64, _: &mut Reply| QUICK.filter(|_| number < 20);
        let found = problems(&[], hangs);
        assert_eq!(found.len(), 1, "{found:?}");
        let text = only(found, ProblemKind::Hanging);
        assert!(text.starts_with("it answered nothing any more from "), "{text}");
        assert!(text.contains("the first of them `echo`; before, it had answered 19, "), "{text}");
        assert!(!ProblemKind::Hanging.is_fatal(), "Maelstrom does not mind");
        // Where a fault is on, that may be why.
        assert_eq!(problems(&[FaultKind::Pause], hangs), []);
        // One that has lost a request and goes on does not hang.
        assert_eq!(problems(&[], |number, _| QUICK.filter(|_| number != 20)), []);
    }
}
