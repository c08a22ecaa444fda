//! The network model: what becomes of a message, and how messages are counted.
//!
//! It follows Maelstrom (`maelstrom.net`): a latency is drawn for each message between servers,
//! links to clients have none; a partition is looked at when the message arrives, so one that was
//! sent before the cut is lost if it arrives during it. Unlike Maelstrom it delivers at the
//! deadline, whatever else the receiver waits for. Nothing here knows what time it is: the same
//! model carries messages in virtual time and between real processes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::chance::{Chance, Source};
use crate::endpoint::Endpoint;
use crate::numbers::Numbers;
use crate::observation::Fate;
use crate::partition::Cut;
use crate::priorities::Priorities;
use crate::random::Random;

/// The distribution of latencies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LatencyDistribution {
    /// Always the mean.
    #[default]
    Constant,
    /// Uniform in [0, 2 × mean).
    Uniform,
    /// Exponential.
    Exponential,
    /// By priorities of links, of which so many, less one, are lowered at a time: tests orders of
    /// messages that are improbable otherwise, and is like no network.
    Priorities(u8),
}

/// The depth of [`LatencyDistribution::Priorities`] if none is said.
const DEPTH: u8 = 3;

impl fmt::Display for LatencyDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Uniform => f.write_str("uniform"),
            Self::Exponential => f.write_str("exponential"),
            Self::Priorities(depth) => write!(f, "priorities:{depth}"),
        }
    }
}

impl FromStr for LatencyDistribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "constant" => Ok(Self::Constant),
            None if text == "uniform" => Ok(Self::Uniform),
            None if text == "exponential" => Ok(Self::Exponential),
            None if text == "priorities" => Ok(Self::Priorities(DEPTH)),
            Some(("priorities", depth)) => match depth.parse() {
                Ok(depth @ 1..) => Ok(Self::Priorities(depth)),
                _ => Err("the depth of priorities has to be from 1 to 255".to_owned()),
            },
            _ => Err("has to be constant, uniform, exponential or priorities".to_owned()),
        }
    }
}

impl Serialize for LatencyDistribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the network does to messages.
#[derive(Clone, Debug, Default)]
pub struct NetworkOptions {
    /// Mean time that a message between servers takes.
    pub latency: Duration,
    /// How that time is distributed.
    pub distribution: LatencyDistribution,
    /// Probability that a message between servers is lost.
    pub loss: f64,
    /// Probability that a message between servers arrives twice.
    pub duplicate: f64,
    /// Probability that a message to or from a client is lost.
    pub loss_clients: f64,
    /// Whether whoever receives messages waits for each of them in turn, as Maelstrom's readers do: it
    /// takes the one that is due first and sleeps until then, and what comes meanwhile, a client's
    /// request say, waits behind it although it is due earlier.
    pub in_turn: bool,
    /// What is left to chance, of messages, services and nodes. Messages that are not are neither lost nor
    /// doubled at random, and take the mean latency.
    pub chance: Chance,
    /// Messages that are lost, by their numbers, whatever chance says.
    pub lost: Numbers,
}

/// What becomes of a message that was sent: nothing, or one or two arrivals after these times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// Arrivals, each after its own time.
    pub arrivals: [Option<Duration>; 2],
}

/// The network.
#[derive(Clone, Debug)]
pub struct Network {
    options: NetworkOptions,
    random: Random,
    priorities: Option<Priorities>,
    cut: Cut,
    statistics: Statistics,
    /// How many messages each node has sent to other nodes and to services.
    sent: Vec<u64>,
}

impl Network {
    /// A healed network of `nodes` nodes. All its decisions come from `seed`.
    pub fn new(nodes: usize, options: NetworkOptions, seed: u64) -> Self {
        let mut random = Random::new(seed, "network");
        let priorities = match options.distribution {
            LatencyDistribution::Priorities(depth) => Some(Priorities::new(depth, &mut random)),
            _ => None,
        };
        Self {
            options,
            random,
            priorities,
            cut: Cut::none(nodes),
            statistics: Statistics::default(),
            sent: vec![0; nodes],
        }
    }

