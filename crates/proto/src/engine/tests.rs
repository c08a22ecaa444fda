//! Calls and timers in virtual time: one outcome a call, whatever comes in which order, and
//! nothing left behind.

use std::time::Duration;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::*;
use crate::id::{MessageId, NodeId};
use crate::json::Json;
use crate::message::Body;
use crate::service::KeyValue;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Talk {
    Ask { deadline_ms: u64, service: bool },
    Answer,
    AnswerOk,
}

/// Calls somebody for every `ask` and notes each outcome by the number of the call.
#[derive(Clone, Debug, Default)]
struct Asker {
    asked: u64,
    outcomes: Vec<(u64, &'static str)>,
    stray: u64,
    fired: Vec<u64>,
}

fn peer() -> NodeId {
    NodeId::new("n2")
}

impl Asker {
    fn note<R>(&mut self, call: u64, outcome: &Outcome<R>) {
        let kind = match outcome {
            Outcome::Reply(_) => "reply",
            Outcome::Error(_) => "error",
            Outcome::Timeout => "timeout",
        };
        self.outcomes.push((call, kind));
    }
}

impl Node for Asker {
    type Body = Talk;
    type Token = u64;

    fn request(&mut self, _: Caller, body: Talk, ctx: &mut Context<'_, Self>) {
        let Talk::Ask { deadline_ms, service } = body else { return };
        let (deadline, call) = (Duration::from_millis(deadline_ms), self.asked);
        self.asked += 1;
        if service {
            KeyValue::linearizable().read(ctx, Json::null(), deadline, call);
        } else {
            ctx.call(&peer(), Talk::Answer, deadline, call);
        }
    }

    fn reply(&mut self, _: Caller, _: Result<Talk, Error>, _: &mut Context<'_, Self>) {
        self.stray += 1;
    }

    fn timer(&mut self, token: u64, ctx: &mut Context<'_, Self>) {
        self.fired.push(token);
        if token > 0 {
            ctx.set_timer(Duration::ZERO, token - 1);
        }
    }

    fn outcome(&mut self, call: u64, outcome: Outcome<Talk>, _: &mut Context<'_, Self>) {
        self.note(call, &outcome);
    }

    fn service_outcome(
        &mut self,
        call: u64,
        outcome: Outcome<ServiceReply>,
        _: &mut Context<'_, Self>,
    ) {
        self.note(call, &outcome);
    }
}

fn at(ms: u64) -> Now {
    Now { monotonic: Time::ZERO + Duration::from_millis(ms), wall_ms: ms }
}

fn message<B: Body>(
    src: &str,
    in_reply_to: Option<u64>,
    payload: Payload<B>,
) -> Message<Payload<B>> {
    Message {
        src: NodeId::new(src),
        dest: NodeId::new("n1"),
        msg_id: Some(MessageId(1)),
        in_reply_to: in_reply_to.map(MessageId),
        payload,
    }
}

/// An initialised node, and a way to hand it messages.
struct Desk {
    engine: Engine<Asker>,
    effects: Vec<Effect<Talk>>,
}

impl Desk {
    fn new() -> Self {
        let mut desk =
            Self { engine: Engine::new(Asker::default(), 0, false), effects: Vec::new() };
        let (node_id, node_ids) = (NodeId::new("n1"), vec![NodeId::new("n1"), peer()]);
        let init = Init { node_id, node_ids, initial_member_ids: None };
        desk.receive(0, message("c0", None, Payload::Init(Box::new(init))));
        desk
    }

    fn receive(&mut self, ms: u64, message: Message<Payload<Talk>>) {
        self.engine.receive(at(ms), message, |_| Records::new(), &mut self.effects);
    }

    fn ask(&mut self, ms: u64, deadline_ms: u64, service: bool) {
        let body = Talk::Ask { deadline_ms, service };
        self.receive(ms, message("c1", None, Payload::Body(body)));
    }

    fn fire(&mut self, ms: u64) {
        self.engine.fire(at(ms), &mut self.effects);
    }

    fn open_calls(&self) -> usize {
        self.engine.shell.as_ref().map_or(0, |shell| shell.calls.len())
    }

