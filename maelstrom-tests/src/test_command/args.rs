//! The arguments of `eddy test`: Maelstrom's flags with its defaults, and what eddy has beyond them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::command_line::{BIN, Call, SIMULATE, STORE, STORE_DEFAULT, Target, seconds};
use crate::programs;
use crate::run_args::RunArgs;
use crate::simulated::SimulatedNode;

/// Arguments of `eddy test`.
#[derive(Clone, Debug, Args)]
#[command(after_help = TEST_EXAMPLES, allow_negative_numbers = true)]
pub struct TestArgs {
    /// The program to run as a node: a file, or a name on the search path
    #[arg(long = BIN, value_name = "FILE", required_unless_present = "simulate")]
    pub bin: Option<PathBuf>,

    /// Run a node of identifier, gossiper or consensus in virtual time instead of a program
    #[arg(long = SIMULATE, value_name = "NODE", conflicts_with = "bin", value_parser = programs::find)]
    pub simulate: Option<SimulatedNode>,

    /// Run twice and say whether both runs were the same, call by call (virtual time only)
    #[arg(long, requires = "virtual_time")]
    pub verify: bool,

    /// The options of the run.
    #[command(flatten)]
    pub run: RunArgs,

    /// Run so many times, with rising seeds; stop at the first run that is not valid
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub test_count: u64,

    /// Copy what nodes say on stderr to the console
    #[arg(long)]
    pub log_stderr: bool,

    /// Copy every message to the console as it enters the network
    #[arg(long)]
    pub log_net_send: bool,

    /// Copy every message to the console as it leaves the network
    #[arg(long)]
    pub log_net_recv: bool,

    /// Where runs are kept
    #[arg(long = STORE, value_name = "DIR", default_value = STORE_DEFAULT)]
    pub store: PathBuf,

    /// Seconds that nodes get to end by themselves, after their stdin is closed, before SIGKILL
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    pub grace: Duration,

    /// Print the verdict only
    #[arg(long, short)]
    pub quiet: bool,

    /// Print the results as JSON on stdout, and nothing else
    #[arg(long)]
    pub json: bool,

    /// Flags of Maelstrom without meaning here.
    #[command(flatten)]
    pub without_meaning: WithoutMeaning,

    /// Arguments for the node; `{run}` becomes a fresh, empty directory of this run (with --virtual-time
    /// one for each node), and a file named from here gets its full path
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

/// Flags that Maelstrom takes from Jepsen, for the machines of a cluster that eddy does not have.
/// They are taken, so that a command line can stay as it is, and passed over.
#[derive(Clone, Debug, Default, Args)]
pub struct WithoutMeaning {
    #[arg(long, hide = true)]
    leave_db_running: bool,
    #[arg(long, hide = true)]
    logging_json: bool,
    #[arg(long, hide = true)]
    no_ssh: bool,
    #[arg(long, hide = true)]
    strict_host_key_checking: bool,
    #[arg(long, hide = true, value_name = "USER")]
    username: Option<String>,
    #[arg(long, hide = true, value_name = "PASS")]
    password: Option<String>,
    #[arg(long, hide = true, value_name = "FILE")]
    ssh_private_key: Option<PathBuf>,
}

impl WithoutMeaning {
    /// Those that were given.
    pub fn given(&self) -> Vec<&'static str> {
        let flags = [
            ("--leave-db-running", self.leave_db_running),
            ("--logging-json", self.logging_json),
            ("--no-ssh", self.no_ssh),
            ("--strict-host-key-checking", self.strict_host_key_checking),
            ("--username", self.username.is_some()),
            ("--password", self.password.is_some()),
            ("--ssh-private-key", self.ssh_private_key.is_some()),
        ];
        flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }
}

const TEST_EXAMPLES: &str = "\
Examples:
  eddy test -w unique-ids --bin target/release/identifier --node-count 3 --time-limit 20 \\
      --rate 1000 --nemesis partition --availability total
  eddy test -w broadcast --bin ./my-node.py --node-count 25 --topology tree4 --rate 100 \\
      --latency 100 --expect 'msgs-per-op<30' --expect 'p50<400ms' --expect 'max<600ms'
  eddy test -w broadcast --bin ./my-node.py --virtual-time --nemesis partition,kill --seed 7
  eddy test -w unique-ids --simulate identifier --nemesis partition,kill --seed 7 \\
      -- --state-dir '{run}'

A run can outlast its time limit: up to 10 s for `init` and 5 s for `topology` before it; after it one
client time-out for the last replies (5 s; lin-kv: ten latencies, at least 1 s), with --settle its
seconds and a time-out, --recovery-time and a time-out where there are final reads, 10 s and a time-out
where killed nodes are asked once more, --grace and 5 s to end the nodes. Then come the checker and the
report, which are bounded by work.

Exit status: 0 valid, 1 invalid, 2 unknown or wrong usage.";

impl TestArgs {
    /// The run with this seed.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn call(&self, seed: u64) -> Result<Call, String> {
        let target = Target::new(self.simulate, self.bin.as_deref(), self.run.virtual_time)?;
        let (options, expect) = self.run.options(seed)?;
        Ok(Call { target, options, expect, args: self.args.clone() })
    }
}

fn at_least_one(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("has to be a whole number, 1 or more".to_owned()),
    }
}
