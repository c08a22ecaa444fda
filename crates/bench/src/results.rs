//! What is said of a run, typed until it is written: `results.json`, with Maelstrom's names. It is
//! written here and read here, so that whoever makes a report of an old run has in hand what its
//! analysis had.
//!
//! Reading is lenient by parts: one that is missing or makes no sense is as good as none, the others
//! stand.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::Path;

use checkers::Verdict;
use checkers::stats::{Availability, FaultPhase, Latencies, Stats};
use proto::NodeId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use simulator::{Count, Losses, Statistics};

use crate::account::Bite;
use crate::exhibit::{Exhibit, Highlight, Lead};
use crate::expect;
use crate::world::Problem;

/// The name of the file in a run's directory.
pub const FILE: &str = "results.json";

/// What is to be said of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Results {
    /// The verdict on everything together; none in a run that did not come to its end.
    #[serde(rename = "valid?", deserialize_with = "leniently")]
    pub valid: Option<Verdict>,
    /// The verdict for people.
    #[serde(rename = "verdict", deserialize_with = "leniently")]
    pub judgement: Judgement,
    /// It was ended before its time, so what it did not come to says nothing.
    #[serde(deserialize_with = "leniently", skip_serializing_if = "std::ops::Not::not")]
    pub cut_short: bool,
    /// What was run: options in force, and the command that repeats it.
    #[serde(deserialize_with = "leniently")]
    pub options: Map<String, Value>,
    /// Operations by function and outcome.
    #[serde(deserialize_with = "leniently")]
    pub stats: Option<Stats>,
    /// How much of what was asked succeeded.
    #[serde(deserialize_with = "leniently")]
    pub availability: Option<Availability>,
    /// What the network counted; nothing of a stored history.
    #[serde(deserialize_with = "leniently", skip_serializing_if = "Option::is_none")]
    pub net: Option<Net>,
    /// How long operations took.
    #[serde(deserialize_with = "leniently")]
    pub latencies: Option<LatencyFigures>,
    /// What went on while faults were on.
    #[serde(deserialize_with = "each")]
    pub fault_phases: Vec<FaultPhase>,
    /// What the checker of the workload says, in the words of its own.
    #[serde(deserialize_with = "leniently")]
    pub workload: Value,
    /// What the workload says of the messages of the run, if it was asked to follow them.
    #[serde(deserialize_with = "leniently", skip_serializing_if = "Option::is_none")]
    pub messages: Option<Value>,
    /// Figures of the checker that people look for first.
    #[serde(deserialize_with = "each")]
    pub highlights: Vec<Highlight>,
    /// Where to look first, if the checker found something.
    #[serde(deserialize_with = "leniently", skip_serializing_if = "Option::is_none")]
    pub lead: Option<Lead>,
    /// What the workload has to show.
    #[serde(deserialize_with = "each")]
    pub exhibits: Vec<Exhibit>,
    /// When the history began, in the nanoseconds in which messages and problems are recorded: those
    /// count from when the nodes were started.
    #[serde(deserialize_with = "leniently", skip_serializing_if = "Option::is_none")]
    pub time_zero: Option<u64>,
    /// What was wrong with nodes.
    #[serde(deserialize_with = "each")]
    pub problems: Vec<Problem>,
    /// Nodes that completed no operation after everything was healed.
    #[serde(deserialize_with = "each")]
    pub unsettled: Vec<NodeId>,
    /// Nodes that completed no operation after their last start.
    #[serde(deserialize_with = "each")]
    pub unexamined: Vec<NodeId>,
    /// What a reader should know before believing the verdict.
    #[serde(deserialize_with = "each")]
    pub notes: Vec<String>,
    /// What the faults did, by kind.
    #[serde(deserialize_with = "each")]
    pub faults: Vec<Bite>,
    /// How often each condition has held of which a node says that it should sometimes
    /// ([`proto::Context::sometimes`]; virtual time only).
    #[serde(deserialize_with = "leniently", skip_serializing_if = "BTreeMap::is_empty")]
    pub sometimes: BTreeMap<String, u64>,
    /// How the figures stand to the limits that were set.
    #[serde(deserialize_with = "each")]
    pub expect: Vec<expect::Outcome>,
}

/// The verdict in a sentence, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Judgement {
    /// The sentence; empty where there is none.
    #[serde(deserialize_with = "leniently")]
    pub text: String,
    /// Why it is not valid, the most important first.
    #[serde(deserialize_with = "each")]
    pub causes: Vec<String>,
}

/// Messages by whom they go between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Net {
    /// Every message.
    pub all: Traffic,
    /// Those with a client at either end.
    pub clients: Traffic,
    /// The others.
    pub servers: Traffic,
    /// Messages that did not arrive.
    pub lost: Losses,
    /// Messages that arrived twice.
    pub doubled: u64,
    /// Nothing can be wrong with it.
    #[serde(rename = "valid?")]
    pub valid: Verdict,
}

