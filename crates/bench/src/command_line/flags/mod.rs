//! The flags of a run, each told once: its name, its help, how it is read and how the command that
//! repeats a run has it. Its default is that of [`Options::new`]. Whoever has a command line makes it
//! from this table; whoever has none gives names and values to [`Given`].

use std::fs;
use std::str::FromStr;
use std::time::Duration;

use checkers::stats::Requirement;
use proto::NodeId;

use crate::expect::Expectation;
use crate::fault::FaultKind;
use crate::options::{Compat, Options, numbered_nodes};
use crate::workload::{WorkloadName, registry};

/// A flag that determines a run, for any workload.
#[derive(Debug)]
pub struct RunFlag {
    /// Its name without dashes.
    pub name: &'static str,
    /// Its name of one letter, if it has one.
    pub short: Option<char>,
    /// What stands for its value in help.
    pub value_name: &'static str,
    /// What it does, in a line or two.
    pub help: &'static str,
    /// Whether it can be given more than once.
    pub repeats: bool,
    set: fn(&mut Draft, &str) -> Result<(), String>,
    value: fn(&Options) -> Option<String>,
    said: Said,
}

/// When the command that repeats a run has a flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Said {
    /// In every case.
    Always,
    /// If its value is not the default.
    IfChanged,
    /// If the run has faults.
    WithFaults,
    /// Whenever it has a value, which is never by default.
    IfThere,
}

/// A run that is being put together: some of it depends on the rest.
#[derive(Debug)]
struct Draft {
    options: Options,
    names: Vec<String>,
    node_count: Option<usize>,
    concurrency: Option<Concurrency>,
    expect: Vec<Expectation>,
}

/// `--concurrency`: a number of workers, or so many a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Concurrency {
    Workers(usize),
    PerNode(usize),
}

