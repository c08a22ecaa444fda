//! What the runs of a sweep have in common, and what each seed draws for itself. A strategy makes a run
//! of a seed by what the run's flags say, so whatever it finds is repeated by a plain `eddy test`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use simulator::{LatencyDistribution, Random};

use crate::command_line::Call;
use crate::options::{FaultKind, NEMESIS_INTERVAL_MIN, Options};

/// How the runs of a sweep differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Strategy {
    /// By their seed alone.
    #[default]
    Independent,
    /// Each seed draws which of the faults there are at all and how often they come, how many of the
    /// nodes there are, how often clients ask, and how long messages take (Groce, Zhang, Eide, Chen and
    /// Regehr, ISSTA 2012: a run that leaves things out goes further in what it has).
    Swarm,
    /// By the order of messages: latencies are [priorities](LatencyDistribution::Priorities) of this
    /// depth.
    Priorities(u8),
    /// Half of the seeds have all the faults that were asked for, the others some of them; each draws how
    /// often they come, how often clients ask and how long messages take. What a right node may count on
    /// stays: the number of nodes, and messages that arrive within a few latencies.
    Mixed,
    /// Half of the seeds as [`Mixed`](Self::Mixed) has them; the others go on from runs in which something
    /// new happened: see [`Explorer`](super::Explorer).
    Guided,
}

impl Strategy {
    /// How the runs of a sweep differ if nothing is said: [`Mixed`](Self::Mixed) where faults come and go,
    /// because on the corpus that finds bugs with far fewer seeds. Limits on figures are limits of the
    /// run that they were set for, and without faults there is little to vary: such runs differ by their
    /// seed alone.
    pub fn usual(call: &Call) -> Self {
        let has_limits = !call.expect.is_empty() || call.options.availability.is_some();
        match call.options.nemesis.is_empty() || has_limits {
            true => Self::Independent,
            false => Self::Mixed,
        }
    }

    /// The run of a seed, of which nothing is known from other runs.
    #[must_use]
    pub fn call(self, base: &Call, seed: u64) -> Call {
        let mut call = base.with_seed(seed);
        let options = &mut call.options;
        match self {
            Self::Independent => {}
            Self::Priorities(depth) => prioritize(options, depth),
            Self::Swarm => swarm(options, &mut Random::new(seed, "swarm")),
            Self::Mixed | Self::Guided => mix(options, &mut Random::new(seed, "swarm")),
        }
        call
    }
}

/// Has messages take time by priorities. Where they take none, there is no order to choose.
fn prioritize(options: &mut Options, depth: u8) {
    if !options.latency.is_zero() {
        options.latency_dist = LatencyDistribution::Priorities(depth);
    }
}

/// Draws what the seed of a swarm decides besides.
fn swarm(options: &mut Options, random: &mut Random) {
    draw_faults(options, random);
    options.rate = tidy(options.rate * scale(0.3, 4.0, random));
    draw_nodes(options, random);
    draw_latency(options, 6.0, random);
    for chance in [&mut options.loss, &mut options.duplicate, &mut options.loss_clients] {
        *chance = tidy((*chance * scale(0.1, 3.0, random)).min(0.5));
    }
}

/// Draws what the seed of a mixture decides besides.
fn mix(options: &mut Options, random: &mut Random) {
    // All of them at once hit what needs two, and hide what only shows while something still works.
    if random.chance(0.5) {
        draw_interval(options, random);
    } else {
        draw_faults(options, random);
    }
    options.rate = tidy(options.rate * scale(0.5, 2.0, random));
    draw_latency(options, 3.0, random);
}

/// Leaves each fault out every other time, but not all of them, and draws how often they come.
fn draw_faults(options: &mut Options, random: &mut Random) {
    let all = std::mem::take(&mut options.nemesis);
    let drawn: Vec<FaultKind> = all.iter().copied().filter(|_| random.chance(0.5)).collect();
    options.nemesis = match drawn.is_empty() {
        // Without any fault every other run would be the same test.
        true => random.pick(&all).copied().into_iter().collect(),
        false => drawn,
    };
    draw_interval(options, random);
}

fn draw_interval(options: &mut Options, random: &mut Random) {
    let drawn = around(options.nemesis_interval, 0.06, 1.5, random);
    options.nemesis_interval = drawn.max(NEMESIS_INTERVAL_MIN);
}

/// Draws how long messages take, up to so many times as long as was asked for, and how that varies.
fn draw_latency(options: &mut Options, most: f64, random: &mut Random) {
    if options.latency.is_zero() {
        return;
    }
    options.latency = around(options.latency, 0.3, most, random);
    let distributions = [
        LatencyDistribution::Constant,
        LatencyDistribution::Uniform,
        LatencyDistribution::Exponential,
    ];
    options.latency_dist = random.pick(&distributions).copied().unwrap_or_default();
}

/// Leaves some of the nodes out, every other time. With fewer than three there is hardly a cluster, and
/// whoever asks for Byzantine nodes has counted.
fn draw_nodes(options: &mut Options, random: &mut Random) {
    let count = options.nodes.len();
    let is_whole = random.chance(0.5);
    let left = 3 + random.index(count.saturating_sub(3).max(1));
    if is_whole || left >= count || options.nemesis.contains(&FaultKind::Byzantine) {
        return;
    }
    let a_node = options.concurrency / count;
    options.concurrency = left * a_node.max(options.workload.default_concurrency(1));
    options.nodes.truncate(left);
}

/// Between `low` and `high` times as much, each order of magnitude as likely as any other.
fn scale(low: f64, high: f64, random: &mut Random) -> f64 {
    low * (high / low).powf(random.fraction())
}

fn around(mean: Duration, low: f64, high: f64, random: &mut Random) -> Duration {
    Duration::from_secs_f64(tidy(mean.as_secs_f64() * scale(low, high, random)))
}

