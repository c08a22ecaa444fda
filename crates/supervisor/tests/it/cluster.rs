//! A small bench for the supervisor's own tests: nodes on a line, a network that delays and loses,
//! a client that broadcasts. Everything it draws comes from the seed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use supervisor::{NodeId, NodeSpec, Options, Supervisor, Templates, What};

/// A program and how it is started.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
}

/// What is done to a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) nodes: usize,
    pub(crate) seconds: f64,
    pub(crate) rate: f64,
    pub(crate) settle: f64,
    pub(crate) latency: (Duration, Duration),
    pub(crate) loss: f64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Every line that a node wrote, with its time and node.
    pub(crate) transcript: Vec<String>,
    pub(crate) digest: u64,
    pub(crate) stops: u64,
    pub(crate) forced: u64,
    pub(crate) virtual_time: Duration,
    /// What each node answered to a read at the end.
    pub(crate) reads: BTreeMap<String, Vec<u64>>,
    pub(crate) broadcasts: u64,
    pub(crate) calls: Vec<supervisor::Call>,
}

/// Options for a test: the launcher is the crate's own.
pub(crate) fn options(seed: u64) -> Options {
    Options { seed, launcher: vec![env!("CARGO_BIN_EXE_supervise").into()], ..Options::default() }
}

/// A node of a program, with an environment that is the same everywhere.
pub(crate) fn spec(program: &Program, index: usize) -> NodeSpec {
    let env = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/"), ("LANG", "C.UTF-8")];
    NodeSpec {
        name: format!("n{index}"),
        program: program.program.clone(),
        args: program.args.clone(),
        env: env.map(|(name, value)| (name.into(), value.into())).into(),
        ..NodeSpec::default()
    }
}

/// Runs a cluster from the start of its programs to the last read.
pub(crate) fn run(options: Options, program: &Program, load: &Load) -> Outcome {
    let seed = options.seed;
    let mut supervisor = Supervisor::new(options).unwrap();
    for index in 0..load.nodes {
        supervisor.spawn(spec(program, index)).unwrap();
    }
    run_on(supervisor, seed, load)
}

/// Programs that are started once for many seeds.
pub(crate) fn templates(options: Options, program: &Program, load: &Load) -> Templates {
    Templates::new(options, (0..load.nodes).map(|index| spec(program, index)).collect()).unwrap()
}

/// Runs a cluster whose nodes are there and have not run yet.
pub(crate) fn run_on(mut supervisor: Supervisor, seed: u64, load: &Load) -> Outcome {
    let mut chance = Xoshiro256PlusPlus::seed_from_u64(seed);
    let names: Vec<String> = (0..load.nodes).map(|index| format!("n{index}")).collect();
    let ids: Vec<NodeId> = (0..load.nodes as u32).map(NodeId).collect();
    // Time, order, node, line.
    let mut queue: BTreeMap<(Duration, u64), (usize, String)> = BTreeMap::new();
    let mut order = 0;
    let mut post = |queue: &mut BTreeMap<_, _>, time: Duration, node: usize, body: Value| {
        order += 1;
        let line = json!({"src": "c1", "dest": names[node], "body": body}).to_string();
        queue.insert((time, order), (node, line));
    };
    let topology: BTreeMap<&str, Vec<&str>> = (0..load.nodes)
        .map(|index| {
            let beside = [index.checked_sub(1), Some(index + 1)];
            let beside = beside.into_iter().flatten().filter_map(|other| names.get(other));
            (names[index].as_str(), beside.map(String::as_str).collect())
        })
        .collect();
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    for node in 0..load.nodes {
        let init =
            json!({"type": "init", "msg_id": next(), "node_id": names[node], "node_ids": names});
        post(&mut queue, Duration::from_millis(1), node, init);
        let topology = json!({"type": "topology", "msg_id": next(), "topology": topology});
        post(&mut queue, Duration::from_millis(2), node, topology);
    }
    let start = Duration::from_millis(200);
    let broadcasts = (load.seconds * load.rate) as u64;
    for value in 0..broadcasts {
        let time = start + Duration::from_secs_f64(value as f64 / load.rate);
        let node = chance.random_range(0..load.nodes);
        post(
            &mut queue,
            time,
            node,
            json!({"type": "broadcast", "msg_id": next(), "message": value}),
        );
    }
    let end = start + Duration::from_secs_f64(load.seconds + load.settle);
    for node in 0..load.nodes {
        post(&mut queue, end, node, json!({"type": "read", "msg_id": next()}));
    }
    let mut outcome = Outcome {
        transcript: Vec::new(),
        digest: 0,
        stops: 0,
        forced: 0,
        virtual_time: Duration::ZERO,
        reads: BTreeMap::new(),
        broadcasts,
        calls: Vec::new(),
    };
    let mut sent = 1 << 32;
    let last = end + Duration::from_secs(1);
    while outcome.reads.len() < load.nodes && supervisor.now() < last {
        let next = queue.keys().next().map_or(last, |&(time, _)| time);
        for event in supervisor.run_until(next).unwrap() {
            let node = event.node.0 as usize;
            let text = match &event.what {
                What::Output(line) => String::from_utf8_lossy(line).into_owned(),
                other => format!("{other:?}"),
            };
            outcome.transcript.push(format!("{:?} {} {text}", event.time, names[node]));
            let What::Output(line) = event.what else { continue };
            let message: Value = serde_json::from_slice(&line).unwrap();
            match message["dest"].as_str() {
                Some("c1") if message["body"]["type"] == "read_ok" => {
                    let values = serde_json::from_value(message["body"]["messages"].clone());
                    outcome.reads.insert(names[node].clone(), values.unwrap());
                }
                Some("c1") => {}
                Some(dest) => {
                    let to = names.iter().position(|name| name == dest).unwrap();
                    let lost = load.loss > 0.0 && chance.random_bool(load.loss);
                    let (least, most) = load.latency;
                    let latency = least
                        + if most > least {
                            chance.random_range(Duration::ZERO..most - least)
                        } else {
                            Duration::ZERO
                        };
                    if !lost {
                        sent += 1;
                        queue.insert((event.time + latency, sent), (to, text));
                    }
                }
                None => panic!("no destination in {text}"),
            }
        }
        while let Some(entry) = queue.first_entry()
            && entry.key().0 <= supervisor.now()
        {
            let (node, mut line) = entry.remove();
            line.push('\n');
            supervisor.deliver(ids[node], line.as_bytes()).unwrap();
        }
    }
    outcome.virtual_time = supervisor.now();
    outcome.digest = supervisor.digest();
    outcome.calls = supervisor.record().to_vec();
    let counts = supervisor.counts();
    (outcome.stops, outcome.forced) = (counts.stops, counts.forced);
    outcome
}