/// The flags of a run, in the order in which people are shown them.
pub static RUN_FLAGS: [RunFlag; 24] = [
    RunFlag {
        set: |run, text| {
            whole(text, "a whole number from 1 to 65535", 1..=65_535)
                .map(|count| run.node_count = usize::try_from(count).ok())
        },
        value: |options| is_numbered(options).then(|| options.nodes.len().to_string()),
        said: Said::IfThere,
        ..flag(
            "node-count",
            "N",
            "How many nodes, named n0, n1, ... (default: five, named n1 to n5)",
        )
    },
    RunFlag {
        repeats: true,
        set: |run, text| {
            run.names.extend(text.split(',').map(|name| name.trim().to_owned()));
            Ok(())
        },
        value: |options| {
            let names: Vec<_> = options.nodes.iter().map(NodeId::as_str).collect();
            (!is_numbered(options)).then(|| names.join(","))
        },
        said: Said::IfThere,
        ..flag("nodes", "LIST", "The names of the nodes")
    },
    RunFlag {
        short: Some('n'),
        repeats: true,
        set: |run, text| {
            run.names.push(text.to_owned());
            Ok(())
        },
        ..flag("node", "ID", "The name of one node; can be repeated")
    },
    RunFlag {
        set: |run, path| {
            let text = fs::read_to_string(path)
                .map_err(|error| format!("has to be a file of names; cannot read it: {error}"))?;
            let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
            run.names.splice(0..0, names.map(str::to_owned));
            Ok(())
        },
        ..flag("nodes-file", "FILE", "A file with the name of a node on each line")
    },
    RunFlag {
        set: |run, text| text.parse().map(|concurrency| run.concurrency = Some(concurrency)),
        value: |options| {
            let default = options.workload.default_concurrency(options.nodes.len());
            (options.concurrency != default).then(|| options.concurrency.to_string())
        },
        said: Said::IfThere,
        ..flag(
            "concurrency",
            "X",
            "Client workers: a number, or a number and `n` for so many a node (default: 1n or 2n, \
             as the workload needs)",
        )
    },
    RunFlag {
        set: |run, text| positive_seconds(text).map(|limit| run.options.time_limit = limit),
        value: |options| in_seconds(options.time_limit),
        said: Said::Always,
        ..flag(
            "time-limit",
            "S",
            "Length of the main phase in seconds, from the first operation on",
        )
    },
    RunFlag {
        set: |run, text| {
            let what = "a number of operations a second, 0 or more";
            number(text, what, |rate| (0.0..1e9).contains(&rate))
                .map(|rate| run.options.rate = rate)
        },
        value: |options| Some(options.rate.to_string()),
        said: Said::Always,
        ..flag("rate", "R", "Mean client operations a second over the whole cluster; 0 for none")
    },
    RunFlag {
        set: |run, text| {
            let what = "a number of milliseconds";
            number(text, what, |ms| (0.0..SECONDS_MAX).contains(&ms))
                .map(|ms| run.options.latency = Duration::from_secs_f64(ms / 1e3))
        },
        value: |options| Some((options.latency.as_nanos() as f64 / 1e6).to_string()),
        said: Said::IfChanged,
        ..flag("latency", "MS", "Mean latency of a message between servers, in milliseconds")
    },
    RunFlag {
        set: |run, text| {
            run.options.latency_dist = text.parse()?;
            Ok(())
        },
        value: |options| Some(options.latency_dist.to_string()),
        said: Said::IfChanged,
        ..flag(
            "latency-dist",
            "D",
            "Distribution of latencies: constant, uniform, exponential, or priorities[:DEPTH], which hits improbable orders of messages and is like no network",
        )
    },
    RunFlag {
        set: |run, text| text.parse().map(|compat| run.options.compat = Some(compat)),
        value: |options| options.compat.map(|Compat::Maelstrom| "maelstrom".to_owned()),
        said: Said::IfThere,
        ..flag(
            "compat",
            "NAME",
            "Whose figures are to be shown, also where ours are better: maelstrom",
        )
    },
    RunFlag {
        repeats: true,
        set: |run, text| {
            for kind in text.split(',') {
                run.options.nemesis.push(kind.parse()?);
            }
            Ok(())
        },
        value: |options| {
            let kinds: Vec<_> = options.nemesis.iter().map(|kind| kind.as_str()).collect();
            (!kinds.is_empty()).then(|| kinds.join(","))
        },
        said: Said::IfThere,
        ..flag("nemesis", "LIST", FaultKind::HELP)
    },
    RunFlag {
        set: |run, text| positive_seconds(text).map(|mean| run.options.nemesis_interval = mean),
        value: |options| in_seconds(options.nemesis_interval),
        said: Said::WithFaults,
        ..flag("nemesis-interval", "S", "Mean seconds between steps of the nemesis")
    },
    RunFlag {
        set: |run, text| {
            run.options.availability = Some(match text {
                "total" => Requirement::Total,
                part => Requirement::Fraction(fraction(part, "`total` or a number from 0 to 1")?),
            });
            Ok(())
        },
        value: |options| {
            options.availability.map(|required| match required {
                Requirement::Total => "total".to_owned(),
                Requirement::Fraction(part) => part.to_string(),
            })
        },
        said: Said::IfThere,
        ..flag(
            "availability",
            "A",
            "Part of the operations that has to succeed: `total`, or a number from 0 to 1",
        )
    },
    RunFlag {
        set: |run, text| probability(text).map(|p| run.options.loss = p),
        value: |options| Some(options.loss.to_string()),
        said: Said::IfChanged,
        ..flag("loss", "P", "Probability that a message between servers is lost")
    },
    RunFlag {
        set: |run, text| probability(text).map(|p| run.options.duplicate = p),
        value: |options| Some(options.duplicate.to_string()),
        said: Said::IfChanged,
        ..flag("duplicate", "P", "Probability that a message between servers arrives twice")
    },
    RunFlag {
        set: |run, text| probability(text).map(|p| run.options.loss_clients = p),
        value: |options| Some(options.loss_clients.to_string()),
        said: Said::IfChanged,
        ..flag("loss-clients", "P", "Probability that a message to or from a client is lost")
    },
    RunFlag {
        set: |run, text| seconds(text).map(|settle| run.options.settle = settle),
        value: |options| in_seconds(options.settle),
        said: Said::IfChanged,
        ..flag(
            "settle",
            "S",
            "After the time limit heal everything and go on for S seconds, in which every node has to \
             complete an operation",
        )
    },
    RunFlag {
        set: |run, text| seconds(text).map(|pause| run.options.recovery_time = pause),
        value: |options| in_seconds(options.recovery_time),
        said: Said::IfChanged,
        ..flag("recovery-time", "S", "Pause between healing and the final reads, in seconds")
    },
    RunFlag {
        set: |run, text| count(text).map(|most| run.options.max_operations = Some(most)),
        value: |options| options.max_operations.map(|most| most.to_string()),
        said: Said::IfThere,
        ..flag("max-operations", "N", "Most operations of the main phase")
    },
    RunFlag {
        set: |run, text| count(text).map(|most| run.options.max_faults = Some(most)),
        value: |options| options.max_faults.map(|most| most.to_string()),
        said: Said::IfThere,
        ..flag("max-faults", "N", "Most faults that the nemesis brings")
    },
    RunFlag {
        set: |run, text| text.parse().map(|preempt| run.options.preempt = preempt),
        value: |options| Some(options.preempt.to_string()),
        said: Said::IfChanged,
        ..flag(
            "preempt",
            "N|deep",
            "Chance that a thread of a program in virtual time loses its turn at a system call, in \
             thousandths; or `deep`: between calls as well, which is slower",
        )
    },
    RunFlag {
        set: |run, text| count(text).map(|seed| run.options.boot_seed = seed),
        value: |options| Some(options.boot_seed.to_string()),
        said: Said::IfChanged,
        ..flag(
            "boot-seed",
            "N",
            "What a program in virtual time draws before it first reads its input depends on this number",
        )
    },
    RunFlag {
        set: |run, text| {
            count(text).map(|nodes| run.options.byzantine_nodes = Some(nodes as usize))
        },
        value: |options| options.byzantine_nodes.map(|nodes| nodes.to_string()),
        said: Said::IfThere,
        ..flag(
            "byzantine-nodes",
            "N",
            "Nodes that `--nemesis byzantine` makes so, the same each time; (n-1)/3 if not given",
        )
    },
    RunFlag {
        repeats: true,
        set: |run, text| text.parse().map(|expectation| run.expect.push(expectation)),
        ..flag(
            EXPECT,
            "FIGURE<LIMIT",
            "A limit on a figure that becomes part of the verdict, such as 'msgs-per-op<30' or \
             'p50<400ms'; can be repeated. `eddy figures` lists the figures",
        )
    },
];

