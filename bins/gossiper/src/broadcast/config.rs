//! What can be set about a node, and its command line.

use std::time::Duration;

use proto::{Arguments, Manual, UsageError};

use crate::flags::{positive, time};

/// The settings of a node. All nodes of a cluster have to have the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Whom a new value is told, and when.
    pub strategy: StrategyKind,
    /// How long a plain `broadcast` to a peer may go without acknowledgement, unless round trips
    /// have been measured to take longer.
    pub ack_timeout: Duration,
    /// How many random neighbours `fan-out` tells a value.
    pub fan_out: usize,
    /// How long `batched` collects values for a neighbour.
    pub batch_interval: Duration,
    /// How many values make `batched` send at once.
    pub batch_size: usize,
    /// Time between two rounds of the hub of a `star`.
    pub hub_interval: Duration,
    /// How long before the hub's round the batch of a leaf should arrive. With a whole interval or
    /// more, leaves do not wait for the round but send at once.
    pub leaf_margin: Duration,
    /// When a leaf sends what comes to it within the margin after its batch has left.
    pub late_values: LateValues,
    /// How long acknowledgements of batches may wait for data to ride on.
    pub ack_delay: Duration,
    /// What a peer's `broadcast` is answered with.
    pub answer: Answer,
}

/// What a node answers a peer's `broadcast` with. Either is taken for an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `broadcast_ok`, as a client's.
    Ok,
    /// `broadcast_ack`, which names the value (task 3-3-2).
    Ack,
}

impl Answer {
    /// By the names they have on the command line.
    pub const NAMED: [(&'static str, Self); 2] =
        [("broadcast_ok", Self::Ok), ("broadcast_ack", Self::Ack)];
}

/// When a leaf of a `star` sends what came too late for its batch, but not for the hub's round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateValues {
    /// At once, so that it makes the round: a message more.
    Now,
    /// With the next batch: an interval later.
    Next,
}

impl LateValues {
    /// By the names they have on the command line.
    pub const NAMED: [(&'static str, Self); 2] = [("now", Self::Now), ("next", Self::Next)];
}

/// The strategies, a file each in `strategy/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyKind {
    /// Every neighbour in the node's own list in the topology, at once.
    Flood,
    /// The neighbours in a spanning tree of the topology, at once.
    Tree,
    /// A few random ones of those neighbours, at once.
    FanOut,
    /// The neighbours in a spanning tree, many values in one message.
    Batched,
    /// Every node, at once; nobody passes anything on.
    Direct,
    /// All to one hub, and the hub to all, in rounds.
    Star,
}

impl StrategyKind {
    /// The strategies by the names they have on the command line.
    pub const NAMED: [(&'static str, Self); 6] = [
        ("tree", Self::Tree),
        ("flood", Self::Flood),
        ("fan-out", Self::FanOut),
        ("batched", Self::Batched),
        ("direct", Self::Direct),
        ("star", Self::Star),
    ];
}

/// See [`Config::answer_timeout`].
const ANSWER_TIMEOUT_MIN: Duration = Duration::from_millis(500);

impl Default for Config {
    fn default() -> Self {
        Self {
            strategy: StrategyKind::Tree,
            ack_timeout: Duration::from_millis(500),
            fan_out: 2,
            batch_interval: Duration::from_millis(100),
            batch_size: 100,
            hub_interval: Duration::from_millis(330),
            leaf_margin: Duration::from_millis(40),
            late_values: LateValues::Next,
            ack_delay: Duration::from_secs(2),
            answer: Answer::Ok,
        }
    }
}

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "broadcast",
    summary: "tells its cluster every value and loses none",
    usage: "[--strategy tree|flood|fan-out|batched|direct|star] [--ack-timeout TIME] \
            [--fan-out K] [--batch-interval TIME] [--batch-size N] [--hub-interval TIME] \
            [--leaf-margin TIME] [--late-values now|next] [--ack-delay TIME] \
            [--answer broadcast_ok|broadcast_ack]",
    help: "\
It serves Maelstrom's `broadcast` workload (`topology`, `broadcast`, `read`), and the messages
`check_acks`, `failure_stats`, `partition`, `heal`, `partition_status` and `convergence_status`.
All nodes of a cluster take the same arguments. Times are written like 500ms or 2s.

