//! The flags of a run, one after the other.

use std::fs;
use std::time::Duration;

use checkers::stats::Requirement;
use proto::NodeId;

use super::values::{
    SECONDS_MAX, count, fraction, in_seconds, number, positive_seconds, probability, seconds, whole,
};
use super::{EXPECT, RunFlag, Said, flag};
use crate::fault::FaultKind;
use crate::options::{Compat, NEMESIS_INTERVAL_MIN, Numbers, Options, numbered_nodes};

/// The flags of a run, in the order in which people are shown them.
pub static RUN_FLAGS: [RunFlag; 29] = [
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
            let what = "a number of operations a second, 0 or more, below 1e9";
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
        set: |run, text| {
            let least = NEMESIS_INTERVAL_MIN.as_secs_f64();
            let what = format!("a number of seconds from {least} to a year");
            let mean = number(text, &what, |s| (least..SECONDS_MAX).contains(&s))?;
            run.options.nemesis_interval = Duration::from_secs_f64(mean);
            Ok(())
        },
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
        set: |run, text| text.parse().map(|omitted| run.options.omit_operations = omitted),
        value: |options| some_numbers(&options.omit_operations),
        said: Said::IfThere,
        ..flag(
            "omit-operations",
            "LIST",
            "Operations of the main phase to leave out, by their numbers from 0, such as 0-36,40; all else \
             is drawn as if they were there",
        )
    },
    RunFlag {
        set: |run, text| text.parse().map(|omitted| run.options.omit_faults = omitted),
        value: |options| some_numbers(&options.omit_faults),
        said: Said::IfThere,
        ..flag("omit-faults", "LIST", "Faults to leave out, likewise")
    },
    RunFlag {
        set: |run, text| text.parse().map(|lost| run.options.lose_messages = lost),
        value: |options| some_numbers(&options.lose_messages),
        said: Said::IfThere,
        ..flag(
            "lose-messages",
            "LIST",
            "Messages that are lost, whatever chance says, by their `id` in messages.jsonl, such as 36,40",
        )
    },
    RunFlag {
        set: |run, text| text.parse().map(|chance| run.options.chance = chance),
        value: |options| (!options.chance.is_all()).then(|| options.chance.to_string()),
        said: Said::IfThere,
        ..flag(
            "chance",
            "LIST",
            "What is left to chance, by who draws and the numbers of their draws, such as \
             messages:0-36,40,nodes:1- (all from 1 on), or `none`; all else takes the calmest value that it can \
             have: nothing is lost, doubled or late, pauses are their mean, the first of several is taken. \
             Draws of `generator`, `nemesis`, `operator` and `services` are numbered in turn, `messages` by \
             their `id` in messages.jsonl, `nodes` by their place",
        )
    },
    RunFlag {
        set: |run, text| text.parse().map(|reseeds| run.options.reseeds = reseeds),
        value: |options| (!options.reseeds.is_empty()).then(|| options.reseeds.to_string()),
        said: Said::IfThere,
        ..flag(
            "reseed",
            "S:SEED,...",
            "After so many seconds of the main phase draw all chance from another seed: a run that begins \
             like another",
        )
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

fn some_numbers(numbers: &Numbers) -> Option<String> {
    (!numbers.is_empty()).then(|| numbers.to_string())
}

/// Whether the nodes are named as `--node-count` names them.
fn is_numbered(options: &Options) -> bool {
    options.nodes == numbered_nodes(options.nodes.len())
}