/// The flag whose values are limits on figures: those are no [`Options`], but stand beside them.
pub(super) const EXPECT: &str = "expect";

/// A flag of which no more is said yet, and which no command has.
const fn flag(name: &'static str, value_name: &'static str, help: &'static str) -> RunFlag {
    RunFlag {
        name,
        short: None,
        value_name,
        help,
        repeats: false,
        set: |_, _| Ok(()),
        value: |_| None,
        said: Said::IfThere,
    }
}

impl RunFlag {
    /// The flag of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        RUN_FLAGS.iter().find(|flag| flag.name == name)
    }

    /// Its value when it is not given, as it would be written. Nothing where that depends on others.
    pub fn default(&self) -> Option<String> {
        match self.said {
            Said::IfThere => None,
            Said::Always | Said::IfChanged | Said::WithFaults => {
                (self.value)(&Options::new(any_workload()))
            }
        }
    }

    /// Whether this can be its value.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn check(&self, text: &str) -> Result<(), String> {
        (self.set)(&mut Draft::new(any_workload()), text)
    }

    /// Its value in the command that repeats a run; nothing where that command leaves it out.
    pub(super) fn told(&self, options: &Options) -> Option<String> {
        let value = (self.value)(options)?;
        let is_told = match self.said {
            Said::Always | Said::IfThere => true,
            Said::IfChanged => self.default().is_none_or(|default| default != value),
            Said::WithFaults => !options.nemesis.is_empty(),
        };
        is_told.then_some(value)
    }
}

