//! What a cluster in virtual time promises: order, crashes, pauses, services, and that the same
//! seed gives the same run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use proto::service::{KeyValue, ServiceReply};
use proto::{
    AnyMessage, Caller, Context, Json, Liar, Message, MessageId, Node, NodeId, Outcome, Payload,
    Records, Time,
};
use serde::{Deserialize, Serialize};
use simulator::{Cluster, ClusterOptions, Cut, Fate, LatencyDistribution, Limit, Overload};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    /// Counts, keeps the count on disk, tells the peers.
    Count,
    CountOk {
        count: u64,
    },
    /// From a peer.
    Told {
        count: u64,
    },
    /// Answers after a second.
    Later,
    LaterOk {
        wall_ms: u64,
    },
    /// Tells people, and whether anything was counted.
    Say,
    /// Writes to `lin-kv` and reads it back.
    Store,
    StoreOk {
        value: Json,
    },
}

#[derive(Clone, Debug)]
enum Token {
    Later(Caller),
    Wrote(Caller),
    Read(Caller),
}

#[derive(Default)]
struct Counter {
    count: u64,
    told: Vec<u64>,
}

const DEADLINE: Duration = Duration::from_secs(1);

impl Node for Counter {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, _: &mut Context<'_, Self>) {
        self.count = restored.get(&b"count"[..]).map_or(0, |bytes| u64::from(bytes[0]));
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        match body {
            Body::Count => {
                self.count += 1;
                ctx.put("count", [self.count as u8]);
                ctx.reply(&from, Body::CountOk { count: self.count });
                for peer in ctx.peers().cloned().collect::<Vec<_>>() {
                    ctx.send(&peer, Body::Told { count: self.count });
                }
            }
            Body::Told { count } => self.told.push(count),
            Body::Say => {
                ctx.log(format!("{} so far", self.count));
                ctx.sometimes("something was counted", self.count > 0);
            }
            Body::Later => {
                ctx.set_timer(DEADLINE, Token::Later(from));
            }
            Body::Store => {
                let store = KeyValue::linearizable();
                store.write(ctx, 1.into(), 7.into(), DEADLINE, Token::Wrote(from));
            }
            _ => {}
        }
    }

    fn timer(&mut self, token: Token, ctx: &mut Context<'_, Self>) {
        if let Token::Later(from) = token {
            let wall_ms = ctx.wall_clock_ms();
            ctx.reply(&from, Body::LaterOk { wall_ms });
        }
    }

    fn service_outcome(
        &mut self,
        token: Token,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        match (token, outcome) {
            (Token::Wrote(from), Outcome::Reply(ServiceReply::WriteOk)) => {
                KeyValue::linearizable().read(ctx, 1.into(), DEADLINE, Token::Read(from));
            }
            (Token::Read(from), Outcome::Reply(ServiceReply::ReadOk { value })) => {
                ctx.reply(&from, Body::StoreOk { value });
            }
            other => ctx.log(format!("{other:?}")),
        }
    }
}

fn options(nodes: usize, seed: u64) -> ClusterOptions {
    let mut options = ClusterOptions::new(nodes, seed);
    options.network.latency = Duration::from_millis(10);
    options
}

fn cluster(options: ClusterOptions) -> Cluster<Counter> {
    Cluster::new(options, |_| Counter::default())
}

fn ask(cluster: &mut Cluster<Counter>, node: usize, number: u64, body: Body) {
    cluster.request(&NodeId::new("c9"), node, MessageId(number), body);
}

/// Runs until nothing happens any more; what client `c9` heard, and when.
fn settle(cluster: &mut Cluster<Counter>) -> Vec<(Time, Body)> {
    let mut heard = Vec::new();
    while let Some(step) = cluster.step() {
        if let Some(Message { dest, payload: Payload::Body(body), .. }) = step.to_client
            && dest.as_str() == "c9"
        {
            heard.push((cluster.now(), body));
        }
    }
    heard
}

fn at_ms(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(ms)
}

#[test]
fn clients_are_answered_at_once_and_peers_hear_after_the_latency() {
    let mut cluster = cluster(options(3, 1));
    ask(&mut cluster, 0, 1, Body::Count);
    assert_eq!(settle(&mut cluster), [(Time::ZERO, Body::CountOk { count: 1 })]);
    assert_eq!(cluster.now(), at_ms(10));
    assert_eq!(cluster.node(1).told, [1]);
    let counted = cluster.network().statistics();
    // init and init_ok for three nodes, a request and its reply; two messages between nodes.
    assert_eq!((counted.clients.send_count, counted.servers.send_count), (8, 2));
    assert_eq!((counted.clients.recv_count, counted.servers.recv_count), (8, 2));
}

