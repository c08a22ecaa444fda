use std::convert::Infallible;

use super::*;
use crate::options::FaultKind::{self, Kill, Loss, Partition, Pause};
use crate::workload::registry::named;

/// As [`super::shrink`] does it for runs that can always be made.
fn shrink(options: &Options, runs_max: usize, mut fails: impl FnMut(&Options) -> bool) -> Shrunk {
    super::shrink(options, runs_max, |options| Ok::<_, Infallible>(fails(options))).unwrap()
}

fn big() -> Options {
    let mut options = Options::new(named("lin-kv")).with_nodes(5);
    options.nemesis = vec![Partition, Kill, Pause, Loss];
    options.rate = 100.0;
    options.loss = 0.1;
    options.latency = Duration::from_millis(10);
    options.seed = 40;
    options
}

fn spares(options: &Options, source: Source, number: u64) -> bool {
    options.chance.spared(source).contains(number)
}

fn big_with(kind: FaultKind) -> Options {
    Options { nemesis: vec![kind, Kill], ..big() }
}

#[test]
fn what_does_not_matter_goes_and_what_matters_stays() {
    // Fails with a kill, on at least three nodes, after at least 12.34 s, 17 operations and
    // 2 faults, at a rate of at least 20.
    let needs = |options: &Options| {
        options.nemesis.contains(&Kill)
            && options.nodes.len() >= 3
            && options.time_limit >= Duration::from_millis(12_340)
            && options.max_operations.unwrap_or(u64::MAX) >= 17
            && options.max_faults.unwrap_or(u64::MAX) >= 2
            && options.rate >= 20.0
    };
    let Shrunk { options, runs } = shrink(&big(), 10_000, needs);
    assert!(needs(&options));
    assert_eq!(options.nemesis, [Kill]);
    assert_eq!((options.nodes.len(), options.concurrency), (3, 6));
    assert_eq!(options.time_limit, Duration::from_millis(12_400));
    assert_eq!((options.max_operations, options.max_faults), (Some(17), Some(2)));
    assert_eq!((options.rate, options.loss, options.latency), (25.0, 0.0, Duration::ZERO));
    assert_eq!(options.seed, 40);
    assert!(runs < 300, "{runs}");
}

#[test]
fn a_change_that_makes_another_run_of_it_may_need_another_seed() {
    let needs = |options: &Options| options.nemesis.len() == 4 || options.seed.is_multiple_of(11);
    let shrunk = shrink(&big(), 10_000, needs);
    assert_eq!((shrunk.options.nemesis, shrunk.options.seed), (Vec::<FaultKind>::new(), 44));
}

#[test]
fn no_run_is_made_so_small_that_it_means_nothing() {
    let shrunk = shrink(&big(), 10_000, |options| options.nemesis.contains(&Kill)).options;
    assert_eq!((shrunk.max_operations, shrunk.max_faults), (Some(1), Some(1)));
    assert!(shrunk.time_limit >= TIME_STEP && shrunk.rate >= RATE_MIN);
    assert_eq!((shrunk.nodes.len(), shrunk.concurrency), (1, 2));
}

#[test]
fn what_happens_between_nodes_keeps_two_of_them_and_liars_keep_four() {
    for (kind, least) in [(Partition, 2), (Loss, 2), (Pause, 1), (FaultKind::Byzantine, 4)] {
        let shrunk = shrink(&big_with(kind), 10_000, |options| options.nemesis.contains(&kind));
        assert_eq!(shrunk.options.nodes.len(), least, "{kind:?}");
    }
}

/// Whether a run has all of these operations and faults, and as many a second as the big one.
fn has(options: &Options, operations: &[u64], faults: &[u64]) -> bool {
    // They come in time with a mean gap of this many seconds.
    let left = |omitted: &Numbers, most: Option<u64>, gap: f64, number: &u64| {
        *number < most.unwrap_or(u64::MAX)
            && !omitted.contains(*number)
            && *number as f64 * gap < options.time_limit.as_secs_f64()
    };
    let Options { max_operations, omit_operations, max_faults, omit_faults, .. } = options;
    operations.iter().all(|number| left(omit_operations, *max_operations, 0.01, number))
        && faults.iter().all(|number| left(omit_faults, *max_faults, 10.0, number))
        && (operations.is_empty() || options.rate == big().rate)
        && (faults.is_empty() || !options.nemesis.is_empty())
}

#[test]
fn operations_and_faults_in_between_that_do_not_matter_are_left_out() {
    for (operations, faults, most) in [
        (&[0, 7, 700, 1999][..], &[1, 3][..], 210),
        (&[500], &[4], 160),
        (&[3, 4, 5, 6], &[], 160),
        (&[], &[0], 130),
    ] {
        let Shrunk { options, runs } =
            shrink(&big(), 10_000, |options| has(options, operations, faults));
        let (least, fewest) = (operations.len().max(1) as u64, faults.len() as u64);
        assert_eq!(options.size(), (Some(least), Some(fewest)), "{options:?}");
        assert!(has(&options, operations, faults) && runs <= most, "{runs} runs");
    }
}