    /// Has what is decided from now on come from another seed.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.random.reseed(seed, "network");
    }

    /// Decides what becomes of the message of this number, and counts it.
    pub fn send(&mut self, number: u64, from: Endpoint, to: Endpoint) -> Route {
        self.statistics.count_send(from, to);
        let with_client = from.is_client() || to.is_client();
        if let (Endpoint::Node(node), false) = (from, with_client) {
            self.sent[node] += 1;
        }
        let mut route = self.draw_route(from, to, with_client);
        if self.options.lost.contains(number) {
            route = Route { arrivals: [None, None] };
        } else if self.options.chance.spared(Source::Messages).contains(number) {
            let usual = if with_client { Duration::ZERO } else { self.options.latency };
            route = Route { arrivals: [Some(usual), None] };
        }
        self.statistics.doubled += u64::from(route.arrivals[1].is_some());
        route
    }

    /// Counts what became of a message that does not arrive.
    pub(crate) fn count_fate(&mut self, fate: Fate) {
        let lost = &mut self.statistics.lost;
        match fate {
            Fate::Sent | Fate::Received => {}
            Fate::Lost => lost.at_random += 1,
            Fate::Cut => lost.cut += 1,
            Fate::ReceiverDown => lost.receiver_down += 1,
            Fate::NoReceiver => lost.no_receiver += 1,
        }
    }

    /// Counts a message that no fault touches (`init`).
    pub fn send_surely(&mut self, from: Endpoint, to: Endpoint) {
        self.statistics.count_send(from, to);
    }

    /// Whether a message that arrives now gets through; counts it if so.
    pub fn arrive(&mut self, from: Endpoint, to: Endpoint) -> bool {
        let passes = match (from, to) {
            (Endpoint::Node(from), Endpoint::Node(to)) => !self.cut.refuses(to, from),
            // Clients and services are on nobody's side of a partition.
            _ => true,
        };
        if passes {
            self.statistics.count_receive(from, to);
        }
        passes
    }

    /// Replaces the partition in force.
    pub fn set_cut(&mut self, cut: Cut) {
        self.cut = cut;
    }

    /// The partition in force.
    pub fn cut(&self) -> &Cut {
        &self.cut
    }

    /// Sets the probability that a message between servers is lost.
    pub fn set_loss(&mut self, p: f64) {
        self.options.loss = p;
    }

    /// Sets the probability that a message between servers arrives twice.
    pub fn set_duplicate(&mut self, p: f64) {
        self.options.duplicate = p;
    }

    /// What was counted so far.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// How many messages each node has sent to other nodes and to services so far, lost ones included.
    pub fn sent(&self) -> &[u64] {
        &self.sent
    }

    fn draw_route(&mut self, from: Endpoint, to: Endpoint, with_client: bool) -> Route {
        let loss = if with_client { self.options.loss_clients } else { self.options.loss };
        if self.random.chance(loss) {
            return Route { arrivals: [None, None] };
        }
        if with_client {
            return Route { arrivals: [Some(Duration::ZERO), None] };
        }
        let first = self.draw_latency(from, to);
        let again = self.random.chance(self.options.duplicate).then(|| self.draw_latency(from, to));
        Route { arrivals: [Some(first), again] }
    }

    fn draw_latency(&mut self, from: Endpoint, to: Endpoint) -> Duration {
        let mean = self.options.latency;
        if let Some(priorities) = &mut self.priorities {
            return priorities.latency(from, to, mean, &mut self.random);
        }
        match self.options.distribution {
            _ if mean.is_zero() => mean,
            LatencyDistribution::Constant | LatencyDistribution::Priorities(_) => mean,
            LatencyDistribution::Uniform => self.random.uniform(mean),
            LatencyDistribution::Exponential => self.random.exponential(mean),
        }
    }
}

/// Messages of one group of links.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Count {
    /// Messages that entered the network, lost ones included. Each is a different one: what arrives
    /// twice was sent once.
    pub send_count: u64,
    /// Messages that were handed to their receiver; duplicates count each time.
    pub recv_count: u64,
}