/// What was said of a run: flags and their values, those of its workload among them. What is not
/// said is left to its default.
#[derive(Clone, Debug, Default)]
pub struct Given(Vec<(String, String)>);

impl Given {
    /// Adds a flag with a value. Of a flag that does not repeat the last value counts.
    pub fn push(&mut self, flag: &str, value: impl ToString) {
        self.0.push((flag.to_owned(), value.to_string()));
    }

    /// The options of the run that all this means, and the limits that are part of its verdict.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn options(
        &self,
        workload: WorkloadName,
        seed: u64,
    ) -> Result<(Options, Vec<Expectation>), String> {
        let mut draft = Draft::new(workload);
        for (name, value) in &self.0 {
            let own = workload.kind().flags.iter().find(|flag| flag.name == *name);
            let set = match (RunFlag::named(name), own) {
                (Some(flag), _) => (flag.set)(&mut draft, value),
                (None, Some(flag)) => draft.options.settings.set(flag, value),
                (None, None) => return Err(format!("a {workload} run has no flag --{name}")),
            };
            set.map_err(|right| format!("--{name} {right}, not `{value}`"))?;
        }
        draft.finish(seed)
    }
}

impl Draft {
    fn new(workload: WorkloadName) -> Self {
        Self {
            options: Options::new(workload),
            names: Vec::new(),
            node_count: None,
            concurrency: None,
            expect: Vec::new(),
        }
    }

    fn finish(self, seed: u64) -> Result<(Options, Vec<Expectation>), String> {
        let Self { mut options, names, node_count, concurrency, expect } = self;
        options.nodes = node_ids(names, node_count)?;
        let nodes = options.nodes.len();
        options.concurrency = match concurrency {
            None => options.workload.default_concurrency(nodes),
            Some(Concurrency::Workers(count)) => count,
            Some(Concurrency::PerNode(count)) => count * nodes,
        };
        options.nemesis.sort_unstable();
        options.nemesis.dedup();
        options.seed = seed;
        Ok((options, expect))
    }
}

fn node_ids(mut names: Vec<String>, count: Option<usize>) -> Result<Vec<NodeId>, String> {
    if let Some(count) = count {
        if names.is_empty() {
            return Ok(numbered_nodes(count));
        }
        if names.len() != count {
            return Err(format!(
                "--node-count {count} contradicts the names of the nodes, which are {}: {}; \
                 leave one of the two out",
                names.len(),
                names.join(", ")
            ));
        }
    }
    if names.is_empty() {
        names = (1..=5).map(|number| format!("n{number}")).collect();
    }
    let nodes: Vec<NodeId> = names.iter().map(|name| NodeId::new(name)).collect();
    for (index, node) in nodes.iter().enumerate() {
        if nodes[..index].contains(node) {
            return Err(format!("there are two nodes named `{node}`"));
        }
        if node.as_str().is_empty() {
            return Err("the name of a node is empty".to_owned());
        }
        if node.is_client() {
            return Err(format!(
                "`{node}` cannot be the name of a node: names that begin with c are clients', \
                 c0, c1, and so on; call it `n{node}`, say, or let --node-count {} name all",
                nodes.len()
            ));
        }
        if proto::service::is_service(node.as_str()) {
            return Err(format!("`{node}` cannot be the name of a node: it is a service's"));
        }
    }
    Ok(nodes)
}

impl FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, per_node) = match text.strip_suffix('n') {
            Some(number) => (number, true),
            None => (text, false),
        };
        match number.parse() {
            Ok(count) if count > 0 && per_node => Ok(Self::PerNode(count)),
            Ok(count) if count > 0 => Ok(Self::Workers(count)),
            _ => Err("has to be a number above 0, such as `10`, or one with an n, such as `4n`"
                .to_owned()),
        }
    }
}