/// The same with two digits, as somebody would have typed it.
fn tidy(number: f64) -> f64 {
    format!("{number:.1e}").parse().unwrap_or(number)
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Independent => f.write_str("independent"),
            Self::Swarm => f.write_str("swarm"),
            Self::Priorities(depth) => write!(f, "priorities:{depth}"),
            Self::Mixed => f.write_str("mixed"),
            Self::Guided => f.write_str("guided"),
        }
    }
}

impl From<Strategy> for String {
    fn from(strategy: Strategy) -> Self {
        strategy.to_string()
    }
}

impl TryFrom<String> for Strategy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "independent" => Ok(Self::Independent),
            "swarm" => Ok(Self::Swarm),
            "mixed" => Ok(Self::Mixed),
            "guided" => Ok(Self::Guided),
            _ => {
                match text.parse() {
                    Ok(LatencyDistribution::Priorities(depth)) => Ok(Self::Priorities(depth)),
                    Err(wrong) if text.starts_with("priorities") => Err(wrong),
                    _ => Err("has to be independent, swarm, priorities[:DEPTH], mixed or guided"
                        .to_owned()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use checkers::stats::Requirement;

    use super::*;
    use crate::command_line::{Given, Target};
    use crate::simulated::SimulatedNode;
    use crate::workload::registry::named;

    fn base() -> Call {
        let target =
            Target::Simulated(SimulatedNode::new("some", || unreachable!("it is not run")));
        let mut given = Given::default();
        for (flag, value) in [
            ("nemesis", "partition,kill,pause"),
            ("latency", "10"),
            ("duplicate", "0.1"),
            ("rate", "20"),
        ] {
            given.push(flag, value);
        }
        let (options, expect) = given.options(named("lin-kv"), 0).unwrap();
        Call { target, options, expect, args: Vec::new() }
    }

    #[test]
    fn a_swarm_leaves_things_out_and_adds_none() {
        let (base, mut faults, mut sizes) = (base(), BTreeSet::new(), BTreeSet::new());
        for seed in 0..200 {
            let options = Strategy::Swarm.call(&base, seed).options;
            assert_eq!(options.seed, seed);
            assert!(options.nemesis.iter().all(|kind| base.options.nemesis.contains(kind)));
            assert!((3..=5).contains(&options.nodes.len()));
            assert_eq!(options.concurrency, 2 * options.nodes.len());
            assert_eq!((options.loss, options.time_limit), (0.0, base.options.time_limit));
            faults.insert(options.nemesis);
            sizes.insert(options.nodes.len());
        }
        assert_eq!((faults.len(), sizes.len()), (7, 3), "every set of faults but none: {faults:?}");
    }

    #[test]
    fn a_mixture_has_all_faults_every_other_time_and_leaves_what_a_right_node_counts_on() {
        let (base, mut whole) = (base(), 0);
        for seed in 0..200 {
            let Options { nemesis, nodes, latency, latency_dist, duplicate, .. } =
                Strategy::Mixed.call(&base, seed).options;
            whole += u32::from(nemesis == base.options.nemesis);
            assert!(!nemesis.is_empty() && nodes == base.options.nodes && duplicate == 0.1);
            assert!(latency <= 3 * base.options.latency);
            assert!(!matches!(latency_dist, LatencyDistribution::Priorities(_)));
        }
        // Half of them, and one in eight of the others.
        assert!((90..135).contains(&whole), "{whole} of 200");
    }

    #[test]
    fn what_is_usual_varies_faults_where_there_are_some_and_no_limits_are_set() {
        let base = base();
        assert_eq!(Strategy::usual(&base), Strategy::Mixed);
        let quiet = Options { nemesis: Vec::new(), ..base.options.clone() };
        let quiet = Call { options: quiet, ..base.clone() };
        let limited = Call { expect: vec!["p50<1s".parse().unwrap()], ..base.clone() };
        let available = Options { availability: Some(Requirement::Total), ..base.options.clone() };
        let available = Call { options: available, ..base };
        for call in [quiet, limited, available] {
            assert_eq!(Strategy::usual(&call), Strategy::Independent);
        }
    }

    #[test]
    fn a_run_is_its_seed_s_and_its_command_says_all_of_it() {
        for strategy in [Strategy::Swarm, Strategy::Priorities(4), Strategy::Mixed] {
            for seed in 0..50 {
                let mut base = base();
                if seed % 2 == 1 {
                    base.options.nemesis_interval = NEMESIS_INTERVAL_MIN;
                }
                let call = strategy.call(&base, seed);
                assert_eq!(call.words(), strategy.call(&base, seed).words());
                let mut given = Given::default();
                let words = call.words();
                let mut flags = words[2..].iter();
                while let Some(flag) = flags.next() {
                    let (name, value) = (flag.trim_start_matches("--"), flags.next().unwrap());
                    if !["workload", "simulate", "seed"].contains(&name) {
                        given.push(name, value);
                    }
                }
                let (again, _) = given.options(named("lin-kv"), seed).unwrap();
                assert_eq!(format!("{again:?}"), format!("{:?}", call.options), "{words:?}");
            }
        }
    }

    #[test]
    fn a_strategy_is_read_as_it_is_written() {
        let all =
            [Strategy::Independent, Strategy::Swarm, Strategy::Priorities(7), Strategy::Mixed];
        for strategy in all {
            assert_eq!(strategy.to_string().parse(), Ok(strategy));
        }
        assert_eq!("priorities".parse(), Ok(Strategy::Priorities(3)));
        for wrong in ["", "random", "uniform", "priorities:0"] {
            assert!(wrong.parse::<Strategy>().is_err(), "{wrong}");
        }
    }
}