#[test]
fn what_nodes_tell_people_is_kept_with_when_and_who() {
    let mut cluster = cluster(options(2, 1));
    ask(&mut cluster, 0, 1, Body::Say);
    settle(&mut cluster);
    let told = |cluster: &Cluster<Counter>| cluster.conditions().clone();
    assert_eq!(told(&cluster), BTreeMap::from([("something was counted", 0)]));
    assert_eq!(cluster.take_logs(), [(Time::ZERO, 0, "0 so far".to_owned())]);
    ask(&mut cluster, 1, 1, Body::Count);
    settle(&mut cluster);
    for number in 2..4 {
        ask(&mut cluster, 1, number, Body::Say);
    }
    settle(&mut cluster);
    assert_eq!(told(&cluster), BTreeMap::from([("something was counted", 2)]));
    let said = (at_ms(10), 1, "1 so far".to_owned());
    assert_eq!(cluster.take_logs(), [said.clone(), said]);
    assert_eq!(cluster.take_logs(), []);
}

/// Maelstrom's readers: each sleeps until the message that it has taken is due.
#[test]
fn where_messages_are_waited_for_in_turn_a_client_waits_behind_one_that_is_on_its_way() {
    let run = |in_turn| {
        let mut options = options(2, 1);
        options.network.in_turn = in_turn;
        let mut cluster = cluster(options);
        settle(&mut cluster);
        // n1 is told at 10 ms.
        ask(&mut cluster, 0, 1, Body::Count);
        while cluster.next_time().is_some_and(|time| time <= at_ms(3)) {
            cluster.step();
        }
        cluster.advance_to(at_ms(4));
        ask(&mut cluster, 1, 2, Body::Count);
        ask(&mut cluster, 1, 3, Body::Count);
        let heard = settle(&mut cluster);
        let answered = heard.iter().map(|(at, _)| at.since(Time::ZERO).as_millis());
        (answered.collect::<Vec<_>>(), cluster.node(0).told.clone(), cluster.node(1).told.clone())
    };
    // Nobody is told later than otherwise: one that is taken first is due first.
    assert_eq!(run(false), (vec![4, 4], vec![1, 2], vec![1]));
    assert_eq!(run(true), (vec![10, 10], vec![1, 2], vec![1]));
}

#[test]
fn a_crash_loses_what_was_not_synced_and_says_nothing_about_it() {
    let sync = Duration::from_millis(5);
    let run = |crash_after_ms| {
        let mut options = options(1, 1);
        options.durable = Some(sync);
        let mut cluster = cluster(options);
        ask(&mut cluster, 0, 1, Body::Count);
        while cluster.next_time().is_some_and(|time| time <= at_ms(crash_after_ms)) {
            cluster.step();
        }
        cluster.crash(0);
        let after_crash = settle(&mut cluster);
        cluster.restart(0);
        settle(&mut cluster);
        (after_crash.len(), cluster.node(0).count)
    };
    assert_eq!(run(4), (0, 0), "before the sync: no answer, no record");
    assert_eq!(run(5), (0, 1), "after the sync: the record is there; the answer went out before");
}

#[test]
fn replies_wait_for_the_sync() {
    let mut options = options(1, 1);
    options.durable = Some(Duration::from_millis(5));
    let mut cluster = cluster(options);
    ask(&mut cluster, 0, 1, Body::Count);
    assert_eq!(settle(&mut cluster), [(at_ms(5), Body::CountOk { count: 1 })]);
}

#[test]
fn without_a_state_directory_a_restart_begins_from_nothing() {
    let mut cluster = cluster(options(1, 1));
    ask(&mut cluster, 0, 1, Body::Count);
    settle(&mut cluster);
    cluster.crash(0);
    ask(&mut cluster, 0, 2, Body::Count);
    assert_eq!(settle(&mut cluster), [], "a node that is down hears nothing");
    cluster.restart(0);
    ask(&mut cluster, 0, 3, Body::Count);
    assert_eq!(settle(&mut cluster)[0].1, Body::CountOk { count: 1 });
}

/// Without records a node does not know that it was restarted; its calls have numbers of their own all the
/// same.
#[test]
fn a_reply_to_an_earlier_life_is_not_taken_for_one_to_this() {
    let mut cluster = cluster(options(1, 1));
    ask(&mut cluster, 0, 1, Body::Store);
    // The service has the write by now, and its answer is on the way.
    while cluster.next_time().is_some_and(|time| time <= at_ms(10)) {
        cluster.step();
    }
    cluster.crash(0);
    cluster.restart(0);
    let restarted = cluster.now();
    assert_eq!(restarted, at_ms(10));
    ask(&mut cluster, 0, 2, Body::Store);
    // There and back with the write, and again with the read.
    let expected = (at_ms(50), Body::StoreOk { value: 7.into() });
    assert_eq!(settle(&mut cluster), [expected]);
}