/// A workload for what is the same with all of them.
fn any_workload() -> WorkloadName {
    WorkloadName::from(registry::all()[0])
}

fn is_numbered(options: &Options) -> bool {
    options.nodes == numbered_nodes(options.nodes.len())
}

fn number(text: &str, what: &str, holds: impl Fn(f64) -> bool) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && holds(number) => Ok(number),
        _ => Err(format!("has to be {what}")),
    }
}

/// The longest time that an option can give: a year.
const SECONDS_MAX: f64 = 31_536_000.0;

fn positive_seconds(text: &str) -> Result<Duration, String> {
    number(text, "a number of seconds above 0", |s| s > 0.0 && s < SECONDS_MAX)
        .map(Duration::from_secs_f64)
}

/// Reads a number of seconds, 0 or more.
///
/// # Errors
/// Says what would be right.
pub fn seconds(text: &str) -> Result<Duration, String> {
    number(text, "a number of seconds", |s| (0.0..SECONDS_MAX).contains(&s))
        .map(Duration::from_secs_f64)
}

fn in_seconds(duration: Duration) -> Option<String> {
    Some(duration.as_secs_f64().to_string())
}

fn whole(text: &str, what: &str, range: impl std::ops::RangeBounds<u64>) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("has to be {what}"))
}

/// Reads a whole number, 0 or more.
///
/// # Errors
/// Says what would be right.
pub fn count(text: &str) -> Result<u64, String> {
    whole(text, "a whole number, 0 or more", ..)
}

fn fraction(text: &str, what: &str) -> Result<f64, String> {
    number(text, what, |part| (0.0..=1.0).contains(&part))
}

fn probability(text: &str) -> Result<f64, String> {
    fraction(text, "a probability from 0 to 1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::registry::named;

    fn options(flags: &[(&str, &str)]) -> Result<Options, String> {
        let mut given = Given::default();
        flags.iter().for_each(|(flag, value)| given.push(flag, value));
        given.options(named("lin-kv"), 7).map(|(options, _)| options)
    }

    #[test]
    fn what_is_not_said_is_left_to_its_default() {
        let mut default = Options::new(named("lin-kv"));
        default.nodes = (1..=5).map(|number| NodeId::new(&format!("n{number}"))).collect();
        default.seed = 7;
        assert_eq!(format!("{:?}", options(&[]).unwrap()), format!("{default:?}"));
        for flag in &RUN_FLAGS {
            if let Some(value) = flag.default() {
                let set = options(&[(flag.name, &value)]).unwrap();
                assert_eq!(format!("{set:?}"), format!("{default:?}"), "--{} {value}", flag.name);
            }
        }
    }

    #[test]
    fn names_of_nodes_and_their_count_do_not_contradict_each_other() {
        let two = options(&[("nodes", "a,b"), ("node-count", "2")]).unwrap();
        assert_eq!(two.nodes, ["a", "b"].map(NodeId::new));
        let refusal = options(&[("nodes", "a,b"), ("node-count", "3")]).unwrap_err();
        assert!(refusal.starts_with("--node-count 3 contradicts"), "{refusal}");
        let refusal = options(&[("nodes", "a,b,c")]).unwrap_err();
        assert!(refusal.contains("names that begin with c") && refusal.contains("`nc`"));
    }

    #[test]
    fn a_flag_that_there_is_not_and_a_value_that_is_wrong_are_refused() {
        assert_eq!(options(&[("speed", "1")]).unwrap_err(), "a lin-kv run has no flag --speed");
        assert_eq!(
            options(&[("loss", "2")]).unwrap_err(),
            "--loss has to be a probability from 0 to 1, not `2`"
        );
        assert!(options(&[("key-limit", "0")]).unwrap_err().starts_with("--key-limit has to be"));
    }
}
