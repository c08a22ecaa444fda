//! The arguments that determine a run, for `test` and `sweep` alike.

use clap::{Arg, ArgAction, ArgMatches, Args};

use crate::command_line::{Given, RUN_FLAGS, SEED, VIRTUAL_TIME, WORKLOAD, count};
use crate::expect::Expectation;
use crate::options::{Options, WorkloadName};
use crate::workload::{Flag, registry};

/// What determines a run, for `test` and `sweep` alike.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// What clients do and what is checked
    #[arg(short, long = WORKLOAD, value_name = "NAME", default_value = registry::DEFAULT)]
    pub workload: WorkloadName,

    /// Flags of the run and of its workload, filled in from what was parsed.
    #[arg(skip)]
    pub given: Given,

    /// Run the program in virtual time: nothing is waited for, and the same seed gives the same run
    #[arg(long = VIRTUAL_TIME, requires = "bin")]
    pub virtual_time: bool,

    /// Where all chance comes from (default: drawn at random and printed)
    #[arg(long = SEED, value_name = "N", value_parser = count)]
    pub seed: Option<u64>,
}

impl RunArgs {
    /// Takes what was parsed of the flags that are told elsewhere. One that the workload of the run
    /// does not have means nothing here.
    pub(crate) fn take(&mut self, matches: &ArgMatches) {
        let of_workload = self.workload.kind().flags.iter().map(|flag| flag.name);
        for name in RUN_FLAGS.iter().map(|flag| flag.name).chain(of_workload) {
            for value in matches.get_many::<String>(name).into_iter().flatten() {
                self.given.push(name, value);
            }
        }
    }

    /// The options of a run with this seed, and the limits that are part of its verdict.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn options(&self, seed: u64) -> Result<(Options, Vec<Expectation>), String> {
        self.given.options(self.workload, seed)
    }
}

/// The flags of a run.
pub(crate) fn run_flags() -> impl Iterator<Item = Arg> {
    RUN_FLAGS.iter().map(|flag| {
        let arg = flag_arg(flag.name, flag.value_name, flag.help, flag.default());
        let arg = if let Some(short) = flag.short { arg.short(short) } else { arg };
        let arg = if flag.repeats { arg.action(ArgAction::Append) } else { arg };
        arg.help_heading("Options of the run")
            .value_parser(|value: &str| flag.check(value).map(|()| value.to_owned()))
    })
}

/// The flags of all workloads, each once, with help that says whose they are.
pub(crate) fn workload_flags() -> impl Iterator<Item = Arg> {
    let mut flags: Vec<(Flag, Vec<&str>)> = Vec::new();
    for kind in registry::all() {
        for flag in kind.flags {
            match flags.iter_mut().find(|(known, _)| known.name == flag.name) {
                Some((_, kinds)) => kinds.push(kind.name),
                None => flags.push((*flag, vec![kind.name])),
            }
        }
    }
    flags.into_iter().map(|(flag, kinds)| {
        let help = format!("{}: {}", kinds.join(", "), flag.help);
        let default = (!flag.default.is_empty()).then(|| flag.default.to_owned());
        flag_arg(flag.name, flag.value_name, &help, default)
            .help_heading("Options of workloads")
            .value_parser(move |value: &str| (flag.check)(value).map(|()| value.to_owned()))
    })
}

fn flag_arg(
    name: &'static str,
    value_name: &'static str,
    help: &str,
    default: Option<String>,
) -> Arg {
    let default = default.map_or_else(String::new, |default| format!(" [default: {default}]"));
    let arg = Arg::new(name).long(name).allow_negative_numbers(true);
    let arg = match value_name {
        // A switch; `--flag=false` is for scripts.
        "" => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        name => arg.value_name(name),
    };
    arg.help(format!("{help}{default}"))
}

/// This program as whoever started it named it.
pub(crate) fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "eddy".to_owned())
}