#[test]
fn no_single_operation_of_what_is_left_can_go() {
    // It takes one of 10 to 19 and one of 30 to 39, and with 15 one of 90 to 99 as well.
    let has_of = |options: &Options, mut range: std::ops::Range<u64>| {
        range.any(|number| has(options, &[number], &[]))
    };
    let needs = |options: &Options| {
        has_of(options, 10..20)
            && has_of(options, 30..40)
            && (!has(options, &[15], &[]) || has_of(options, 90..100))
    };
    let options = shrink(&big(), 10_000, needs).options;
    assert!(needs(&options));
    let operations = kept(&options.omit_operations, options.max_operations.unwrap());
    for gone in &operations {
        let rest: Vec<_> = operations.iter().copied().filter(|other| other != gone).collect();
        let mut less = options.clone();
        less.omit_operations = Numbers::all_but(&rest, 100);
        assert!(!needs(&less), "{gone} of {operations:?}");
    }
}

#[test]
fn few_messages_are_left_to_chance() {
    for (numbers, most) in [(&[0][..], 160), (&[999], 190), (&[3, 40, 41, 700], 230)] {
        // Those of another run would be other messages.
        let needs = |options: &Options| {
            options.loss == 0.1
                && options.seed == 40
                && !numbers.iter().any(|number| spares(options, Source::Messages, *number))
        };
        let Shrunk { options, runs } = shrink(&big(), 10_000, needs);
        let few: Numbers = numbers.iter().copied().collect();
        assert_eq!(options.chance.to_string(), format!("messages:{few}"));
        assert!(needs(&options) && runs <= most, "{runs} runs");
    }
}

#[test]
fn few_draws_are_left_to_chance() {
    use Source::{Generator, Messages, Nemesis, Nodes};
    for (needed, left) in [
        (&[][..], "none"),
        (&[(Nodes, 1)], "nodes:1"),
        (&[(Generator, 3), (Generator, 170), (Nemesis, 0)], "generator:3,170,nemesis:0"),
        (&[(Generator, 0), (Messages, 41)], "generator:0,messages:41"),
    ] {
        let needs = |options: &Options| {
            let is_it = options.seed == 40 && options.nemesis.contains(&Kill);
            let is_rough =
                needed.iter().all(|(source, _)| *source != Messages) || options.loss_clients == 0.1;
            is_it
                && is_rough
                && needed.iter().all(|(source, number)| !spares(options, *source, *number))
        };
        let first = Options { loss_clients: 0.1, ..big() };
        let Shrunk { options, runs } = shrink(&first, 10_000, needs);
        assert_eq!(options.chance.to_string(), left);
        assert!(needs(&options) && runs < 200, "{runs} runs");
    }
    // That takes no more than an eighth of all runs.
    let many = |options: &Options| {
        options.seed == 40 && (0..999).step_by(2).all(|number| !spares(options, Generator, number))
    };
    let Shrunk { options, runs } = shrink(&big(), 2_000, many);
    assert!(many(&options) && runs < 400, "{runs} runs");
}

#[test]
fn a_message_that_has_to_be_lost_is_named_and_keeps_no_operation_that_only_comes_before_it() {
    // Each operation is two messages; the second one of operation 20 has to be lost, and by chance it is
    // only while it has the number that it has now. What goes after it leaves it its number.
    for (nemesis, faults, needed) in
        [(Vec::new(), 0, &[20][..]), (Vec::new(), 0, &[20, 25]), (vec![Loss, Kill], 1, &[20])]
    {
        let fails = |options: &Options| {
            let is_there = |number: &u64| has(options, &[*number], &[]);
            let is_killed = options.nemesis.contains(&Kill);
            if !needed.iter().all(is_there) || (faults == 1 && !is_killed) {
                return false;
            }
            let number = 2 * (0..20).filter(is_there).count() as u64 + 1;
            let by_chance = options.draws_fates()
                && options.seed == 40
                && number == 41
                && !spares(options, Source::Messages, number);
            by_chance || options.lose_messages.contains(number)
        };
        let loss = if faults == 0 { 0.1 } else { 0.0 };
        let first = Options { nemesis, loss, ..big() };
        let Shrunk { options, runs } = shrink(&first, 10_000, fails);
        assert!(fails(&options) && runs < 1_000, "{runs} runs");
        assert_eq!(options.lose_messages.to_string(), "1");
        assert_eq!((options.loss, options.chance.is_none()), (0.0, true));
        assert_eq!(options.size().0, Some(needed.len() as u64));
        assert!(options.size().1.is_some_and(|count| count > faults));
    }
}

