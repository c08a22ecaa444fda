//! That another seed can take over in the middle of a run, for all that is drawn from then on, and that what
//! is not left to chance is the same with every seed.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proto::service::{KeyValue, ServiceReply};
use proto::{AnyNode, Caller, Context, Node, NodeId, Outcome, body_text};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use simulator::{AnyCluster, ClusterOptions, Fate, LatencyDistribution};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Roll,
    Rolled { number: u64 },
}

/// Tells its peer a random number, and asks the service `seq-kv`, which may answer with an old value.
struct Dice;

impl Node for Dice {
    type Body = Body;
    type Token = ();

    fn request(&mut self, _: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if matches!(body, Body::Roll) {
            let number = ctx.random().random_range(0..1 << 50);
            let peer = ctx.peers().next().expect("there are two").clone();
            ctx.send(&peer, Body::Rolled { number });
            KeyValue::sequential().read(ctx, 1.into(), Duration::from_secs(9), ());
        }
    }

    fn service_outcome(&mut self, (): (), _: Outcome<ServiceReply>, _: &mut Context<'_, Self>) {}
}

/// What nodes tell each other and when it arrives, in nanoseconds: two rolls, a restart, and another
/// roll. The seed takes over after the first.
fn rolls(seed: Option<u64>) -> Vec<(u128, String)> {
    rolls_by_chance(7, seed, "")
}

/// The same, with this seed at first, and only this left to chance.
fn rolls_by_chance(first: u64, seed: Option<u64>, chance: &str) -> Vec<(u128, String)> {
    let mut options = ClusterOptions::new(2, first);
    options.network.chance = chance.parse().unwrap_or_default();
    options.network.latency = Duration::from_millis(100);
    options.network.distribution = LatencyDistribution::Exponential;
    let mut cluster = AnyCluster::new(options, |_| AnyNode::new(Dice));
    let heard = Rc::new(RefCell::new(Vec::new()));
    let ears = Rc::clone(&heard);
    cluster.observe(move |seen| {
        let text = body_text(seen.message).expect("it can be written");
        if seen.fate == Fate::Received && text.contains("rolled") {
            let (_, number) = text.split_once("number").expect("it has one");
            ears.borrow_mut().push((seen.time.as_nanos().into(), number.to_owned()));
        }
    });
    for round in 0..3 {
        if round == 2 {
            cluster.crash(0);
            cluster.restart(0);
        }
        cluster.request(&NodeId::new("c9"), 0, r#"{"type":"roll"}"#);
        while cluster.step().is_some() {}
        if let (0, Some(seed)) = (round, seed) {
            cluster.reseed(seed);
        }
    }
    drop(cluster);
    Rc::into_inner(heard).expect("nobody else listens").into_inner()
}

#[test]
fn what_was_drawn_stays_and_nodes_links_and_later_lives_draw_anew() {
    let [plain, one, again, other] = [None, Some(1), Some(1), Some(2)].map(rolls);
    assert_eq!((plain.len(), &one), (3, &again));
    assert_eq!((&plain[0], &plain[0]), (&one[0], &other[0]));
    for (runs, what) in [([&plain, &one], "none"), ([&one, &other], "another")] {
        let [left, right] = runs;
        for round in 1..3 {
            assert_ne!(left[round].1, right[round].1, "numbers of round {round}, {what}");
            assert_ne!(left[round].0, right[round].0, "times of round {round}, {what}");
        }
    }
}

#[test]
fn what_is_not_left_to_chance_is_the_same_with_every_seed() {
    let seeds = [(7, None), (8, None), (7, Some(1))];
    let with = |chance| seeds.map(|(first, seed)| rolls_by_chance(first, seed, chance));
    let [one, other, reseeded] = with("none");
    assert_eq!((one.len(), &one, &one), (3, &other, &reseeded));
    // A round ends when the service has been silent for nine seconds.
    let mean = |(time, _): &(u128, String)| time % 9_000_000_000 == 100_000_000;
    assert!(one.iter().all(mean), "{one:?}");
    // It is the first node that rolls.
    let differs =
        |runs: &[Vec<(u128, String)>; 3], round: usize, part: fn(&(u128, String)) -> String| {
            [1, 2].map(|other| part(&runs[0][round]) != part(&runs[other][round]))
        };
    let (time, number) =
        (|roll: &(u128, String)| roll.0.to_string(), |roll: &(u128, String)| roll.1.clone());
    for (chance, times, numbers) in
        [("nodes:0", false, true), ("nodes:1", false, false), ("messages:0-", true, false)]
    {
        let runs = with(chance);
        let all = |part| (0..3).map(|round| differs(&runs, round, part)).collect::<Vec<_>>();
        // The seed takes over after the first round.
        let expected = |is_by_chance| [[is_by_chance, false], [is_by_chance; 2], [is_by_chance; 2]];
        assert_eq!(all(time), expected(times), "times by {chance}");
        assert_eq!(all(number), expected(numbers), "numbers by {chance}");
    }
}
