//! The flags of a run, each told once: its name, its help, how it is read and how the command that
//! repeats a run has it. Its default is that of [`Options::new`]. Whoever has a command line makes it
//! from this table; whoever has none gives names and values to [`Given`].

mod given;
mod table;
mod values;

use self::given::Draft;
use crate::options::Options;
use crate::workload::{WorkloadName, registry};

pub use self::given::Given;
pub use self::table::RUN_FLAGS;
pub use self::values::{count, seconds};

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

/// A workload for what is the same with all of them.
fn any_workload() -> WorkloadName {
    WorkloadName::from(registry::all()[0])
}

#[cfg(test)]
mod tests {
    use proto::NodeId;

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
