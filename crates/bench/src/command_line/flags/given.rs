//! What was said of a run, and the run that it means.

use std::str::FromStr;

use proto::NodeId;

use super::RunFlag;
use crate::expect::Expectation;
use crate::options::{Options, numbered_nodes};
use crate::workload::WorkloadName;

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

/// A run that is being put together: some of it depends on the rest.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) options: Options,
    pub(super) names: Vec<String>,
    pub(super) node_count: Option<usize>,
    pub(super) concurrency: Option<Concurrency>,
    pub(super) expect: Vec<Expectation>,
}

/// `--concurrency`: a number of workers, or so many a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Concurrency {
    Workers(usize),
    PerNode(usize),
}

impl Draft {
    pub(super) fn new(workload: WorkloadName) -> Self {
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

/// So many clients, of the cluster or of each node, are taken: each has its place in memory.
const CLIENTS_MAX: usize = 65_535;

impl FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, per_node) = match text.strip_suffix('n') {
            Some(number) => (number, true),
            None => (text, false),
        };
        match number.parse() {
            Ok(count) if !(1..=CLIENTS_MAX).contains(&count) => Err(format!(
                "has to be a number from 1 to {CLIENTS_MAX}, such as `10`, or one with an n, such as `4n`"
            )),
            Ok(count) if per_node => Ok(Self::PerNode(count)),
            Ok(count) => Ok(Self::Workers(count)),
            Err(_) => {
                Err("has to be a number above 0, such as `10`, or one with an n, such as `4n`"
                    .to_owned())
            }
        }
    }
}
