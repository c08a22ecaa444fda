//! Golden scripts: readable text in, expected trace out.
//!
//! A script in `tests/scripts/` is a list of steps with comments between them:
//!
//! ```text
//! # Why this step.
//! campaign n1
//! stabilize
//! ----
//! (what happened)
//! ```
//!
//! `UPDATE_GOLDEN=1 cargo test -p raft` writes what happened into the files;
//! read the difference before you keep it. Commands:
//!
//! | command | meaning |
//! |---|---|
//! | `cluster 5 [members=3] [gather=3ms] [batch=1] [volatile]` | five empty nodes, all of them or the first three members, `volatile` ones without storage |
//! | `log n1 1 1 4 [term=7]` | n1 starts with entries of these terms |
//! | `campaign n1` | time passes until n1's election timeout is over |
//! | `advance 100ms` | time passes for all; no message moves |
//! | `live 100ms` | it passes in steps of 10 ms, after each of which all messages arrive |
//! | `deliver [n1] [n1>n2]` | what is under way (to n1, from n1 to n2) arrives |
//! | `lose [n1] [n1>n2]` | it is lost |
//! | `stabilize` | messages are delivered until there are none |
//! | `propose n1 x=1`, `read n1 r1` | a client's request |
//! | `change n1 n1 n2 n4` | n1 is asked to make these the members |
//! | `cut n1>n2`, `partition n1 n2 \| n3`, `heal` | links |
//! | `crash n1`, `restart n1`, `forget n1` | `forget` is a restart without storage |
//! | `compact n1 [retain=2]`, `transfer n1 n2`, `status` | |
//! | `quiet` in front of any of them | no trace |

use std::fs;
use std::path::Path;
use std::time::Duration;

use raft::MemberId;

use crate::script_cluster::ScriptCluster;

const SEPARATOR: &str = "----";

#[test]
fn golden_scripts() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut failed = Vec::new();
    for path in paths {
        let script = fs::read_to_string(&path).unwrap();
        let result = run(&script);
        assert!(!result.contains("VIOLATION"), "{}:\n{result}", path.display());
        if update {
            fs::write(&path, &result).unwrap();
        } else if let Some((line, (expected, got))) =
            (1..).zip(script.lines().zip(result.lines())).find(|(_, (a, b))| a != b)
        {
            failed.push(format!("{}:{line}: expected {expected:?}, got {got:?}", path.display()));
        } else if script != result {
            failed.push(format!("{}: one is longer:\n{result}", path.display()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Runs a script and returns it with the traces that it really gives.
fn run(script: &str) -> String {
    let mut result = String::new();
    let mut cluster = None;
    for block in script.trim_end().split("\n\n") {
        let (commands, _) = block.split_once(SEPARATOR).unwrap_or((block, ""));
        let commands = commands.trim_end();
        let mut trace = String::new();
        let mut has_command = false;
        for line in commands.lines().filter(|line| !line.starts_with('#')) {
            has_command = true;
            let (quiet, command) =
                line.strip_prefix("quiet ").map_or((false, line), |command| (true, command));
            execute(&mut cluster, command);
            let shown = cluster.as_mut().map(ScriptCluster::take_trace).unwrap_or_default();
            if !quiet {
                trace.push_str(&shown);
            }
        }
        result.push_str(commands);
        result.push('\n');
        if has_command {
            result.push_str(SEPARATOR);
            result.push('\n');
            result.push_str(if trace.is_empty() { "ok\n" } else { &trace });
        }
        result.push('\n');
    }
    result.truncate(result.trim_end().len());
    result.push('\n');
    result
}

fn execute(cluster: &mut Option<ScriptCluster>, command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let (&verb, arguments) = words.split_first().expect("a command");
    if verb == "cluster" {
        let gather = option(arguments, "gather").map_or(Duration::ZERO, milliseconds);
        let batch = option(arguments, "batch").map_or(512, number) as usize;
        let durable = !arguments.contains(&"volatile");
        let nodes = number(arguments[0]);
        let members = option(arguments, "members").map_or(nodes, number);
        let nodes = nodes as usize;
        *cluster = Some(ScriptCluster::new(nodes, members, gather, batch, durable));
        return;
    }
    let cluster = cluster.as_mut().expect("the script begins with `cluster`");
    match (verb, arguments) {
        ("log", [id, terms @ ..]) => {
            let plain = terms.iter().filter(|word| !word.contains('='));
            let terms_of_log: Vec<u64> = plain.map(|word| number(word)).collect();
            let last = terms_of_log.last().copied().unwrap_or(0);
            let current = option(terms, "term").map_or(last, number);
            cluster.preset(node(id), &terms_of_log, current);
        }
        ("campaign", [id]) => cluster.campaign(node(id)),
        ("advance", [time]) => cluster.advance(milliseconds(time)),
        ("live", [time]) => {
            let steps = milliseconds(time).as_millis() / 10;
            for _ in 0..steps {
                cluster.advance(Duration::from_millis(10));
                cluster.stabilize();
            }
        }
        ("deliver", links) => drop(cluster.deliver(matcher(links))),
        ("lose", links) => cluster.lose(matcher(links)),
        ("stabilize", []) => cluster.stabilize(),
        ("propose", [id, command]) => cluster.propose(node(id), command),
        ("read", [id, read]) => cluster.read(node(id), number(read.trim_start_matches('r'))),
        ("cut", links) => {
            for link in links {
                let (from, to) = link.split_once('>').expect("a link");
                cluster.cut(node(from), node(to));
            }
        }
        ("partition", sides) => partition(cluster, sides),
        ("heal", []) => cluster.heal(),
        ("crash", [id]) => cluster.crash(node(id)),
        ("restart", [id]) => cluster.restart(node(id)),
        ("forget", [id]) => cluster.forget(node(id)),
        ("compact", [id, rest @ ..]) => {
            cluster.compact(node(id), option(rest, "retain").map_or(0, number));
        }
        ("change", [id, voters @ ..]) => {
            cluster.change(node(id), &voters.iter().map(|voter| node(voter)).collect());
        }
        ("transfer", [from, to]) => cluster.transfer(node(from), node(to)),
        ("status", []) => cluster.status(),
        _ => panic!("no such command: {command}"),
    }
}

fn partition(cluster: &mut ScriptCluster, sides: &[&str]) {
    let groups: Vec<Vec<MemberId>> = sides
        .split(|word| *word == "|")
        .map(|side| side.iter().map(|id| node(id)).collect())
        .collect();
    for (index, group) in groups.iter().enumerate() {
        for (other, others) in groups.iter().enumerate() {
            if index != other {
                for &from in group {
                    others.iter().for_each(|&to| cluster.cut(from, to));
                }
            }
        }
    }
}

/// Which messages `n1`, `n1>n2` or nothing at all (every message) stand for.
fn matcher(links: &[&str]) -> impl Fn(MemberId, MemberId) -> bool {
    let links: Vec<(Option<MemberId>, MemberId)> = links
        .iter()
        .map(|link| match link.split_once('>') {
            Some((from, to)) => (Some(node(from)), node(to)),
            None => (None, node(link)),
        })
        .collect();
    move |from, to| {
        links.is_empty() || links.iter().any(|&(f, t)| t == to && f.is_none_or(|f| f == from))
    }
}

fn option<'a>(arguments: &[&'a str], name: &str) -> Option<&'a str> {
    arguments.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn node(name: &str) -> MemberId {
    MemberId(number(name.trim_start_matches('n')) - 1)
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("not a number: {word}"))
}

fn milliseconds(word: &str) -> Duration {
    Duration::from_millis(number(word.trim_end_matches("ms")))
}