/// With Maelstrom's names, one of which is for the different messages: those that were sent.
impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut count = serializer.serialize_struct("Count", 3)?;
        count.serialize_field("send-count", &self.send_count)?;
        count.serialize_field("recv-count", &self.recv_count)?;
        count.serialize_field("msg-count", &self.send_count)?;
        count.end()
    }
}

/// Counts as Maelstrom groups them (`maelstrom.net.checker`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Statistics {
    /// Every message.
    pub all: Count,
    /// Those with a client at either end.
    pub clients: Count,
    /// The others: between nodes, and between nodes and services.
    pub servers: Count,
    /// Messages that did not arrive.
    pub lost: Losses,
    /// Messages that arrive twice, or would if nothing else became of them.
    pub doubled: u64,
}

/// Messages that did not arrive, by what became of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Losses {
    /// Dropped at random, or for want of room.
    pub at_random: u64,
    /// Kept out by a partition.
    pub cut: u64,
    /// Their receiver was down.
    pub receiver_down: u64,
    /// There is nobody of that name.
    pub no_receiver: u64,
}

impl Statistics {
    fn count_send(&mut self, from: Endpoint, to: Endpoint) {
        for count in self.groups(from, to) {
            count.send_count += 1;
        }
    }

    fn count_receive(&mut self, from: Endpoint, to: Endpoint) {
        for count in self.groups(from, to) {
            count.recv_count += 1;
        }
    }