    fn timers(&self) -> usize {
        self.engine.shell.as_ref().map_or(0, |shell| shell.timers.len())
    }
}

#[test]
fn a_call_times_out_at_its_deadline_and_not_before() {
    let mut desk = Desk::new();
    desk.ask(10, 50, false);
    assert_eq!(desk.engine.next_due(), Some(at(60).monotonic));
    desk.fire(59);
    assert_eq!(desk.engine.node().outcomes, []);
    desk.fire(60);
    assert_eq!(desk.engine.node().outcomes, [(0, "timeout")]);
    assert_eq!((desk.open_calls(), desk.engine.next_due()), (0, None));
}

#[test]
fn an_answered_call_leaves_no_deadline_behind() {
    let mut desk = Desk::new();
    desk.ask(0, 50, false);
    desk.receive(1, message("n2", Some(1), Payload::Body(Talk::AnswerOk)));
    assert_eq!(desk.engine.node().outcomes, [(0, "reply")]);
    assert_eq!((desk.open_calls(), desk.engine.next_due()), (0, None));
}

/// Random histories of calls to a peer and a service: replies in any order, lost, late, twice,
/// from the wrong node, of the wrong kind, as errors.
#[test]
fn every_call_has_exactly_one_outcome_and_leaves_nothing_behind() {
    for seed in 0..200 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut desk = Desk::new();
        let mut asked = 0;
        for ms in 0..500 {
            desk.fire(ms);
            if random.random_ratio(1, 3) {
                desk.ask(ms, random.random_range(0..100), random.random());
                asked += 1;
            }
            for _ in 0..random.random_range(0..4) {
                let src = ["n2", "lin-kv", "n3"][random.random_range(0..3)];
                let payload = match random.random_range(0..5) {
                    0 => Payload::Body(Talk::AnswerOk),
                    1 => Payload::ServiceReply(ServiceReply::WriteOk),
                    2 => Payload::Error(Error::temporarily_unavailable("")),
                    3 => Payload::Bad(Box::new(BadBody::Unsupported { kind: "x_ok".to_owned() })),
                    _ => Payload::InitOk,
                };
                let number = random.random_range(0..=asked + 1);
                desk.receive(ms, message(src, Some(number), payload));
            }
        }
        desk.fire(1_000);
        let mut calls: Vec<_> = desk.engine.node().outcomes.iter().map(|(call, _)| *call).collect();
        calls.sort_unstable();
        assert!(calls.into_iter().eq(0..asked), "seed {seed}");
        assert_eq!((desk.open_calls(), desk.timers()), (0, 0), "seed {seed}");
    }
}

#[test]
fn a_late_reply_reaches_the_node_as_a_stray_one() {
    let mut desk = Desk::new();
    desk.ask(0, 50, false);
    desk.fire(50);
    desk.receive(51, message("n2", Some(1), Payload::Body(Talk::AnswerOk)));
    assert_eq!(desk.engine.node().outcomes, [(0, "timeout")]);
    assert_eq!(desk.engine.node().stray, 1);
}

#[test]
fn timers_that_are_set_while_others_fire_wait_for_the_next_time() {
    let mut desk = Desk::new();
    let mut ctx: Context<'_, Asker> = Context {
        now: at(0),
        shell: desk.engine.shell.as_mut().expect("initialised"),
        effects: &mut desk.effects,
    };
    for (after, token) in [(3, 0), (1, 2), (2, 0)] {
        ctx.set_timer(Duration::from_millis(after), token);
    }
    let cancelled = ctx.set_timer(Duration::ZERO, 9);
    ctx.cancel_timer(cancelled);
    desk.fire(2);
    assert_eq!(desk.engine.node().fired, [2, 0]);
    desk.fire(2);
    assert_eq!(desk.engine.node().fired, [2, 0, 1]);
    desk.fire(3);
    assert_eq!(desk.engine.node().fired, [2, 0, 1, 0, 0]);
    assert_eq!(desk.engine.next_due(), None);
}

#[test]
fn the_numbers_of_messages_rise_by_one_from_init_ok_on() {
    let mut desk = Desk::new();
    desk.ask(0, 50, false);
    desk.ask(0, 50, true);
    desk.receive(
        0,
        message("c1", None, Payload::Bad(Box::new(BadBody::Unsupported { kind: String::new() }))),
    );
    let numbers: Vec<_> = desk
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(message) => message.msg_id,
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3].map(MessageId));
}

/// A reply to an earlier life, which comes late, is not taken for one to this: it is known which life was
/// asked.
#[test]
fn calls_after_a_restart_have_numbers_that_no_earlier_life_has_used() {
    let first_call = |engine: Engine<Asker>, records: Records| {
        let mut effects = Vec::new();
        let mut engine = engine;
        let (node_id, node_ids) = (NodeId::new("n1"), vec![NodeId::new("n1"), peer()]);
        let init = Init { node_id, node_ids, initial_member_ids: None };
        let init = message("c0", None, Payload::Init(Box::new(init)));
        engine.receive(at(0), init, |_| records.clone(), &mut effects);
        let ask = Payload::Body(Talk::Ask { deadline_ms: 50, service: false });
        engine.receive(at(0), message("c1", None, ask), |_| records, &mut effects);
        let shell = engine.shell.as_ref().expect("initialised");
        shell.calls.keys().next().expect("a call").0
    };
    let engine = |seed| Engine::new(Asker::default(), seed, true);
    let kept = Records::from([(b"x".to_vec(), b"y".to_vec())]);
    assert_eq!(first_call(engine(1), Records::new()), 1);
    let apart = |second: u64, third: u64| {
        assert!(second > 1 << 20 && third > 1 << 20 && second.abs_diff(third) > 1 << 20);
        assert!(second.max(third) < 1 << 53, "every language reads it exactly");
    };
    apart(first_call(engine(2), kept.clone()), first_call(engine(3), kept));
    // Where a node may be killed that keeps nothing, each life counts as one.
    let forgetful = |seed| first_call(engine(seed).restartable(), Records::new());
    apart(forgetful(2), forgetful(3));
}