#[test]
fn a_paused_node_goes_on_with_everything_that_piled_up() {
    let mut cluster = cluster(options(2, 1));
    settle(&mut cluster);
    ask(&mut cluster, 1, 1, Body::Later);
    cluster.step();
    cluster.pause(1);
    ask(&mut cluster, 1, 2, Body::Count);
    assert_eq!(settle(&mut cluster), [], "its timer waits as well");
    cluster.resume(1);
    let heard: Vec<_> = settle(&mut cluster).into_iter().map(|(_, body)| body).collect();
    assert!(matches!(heard[..], [Body::CountOk { count: 1 }, Body::LaterOk { .. }]), "{heard:?}");
}

#[test]
fn a_paused_node_says_nothing_although_its_disk_goes_on() {
    let sync = Duration::from_millis(5);
    let mut options = options(2, 1);
    options.durable = Some(sync);
    let mut cluster = cluster(options);
    settle(&mut cluster);
    ask(&mut cluster, 0, 1, Body::Count);
    cluster.step();
    cluster.pause(0);
    assert_eq!(settle(&mut cluster), [], "the answer has to wait for the process");
    cluster.advance_to(at_ms(100));
    cluster.resume(0);
    assert_eq!(settle(&mut cluster), [(at_ms(100), Body::CountOk { count: 1 })]);
    // What was written while it was paused is on disk, even if it never goes on.
    ask(&mut cluster, 0, 2, Body::Count);
    cluster.step();
    cluster.pause(0);
    settle(&mut cluster);
    cluster.crash(0);
    cluster.restart(0);
    assert_eq!(settle(&mut cluster), [], "a process that was killed answers nothing");
    assert_eq!(cluster.node(0).count, 2);
}

#[test]
fn a_node_is_up_unless_it_is_paused_or_down() {
    let mut cluster = cluster(options(2, 1));
    let states = |cluster: &Cluster<Counter>| (cluster.is_up(1), cluster.is_down(1));
    assert_eq!((states(&cluster), cluster.life(1)), ((true, false), 0));
    cluster.pause(1);
    assert_eq!(states(&cluster), (false, false));
    cluster.resume(1);
    assert_eq!(states(&cluster), (true, false));
    cluster.crash(1);
    assert_eq!((states(&cluster), cluster.life(1)), ((false, true), 1));
    cluster.restart(1);
    assert_eq!(states(&cluster), (true, false));
}

/// Says everything three times.
struct Repeater;

impl Liar for Repeater {
    fn tell(&mut self, message: AnyMessage, out: &mut Vec<AnyMessage>) {
        out.extend([message.clone(), message.clone(), message]);
    }
}

#[test]
fn a_byzantine_node_speaks_with_its_own_mouth_as_long_as_it_is_told_to() {
    let mut cluster = cluster(options(2, 1));
    cluster.set_liar(0, Box::new(Repeater));
    let mut told = |lies| {
        cluster.lie(0, lies);
        ask(&mut cluster, 0, 1, Body::Count);
        let answers = settle(&mut cluster).len();
        (answers, cluster.node(1).told.clone())
    };
    assert_eq!(told(false), (1, vec![1]));
    assert_eq!(told(true), (3, vec![1, 2, 2, 2]));
    assert_eq!(told(false), (1, vec![1, 2, 2, 2, 3]));
}

/// Sends everything on that comes, twice.
struct Storm;

impl Node for Storm {
    type Body = Body;
    type Token = ();

    fn request(&mut self, _: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        for peer in ctx.peers().cloned().collect::<Vec<_>>() {
            ctx.send(&peer, body.clone());
            ctx.send(&peer, body.clone());
        }
    }
}

/// What stops a cluster of two such nodes with this latency, and how many steps it took.
fn storm(latency: Duration, limits: impl FnOnce(&mut ClusterOptions)) -> (Overload, usize) {
    let mut options = ClusterOptions::new(2, 1);
    options.network.latency = latency;
    limits(&mut options);
    let mut cluster = Cluster::new(options, |_| Storm);
    cluster.request(&NodeId::new("c9"), 1, MessageId(1), Body::Told { count: 1 });
    let steps = std::iter::from_fn(|| cluster.step()).count();
    assert_eq!(cluster.next_time(), None, "nothing happens any more");
    (*cluster.overload().expect("it is stopped"), steps)
}