    fn groups(&mut self, from: Endpoint, to: Endpoint) -> [&mut Count; 2] {
        let clients = from.is_client() || to.is_client();
        [&mut self.all, if clients { &mut self.clients } else { &mut self.servers }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Endpoint = Endpoint::Node(0);
    const B: Endpoint = Endpoint::Node(1);

    #[test]
    fn what_each_node_sends_to_servers_is_counted() {
        let mut network = Network::new(2, NetworkOptions::default(), 1);
        for (from, to) in [(A, Endpoint::Node(1)), (A, Endpoint::Client), (Endpoint::Client, A)] {
            network.send(0, from, to);
        }
        network.send(0, Endpoint::Node(1), A);
        network.send(0, A, Endpoint::Node(1));
        assert_eq!(network.sent(), [2, 1]);
    }

    #[test]
    fn links_to_clients_have_no_latency_and_services_have() {
        let options =
            NetworkOptions { latency: Duration::from_millis(100), ..NetworkOptions::default() };
        let mut network = Network::new(2, options, 1);
        let first = |route: Route| route.arrivals[0];
        assert_eq!(first(network.send(0, Endpoint::Client, A)), Some(Duration::ZERO));
        assert_eq!(first(network.send(0, A, Endpoint::Client)), Some(Duration::ZERO));
        assert_eq!(first(network.send(0, A, B)), Some(Duration::from_millis(100)));
        assert_eq!(
            first(network.send(0, A, Endpoint::Service(0))),
            Some(Duration::from_millis(100))
        );
        assert_eq!(network.statistics().servers.send_count, 2);
        assert_eq!(network.statistics().clients.send_count, 2);
        assert_eq!(network.statistics().all.send_count, 4);
    }

    #[test]
    fn a_mean_of_zero_is_no_latency_in_every_distribution() {
        use LatencyDistribution::{Constant, Exponential, Priorities, Uniform};
        for distribution in [Constant, Uniform, Exponential, Priorities(3)] {
            let options = NetworkOptions { distribution, ..NetworkOptions::default() };
            let route = Network::new(2, options, 1).send(0, A, B);
            assert_eq!(route.arrivals, [Some(Duration::ZERO), None]);
        }
    }

    #[test]
    fn a_distribution_is_read_as_it_is_written() {
        use LatencyDistribution::{Constant, Exponential, Priorities, Uniform};
        for distribution in [Constant, Uniform, Exponential, Priorities(1), Priorities(255)] {
            assert_eq!(distribution.to_string().parse(), Ok(distribution));
        }
        assert_eq!("priorities".parse(), Ok(Priorities(3)));
        for wrong in ["", "normal", "uniform:1", "priorities:", "priorities:0", "priorities:256"] {
            assert!(wrong.parse::<LatencyDistribution>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn loss_and_duplication_hit_links_between_servers_only() {
        let options = NetworkOptions { loss: 0.5, duplicate: 0.5, ..NetworkOptions::default() };
        let mut network = Network::new(2, options, 3);
        let mut arrivals = [0; 3];
        for _ in 0..10_000 {
            let route = network.send(0, A, B);
            arrivals[route.arrivals.iter().flatten().count()] += 1;
            let client = network.send(0, Endpoint::Client, A);
            assert_eq!(client.arrivals, [Some(Duration::ZERO), None]);
        }
        // Half is lost; half of the rest arrives twice.
        for (count, expected) in arrivals.into_iter().zip([5_000_i32, 2_500, 2_500]) {
            assert!((expected - count).abs() < 200, "{arrivals:?}");
        }
    }

    #[test]
    fn loss_of_clients_is_an_option_of_its_own() {
        let options = NetworkOptions { loss_clients: 1.0, ..NetworkOptions::default() };
        let mut network = Network::new(2, options, 3);
        assert_eq!(network.send(0, Endpoint::Client, A).arrivals, [None, None]);
        assert_eq!(network.send(0, A, Endpoint::Client).arrivals, [None, None]);
        assert_eq!(network.send(0, A, B).arrivals, [Some(Duration::ZERO), None]);
    }

    #[test]
    fn chance_spares_some_and_is_the_same_for_the_others() {
        use LatencyDistribution::{Exponential, Priorities, Uniform};
        let mean = Duration::from_millis(100);
        for distribution in [Uniform, Exponential, Priorities(3)] {
            let all = |chance: &str| -> (Vec<Route>, u64) {
                let options = NetworkOptions {
                    latency: mean,
                    distribution,
                    loss: 0.3,
                    duplicate: 0.3,
                    loss_clients: 0.3,
                    chance: chance.parse().unwrap_or_default(),
                    ..NetworkOptions::default()
                };
                let mut network = Network::new(2, options, 7);
                let ends = |number| if number % 4 == 0 { (Endpoint::Client, A) } else { (A, B) };
                let mut send = |number| {
                    let (from, to) = ends(number);
                    network.send(number, from, to)
                };
                ((0..1_000).map(&mut send).collect(), network.statistics().doubled)
            };
            let ((drawn, _), (some, doubled)) = (all(""), all("messages:10-499"));
            for (number, (drawn, some)) in drawn.iter().zip(&some).enumerate() {
                let usual = if number % 4 == 0 { Duration::ZERO } else { mean };
                match number {
                    10..500 => assert_eq!(drawn, some, "{number}"),
                    _ => assert_eq!(some.arrivals, [Some(usual), None], "{number}"),
                }
            }
            let twice = some.iter().filter(|route| route.arrivals[1].is_some()).count() as u64;
            assert!(twice == doubled && twice > 50, "{twice} of {doubled}");
        }
    }

    #[test]
    fn what_is_to_be_lost_is_lost_and_nothing_else() {
        let lost: Numbers = [1, 4].into_iter().collect();
        let chance = Chance::none();
        let options = NetworkOptions { loss: 0.9, lost, chance, ..NetworkOptions::default() };
        let mut network = Network::new(2, options, 7);
        let arrives: Vec<bool> = (0..6)
            .map(|number| {
                let to = if number == 4 { Endpoint::Client } else { B };
                network.send(number, A, to).arrivals != [None, None]
            })
            .collect();
        assert_eq!(arrives, [true, false, true, true, false, true]);
    }

    #[test]
    fn a_partition_is_looked_at_on_arrival_and_spares_clients_and_services() {
        let mut network = Network::new(2, NetworkOptions::default(), 1);
        let mut cut = Cut::none(2);
        cut.refuse(1, 0);
        network.set_cut(cut);
        assert!(!network.arrive(A, B));
        assert!(network.arrive(B, A));
        assert!(network.arrive(Endpoint::Client, B));
        assert!(network.arrive(Endpoint::Service(0), B));
        assert_eq!(network.statistics().servers.recv_count, 2);
        network.set_cut(Cut::none(2));
        assert!(network.arrive(A, B));
    }
}