/// Messages of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Traffic {
    /// How many.
    #[serde(flatten)]
    pub count: Count,
    /// How many for each operation of a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgs_per_op: Option<f64>,
}

/// Latencies of operations that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LatencyFigures {
    /// Of all functions, if any operation did.
    #[serde(flatten)]
    pub all: Option<Latencies>,
    /// Of each function by itself.
    pub by_f: BTreeMap<String, Latencies>,
}

impl Net {
    /// The counts of a run in which clients began so many operations.
    pub fn new(statistics: &Statistics, operations: usize) -> Self {
        let traffic = |count: Count, is_told: bool| {
            let per_op = count.send_count as f64 / operations as f64;
            Traffic { count, msgs_per_op: (is_told && operations > 0).then_some(per_op) }
        };
        let Statistics { all, clients, servers, lost, doubled } = *statistics;
        Self {
            all: traffic(all, true),
            clients: traffic(clients, false),
            servers: traffic(servers, true),
            lost,
            doubled,
            valid: Verdict::Valid,
        }
    }
}

impl Results {
    /// The verdict; unknown if there is none.
    pub fn verdict(&self) -> Verdict {
        self.valid.unwrap_or(Verdict::Unknown)
    }

    /// As JSON, in which figures have paths.
    pub fn json(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(json)) => json,
            _ => Map::new(),
        }
    }

    /// Writes the contents of `results.json`.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut out, self)?;
        out.write_all(b"\n")
    }
}

/// Reads the results of a run; `None` if there are none.
///
/// # Errors
/// If the file cannot be read, or is no JSON.
pub fn read(run_dir: &Path) -> io::Result<Option<Results>> {
    match fs::read(run_dir.join(FILE)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The verdict, options and counts of a run, and whether it was cut short, without the rest, which may
/// be long; nothing if they cannot be read.
pub fn read_head(run_dir: &Path) -> Results {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Head {
        #[serde(rename = "valid?", deserialize_with = "leniently")]
        valid: Option<Verdict>,
        #[serde(rename = "verdict", deserialize_with = "leniently")]
        judgement: Judgement,
        #[serde(rename = "cut-short", deserialize_with = "leniently")]
        cut_short: bool,
        #[serde(deserialize_with = "leniently")]
        options: Map<String, Value>,
        #[serde(deserialize_with = "leniently")]
        stats: Option<Stats>,
    }
    let read = |file| serde_json::from_reader(BufReader::new(file)).ok();
    let head: Option<Head> = File::open(run_dir.join(FILE)).ok().and_then(read);
    let Head { valid, judgement, cut_short, options, stats } = head.unwrap_or_default();
    Results { valid, judgement, cut_short, options, stats, ..Results::default() }
}

/// A part; its default if it makes no sense.
fn leniently<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(text.get()).unwrap_or_default())
}

/// Those of a list that make sense.
fn each<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let text = Box::<RawValue>::deserialize(deserializer)?;
    let items: Vec<&RawValue> = serde_json::from_str(text.get()).unwrap_or_default();
    Ok(items.into_iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exhibit::Clue;

    #[test]
    fn parts_that_make_no_sense_are_as_good_as_none() {
        let odd = json!({"valid?": 3, "verdict": "x", "options": [], "stats": {"count": "many"},
            "problems": {"a": 1}, "expect": 7, "fault-phases": [1, {"fault": "kill"}], "net": null,
            "notes": [1, "a note"], "exhibits": [{"kind": "song"}], "lead": 5, "latencies": "none"});
        let read: Results = serde_json::from_value(odd).unwrap();
        let kill = FaultPhase { fault: "kill".to_owned(), ..FaultPhase::default() };
        let notes = vec!["a note".to_owned()];
        let workload = Value::Null;
        let expected = Results { fault_phases: vec![kill], notes, workload, ..Results::default() };
        assert_eq!(read, expected);
        assert_eq!(read.verdict(), Verdict::Unknown);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let value = proto::Json::parse("[1,1e400]").unwrap();
        let lead = Lead { clue: Clue::Missing { value }, ..Lead::default() };
        let results =
            Results { lead: Some(lead), valid: Some(Verdict::Unknown), ..Results::default() };
        let mut text = Vec::new();
        results.write(&mut text).unwrap();
        assert_eq!(serde_json::from_slice::<Results>(&text).unwrap(), results);
    }

    #[test]
    fn latencies_come_back_as_they_were() {
        let all = Some(Latencies { p50: 1_234_567, p95: 2_000_000, p99: 3, max: 7_000_000_000 });
        for latencies in [LatencyFigures::default(), LatencyFigures { all, ..Default::default() }] {
            let text = serde_json::to_string(&latencies).unwrap();
            assert_eq!(serde_json::from_str::<LatencyFigures>(&text).unwrap(), latencies, "{text}");
        }
    }
}