#[test]
fn a_storm_is_stopped_and_named_before_it_takes_all_memory() {
    let (overload, steps) =
        storm(Duration::from_millis(10), |options| options.limits.in_flight = 1000);
    assert_eq!(overload.limit, Limit::InFlight(1000));
    // 2, 4, 8, ... messages, one step after another of 10 ms.
    assert!(overload.time >= at_ms(80) && overload.time <= at_ms(100), "{overload:?}");
    assert!(overload.sent > 500 && steps < 2000, "{overload:?} after {steps} steps");
}

#[test]
fn nodes_that_talk_for_ever_at_one_moment_are_stopped() {
    let (overload, steps) = storm(Duration::ZERO, |options| {
        options.limits.in_flight = usize::MAX;
        options.limits.events_a_second = 5000;
    });
    assert_eq!((overload.limit, overload.time), (Limit::Events(5000), Time::ZERO));
    assert_eq!(steps, 5001);
}

#[test]
fn messages_that_wait_for_a_paused_node_count_and_those_of_a_dead_one_do_not() {
    let mut options = options(2, 1);
    options.limits.in_flight = 10;
    options.durable = Some(Duration::from_millis(1));
    let mut cluster = cluster(options);
    settle(&mut cluster);
    for round in 0..5 {
        cluster.pause(0);
        for number in 0..9 {
            ask(&mut cluster, 0, round * 10 + number, Body::Later);
        }
        settle(&mut cluster);
        assert_eq!(cluster.overload(), None, "round {round}");
        cluster.crash(0);
        cluster.restart(0);
        settle(&mut cluster);
    }
    cluster.pause(0);
    (0..11).for_each(|number| ask(&mut cluster, 0, 100 + number, Body::Later));
    settle(&mut cluster);
    assert_eq!(cluster.overload().map(|overload| overload.limit), Some(Limit::InFlight(10)));
}

#[test]
fn timers_follow_the_monotonic_clock_whatever_the_wall_clock_does() {
    let mut cluster = cluster(options(1, 1));
    ask(&mut cluster, 0, 1, Body::Later);
    cluster.step();
    cluster.set_wall_clock_offset(0, -60_000);
    let heard = settle(&mut cluster);
    let (time, Body::LaterOk { wall_ms }) = &heard[0] else { panic!("{heard:?}") };
    assert_eq!(*time, at_ms(1_000));
    // 2026-01-01 plus one second, less the minute.
    assert_eq!(*wall_ms, 1_767_225_600_000 + 1_000 - 60_000);
}

#[test]
fn services_answer_nodes_in_a_partition_too() {
    let mut cluster = cluster(options(2, 1));
    cluster.network_mut().set_cut(Cut::halves(2, |node| node == 0));
    ask(&mut cluster, 0, 1, Body::Store);
    ask(&mut cluster, 0, 2, Body::Count);
    let heard: Vec<_> = settle(&mut cluster).into_iter().map(|(_, body)| body).collect();
    assert_eq!(heard, [Body::CountOk { count: 1 }, Body::StoreOk { value: 7.into() }]);
    assert!(cluster.node(1).told.is_empty(), "the peer is cut off");
}

/// Everything that happens in a run with every fault, as text.
fn transcript(seed: u64) -> String {
    let mut options = options(5, seed);
    options.durable = Some(Duration::from_millis(1));
    options.network.distribution = LatencyDistribution::Exponential;
    options.network.loss = 0.2;
    options.network.duplicate = 0.2;
    let mut cluster = cluster(options);
    let text = Rc::new(RefCell::new(String::new()));
    let sink = Rc::clone(&text);
    cluster.observe(move |seen| {
        let Message { src, dest, payload, .. } = seen.message;
        let (time, fate) = (seen.time.as_nanos(), seen.fate);
        writeln!(sink.borrow_mut(), "{time} {} {fate:?} {src} {dest} {payload:?}", seen.number)
            .expect("a string takes any text");
    });
    for round in 0..50 {
        ask(&mut cluster, round % 5, round as u64, Body::Count);
        match round {
            10 => cluster.crash(2),
            20 => cluster.restart(2),
            25 => cluster.pause(3),
            35 => cluster.resume(3),
            _ => {}
        }
        for _ in 0..5 {
            cluster.step();
        }
    }
    settle(&mut cluster);
    text.take()
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    assert_eq!(transcript(1), transcript(1));
    assert_ne!(transcript(1), transcript(2));
    for fate in [Fate::Sent, Fate::Received, Fate::Lost, Fate::ReceiverDown] {
        assert!(transcript(1).contains(&format!("{fate:?}")), "{fate:?}");
    }
}