  --strategy NAME         whom a new value is told, and when (default: tree)
      tree                  the neighbours in a spanning tree of the topology, at once
      flood                 every neighbour in the node's own list in the topology, at once
      fan-out               --fan-out random ones of those, at once
      batched               the neighbours in a spanning tree, many values in one message
      direct                every node, at once, and nobody passes anything on
      star                  everyone tells the hub, and the hub tells everyone, in rounds; the hub
                            is the first node that answers, in the order of `node_ids`
  --ack-timeout TIME      how long a neighbour may take to acknowledge a value before it is sent
                          round that neighbour; where round trips turn out to take longer, the
                          node allows for that (default: 500ms)
  --fan-out K             how many neighbours `fan-out` tells a value (default: 2)
  --batch-interval TIME   how long `batched` collects values for a neighbour (default: 100ms)
  --batch-size N          how many values make `batched` send at once (default: 100)
  --hub-interval TIME     time between two rounds of the hub of a `star` (default: 330ms)
  --leaf-margin TIME      how long before the hub's round the values of the other nodes should arrive
                          at the hub; with a whole interval or more they are sent at once
                          (default: 40ms)
  --late-values WHEN      when a node sends what comes to it within that margin after its values have
                          left: `now`, so that it makes the same round, or `next`, with the values
                          of the next one (default: next)
  --ack-delay TIME        how long an acknowledgement may wait for data to ride on
                          (batched, direct, star; default: 2s)
  --answer TYPE           what a node is answered that sends a `broadcast`: `broadcast_ok`, as clients
                          are, or `broadcast_ack`, as in task 3-3-2 (default: broadcast_ok)
  --state-dir DIR         keep the values in DIR/<node id>/, stored before a client hears of them,
                          so that a node that is killed and started again still has them

Until a topology comes, every node is the neighbour of every other one.
Whatever the strategy, what is not acknowledged is found and moved by comparing digests.
",
};

impl Config {
    /// How long an answer to a message of our own may take, at least half a second, unless round
    /// trips have been measured to take longer.
    pub fn answer_timeout(&self) -> Duration {
        self.ack_timeout.max(ANSWER_TIMEOUT_MIN)
    }

    /// Reads the settings from a command line.
    ///
    /// # Errors
    /// If an argument is wrong; the error says what would be right.
    pub fn parse(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let mut config = Self::default();
        while let Some(flag) = arguments.next_flag()? {
            match &*flag {
                "--strategy" => config.strategy = arguments.choice(&StrategyKind::NAMED)?,
                "--ack-timeout" => config.ack_timeout = time(arguments)?,
                "--fan-out" => config.fan_out = positive(arguments)?,
                "--batch-interval" => config.batch_interval = time(arguments)?,
                "--batch-size" => config.batch_size = positive(arguments)?,
                "--hub-interval" => config.hub_interval = time(arguments)?,
                "--leaf-margin" => config.leaf_margin = time(arguments)?,
                "--late-values" => config.late_values = arguments.choice(&LateValues::NAMED)?,
                "--ack-delay" => config.ack_delay = time(arguments)?,
                "--answer" => config.answer = arguments.choice(&Answer::NAMED)?,
                _ => return Err(arguments.unknown(&flag)),
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        Config::parse(&mut Arguments::new(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_flag_sets_its_setting() {
        assert_eq!(parse(&[]), Ok(Config::default()));
        let all = "--strategy star --ack-timeout 1.5s --fan-out 3 --batch-interval 20ms \
                   --batch-size 7 --hub-interval 1s --leaf-margin 150ms --late-values now --ack-delay 250ms \
                   --answer broadcast_ack";
        let arguments: Vec<_> = all.split_whitespace().collect();
        assert_eq!(
            parse(&arguments),
            Ok(Config {
                strategy: StrategyKind::Star,
                ack_timeout: Duration::from_millis(1500),
                fan_out: 3,
                batch_interval: Duration::from_millis(20),
                batch_size: 7,
                hub_interval: Duration::from_secs(1),
                leaf_margin: Duration::from_millis(150),
                late_values: LateValues::Now,
                ack_delay: Duration::from_millis(250),
                answer: Answer::Ack,
            })
        );
        for (name, strategy) in StrategyKind::NAMED {
            assert_eq!(parse(&["--strategy", name]).map(|config| config.strategy), Ok(strategy));
            assert!(MANUAL.usage.contains(name) && MANUAL.help.contains(name));
        }
    }

    #[test]
    fn errors_say_what_is_right() {
        for (arguments, error) in [
            (
                &["--ack-timeout", "500"][..],
                "--ack-timeout has to be a time of at least 1ms, like 500ms or 2s, not `500`",
            ),
            (
                &["--hub-interval", "0s"],
                "--hub-interval has to be a time of at least 1ms, like 500ms or 2s, not `0s`",
            ),
            (&["--fan-out", "0"], "--fan-out has to be a number of at least 1, not `0`"),
            (
                &["--strategy", "ring"],
                "--strategy has to be one of `tree`, `flood`, `fan-out`, `batched`, `direct`, `star`, \
              not `ring`",
            ),
            (&["--speed", "1"], "unknown argument `--speed`"),
        ] {
            assert_eq!(parse(arguments), Err(error.to_owned()));
        }
    }
}