#[test]
fn where_more_than_losses_matters_operations_go_before_messages_are_spared() {
    // The second message of operation 20 has to be late, whatever number it has.
    let fails = |options: &Options| {
        let is_there = |number: &u64| has(options, &[*number], &[]);
        let number = 2 * (0..20).filter(is_there).count() as u64 + 1;
        is_there(&20)
            && options.loss == 0.1
            && options.seed == 40
            && !spares(options, Source::Messages, number)
    };
    let options = shrink(&big(), 10_000, fails).options;
    assert_eq!((options.size().0, options.lose_messages.is_empty()), (Some(1), true));
    assert_eq!(options.chance.to_string(), "messages:1");
    // Where it is that of many messages, it takes too many runs to find them all.
    let many = |options: &Options| {
        let is_it = options.loss == 0.1 && options.seed == 40 && options.nodes.len() == 5;
        is_it
            && has(options, &[17, 400], &[])
            && (0..400).step_by(2).all(|number| !spares(options, Source::Messages, number))
    };
    assert_eq!(shrink(&big(), 300, many).options.size().0, Some(2));
}

#[test]
fn where_no_message_has_to_be_left_to_chance_none_are() {
    // Another seed would not fail, and this one does not need what the network is like.
    let is_it = |options: &Options| options.seed == 40 && options.rate == 100.0;
    let mut rough = big();
    (rough.latency_dist, rough.duplicate) = (LatencyDistribution::Exponential, 0.1);
    let needs = |options: &Options| is_it(options) && options.time_limit == rough.time_limit;
    let calm = shrink(&rough, 10_000, needs).options;
    assert_eq!((calm.loss, calm.duplicate, calm.chance.is_none()), (0.0, 0.0, true));
    // With a fault that is drawn for each message it is said which ones it spares.
    rough.nemesis = vec![Loss];
    let needs = |options: &Options| needs(options) && options.nemesis == [Loss];
    assert!(shrink(&rough, 10_000, needs).options.chance.is_none());
}

#[test]
fn where_a_seed_needs_many_operations_others_are_tried() {
    // What the first one can do without is not left out for the others.
    let many: Vec<u64> = (10..50).collect();
    let needs = |options: &Options| match options.seed {
        40 => has(options, &many, &[2]),
        57 => has(options, &[3, 15], &[0]),
        _ => false,
    };
    let shrunk = shrink(&big(), 10_000, needs);
    assert_eq!((shrunk.options.seed, shrunk.options.size()), (57, (Some(2), Some(1))));
}

#[test]
fn of_a_run_with_very_many_operations_none_are_left_out() {
    let mut huge = big();
    (huge.rate, huge.time_limit) = (1e9, Duration::from_secs(1_000_000));
    let is_same = |options: &Options| {
        options.rate == 1e9
            && options.time_limit == huge.time_limit
            && options.seed == 40
            && options.max_operations.is_none()
    };
    let shrunk = shrink(&huge, 1_000, is_same);
    assert!(shrunk.options.omit_operations.is_empty() && is_same(&shrunk.options));
}

#[test]
fn there_are_always_runs_left_for_single_operations_and_faults() {
    // Nothing that would make another run of it fails, and a rare run takes long.
    let rare = |options: &Options| {
        let same = Options { nemesis: big().nemesis, ..options.clone() };
        let is_it = options.nemesis == same.nemesis && options.seed == 40 && options.loss > 0.0;
        let nodes = (options.nodes.len(), options.rate, options.latency);
        let is_it = is_it && nodes == (5, 100.0, Duration::from_millis(10));
        is_it && has(options, &[17, 400], &[2])
    };
    let shrunk = shrink(&big(), 300, rare);
    assert_eq!(shrunk.options.size(), (Some(2), Some(1)));
}

#[test]
fn a_run_that_cannot_be_smaller_stays_and_the_number_of_runs_is_bounded() {
    let before = format!("{:?}", big());
    let shrunk = shrink(&big(), 10_000, |_| false);
    assert_eq!(format!("{:?}", shrunk.options), before);
    let mut runs = 0;
    let shrunk = shrink(&big(), 5, |_| {
        runs += 1;
        false
    });
    assert_eq!((shrunk.runs, runs), (5, 5));
    assert_eq!(shrink(&big(), 0, |_| true).runs, 0);
}

#[test]
fn a_run_that_was_shortened_says_its_size_though_it_needs_all_that_it_has() {
    let mut slow = big_with(Kill);
    (slow.rate, slow.nemesis_interval) = (1.0, Duration::from_secs(10));
    // All that there is room for in a second and a half: gaps are up to twice as long as usual.
    let needs = |options: &Options| {
        options.time_limit >= Duration::from_millis(1500)
            && options.max_operations.is_none_or(|most| most >= 4)
            && options.max_faults.is_none_or(|most| most >= 2)
            && options.nemesis.len() == 2
            && options.omit_operations.is_empty()
            && options.omit_faults.is_empty()
    };
    let shrunk = shrink(&slow, 10_000, needs).options;
    assert!(needs(&shrunk));
    assert_eq!(shrunk.size(), (Some(4), Some(2)));
}

#[test]
fn where_a_run_cannot_be_made_no_other_is_tried() {
    let mut runs = 0;
    let shrunk = super::shrink(&big(), 100, |_| {
        runs += 1;
        if runs == 3 { Err("no") } else { Ok(false) }
    });
    assert_eq!((shrunk.err(), runs), (Some("no"), 3));
}
