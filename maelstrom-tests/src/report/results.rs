//! `results.json` as people read it: verdict, causes, figures. Terminal, report, list of runs and
//! comparison all show the same words, which are made here. Any key may be missing.

use std::fs;
use std::io;
use std::path::Path;

use checkers::Verdict;
use serde_json::{Map, Value};

use super::history::{Outcome, Values, describe};
use super::text;

/// The name of the file in a run's directory.
pub const FILE: &str = "results.json";
/// Foreign text in one line of a summary is cut after so many characters.
const TEXT_LENGTH_MAX: usize = 600;

/// The results of a run.
#[derive(Clone, Copy, Debug)]
pub struct Results<'a>(pub &'a Value);

/// One line of a table of figures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// How much it is, with its unit.
    pub value: String,
    /// What else is to be said of it; may be empty.
    pub note: String,
}

impl Figure {
    /// Its value in the parts that are read one by one: quantiles, faults.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.value.split(", ")
    }
}

/// A limit that was set with `--expect`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// The limit, as it was given.
    pub text: String,
    /// The figure as measured, if there is such a figure.
    pub measured: Option<String>,
    /// Whether it was met.
    pub is_met: bool,
}

/// Something wrong with a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The node.
    pub node: String,
    /// When it happened first, in nanoseconds since the run started.
    pub time: u64,
    /// What kind, such as `died`.
    pub kind: String,
    /// What happened.
    pub text: String,
    /// How often.
    pub count: u64,
}

/// Reads the results of a run; `null` if there are none, an error if they are no JSON.
pub fn read(run_dir: &Path) -> io::Result<Value> {
    match fs::read(run_dir.join(FILE)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

impl<'a> Results<'a> {
    /// The value at a path of keys; null if there is none.
    pub fn at(self, path: &[&str]) -> &'a Value {
        path.iter().fold(self.0, |value, key| value.get(key).unwrap_or(&Value::Null))
    }

    /// The verdict; none in a run that did not come to its end.
    pub fn verdict(self) -> Option<Verdict> {
        verdict(self.at(&["valid?"]))
    }

    /// The verdict in one word.
    pub fn verdict_word(self) -> &'static str {
        match self.verdict() {
            Some(Verdict::Valid) => "valid",
            Some(Verdict::Invalid) => "INVALID",
            Some(Verdict::Unknown) => "UNKNOWN",
            None => "unfinished",
        }
    }

    /// The verdict in one sentence.
    pub fn verdict_text(self) -> String {
        match (self.at(&["verdict", "text"]), self.verdict()) {
            (Value::String(sentence), _) => text::line(sentence, TEXT_LENGTH_MAX),
            (_, Some(Verdict::Valid)) => "Everything that was checked holds.".to_owned(),
            (_, Some(Verdict::Invalid)) => "Something that was checked does not hold.".to_owned(),
            (_, Some(Verdict::Unknown)) => "Too little was seen to judge.".to_owned(),
            (_, None) => "This run has no results: it was broken off, or goes on.".to_owned(),
        }
    }

    /// Why it is not valid, the most important first.
    pub fn causes(self) -> Vec<String> {
        texts(self.at(&["verdict", "causes"]))
    }

    /// Remarks, such as where the check is stricter than Maelstrom's.
    pub fn notes(self) -> Vec<String> {
        texts(self.at(&["notes"]))
    }

    /// An option as text; empty if it is not set.
    pub fn option(self, name: &str) -> String {
        match self.at(&["options", name]) {
            Value::Null => String::new(),
            Value::String(value) => text::line(value, TEXT_LENGTH_MAX),
            value => text::line(&value.to_string(), TEXT_LENGTH_MAX),
        }
    }

    /// All options in force, as they are given on the command line.
    pub fn options(self) -> Vec<(String, String)> {
        let options = self.at(&["options"]).as_object().into_iter().flat_map(Map::keys);
        options
            .filter(|name| *name != "command")
            .map(|name| (text::line(name, 60), self.option(name)))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// What was run, in a few words: `lin-kv on 5 nodes, seed 42`.
    pub fn title(self) -> String {
        let workload = self.option("workload");
        let mut title = if workload.is_empty() { "run".to_owned() } else { workload };
        match self.option("node-count").as_str() {
            "" => {}
            "1" => title.push_str(" on 1 node"),
            count => title.push_str(&format!(" on {count} nodes")),
        }
        if self.is_simulated() {
            title.push_str(", simulated");
        }
        let seed = self.option("seed");
        if !seed.is_empty() {
            title.push_str(", seed ");
            title.push_str(&seed);
        }
        title
    }

    /// Whether the same seed gives the same run, of our nodes or of any program.
    pub fn is_in_virtual_time(self) -> bool {
        self.is_simulated() || *self.at(&["options", "virtual-time"]) == Value::Bool(true)
    }

    /// Whether it was a run of our nodes in virtual time.
    pub fn is_simulated(self) -> bool {
        match self.at(&["options", "simulate"]) {
            Value::Bool(is_simulated) => *is_simulated,
            Value::Null => false,
            _ => true,
        }
    }

    /// The command that repeats the run.
    pub fn command(self) -> Option<String> {
        self.at(&["options", "command"]).as_str().map(|command| text::visible(command).into())
    }

    /// When the history began, in the nanoseconds in which messages and problems are recorded: those
    /// count from when the nodes were started.
    pub fn time_zero(self) -> u64 {
        self.at(&["time-zero"]).as_u64().unwrap_or(0)
    }

    /// Problems with nodes, in the order of their times.
    pub fn problems(self) -> Vec<Problem> {
        let mut problems: Vec<_> = array(self.at(&["problems"]))
            .iter()
            .map(|problem| {
                let field = |name| Results(problem).at(&[name]);
                let word = |name| text::line(field(name).as_str().unwrap_or("?"), 60);
                Problem {
                    node: word("node"),
                    time: field("time").as_u64().unwrap_or(0).saturating_sub(self.time_zero()),
                    kind: word("kind"),
                    text: text::line(field("text").as_str().unwrap_or_default(), TEXT_LENGTH_MAX),
                    count: field("count").as_u64().unwrap_or(1),
                }
            })
            .collect();
        problems.sort_by_key(|problem| problem.time);
        problems
    }

    /// Limits and whether they were met.
    pub fn expectations(self) -> Vec<Expectation> {
        array(self.at(&["expect"]))
            .iter()
            .map(|expectation| {
                let field = |name| Results(expectation).at(&[name]);
                Expectation {
                    text: text_of(field("expected")),
                    measured: field("measured").as_f64().map(text::decimal),
                    is_met: field("valid?").as_bool().unwrap_or(false),
                }
            })
            .collect()
    }

    /// The figures that every reader looks for, those that there are.
    pub fn figures(self) -> Vec<Figure> {
        let mut figures = Vec::new();
        let mut add = |name, value: String, note: String| {
            figures.push(Figure { name, value, note });
        };
        let count = |path: &[&str]| self.at(path).as_u64();
        if let Some(operations) = count(&["stats", "count"]) {
            let part = |name| text::grouped(count(&["stats", name]).unwrap_or(0));
            let (ok, fail, info) = (part("ok-count"), part("fail-count"), part("info-count"));
            let note = format!("{ok} ok, {fail} failed, {info} of unknown outcome");
            add("operations", text::grouped(operations), note);
        }
        if let Some(fraction) = self.at(&["availability", "ok-fraction"]).as_f64() {
            let met = match verdict(self.at(&["availability", "valid?"])) {
                Some(Verdict::Invalid) => "less than was asked for",
                _ => "",
            };
            add("availability", percent(fraction), met.to_owned());
        }
        let stable = self.at(&["workload", "stable-latencies"]);
        let stable_points: Vec<_> =
            [("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"), ("1", "max")]
                .into_iter()
                .filter_map(|(point, name)| {
                    Some(format!("{name} {}", text::milliseconds(stable.get(point)?.as_f64()?)))
                })
                .collect();
        if !stable_points.is_empty() {
            let note = "from when an element was known to when the last read missed it";
            add("stable latency", stable_points.join(", "), note.to_owned());
        }
        if let Some(latencies) = points(self.at(&["latencies"])) {
            add("latency", latencies, "of operations that succeeded".to_owned());
        }
        if let Some(attempts) = count(&["workload", "attempt-count"]) {
            let part = |name| text::grouped(count(&["workload", name]).unwrap_or(0));
            let (lost, never, stale) =
                (part("lost-count"), part("never-read-count"), part("stale-count"));
            let note = format!("{lost} lost, {never} never read, {stale} late somewhere");
            add("elements", text::grouped(attempts), note);
        }
        if let Some(ids) = count(&["workload", "acknowledged-count"]) {
            let duplicated = text::grouped(count(&["workload", "duplicated-count"]).unwrap_or(0));
            add("ids", text::grouped(ids), format!("{duplicated} came more than once"));
        }
        if let Some(keys) = self.at(&["workload", "results"]).as_object() {
            let failures = array(self.at(&["workload", "failures"])).len();
            let note = format!("{} not shown to be linearizable", text::grouped(failures));
            add("keys", text::grouped(keys.len()), note);
        }
        if let Some(servers) = self.at(&["net", "servers", "msgs-per-op"]).as_f64() {
            let sent = count(&["net", "servers", "msg-count"])
                .or_else(|| count(&["net", "servers", "send-count"]));
            let note = sent.map_or(String::new(), |sent| format!("{} in all", text::grouped(sent)));
            add(
                "messages between servers",
                format!("{} per operation", text::decimal(servers)),
                note,
            );
        }
        if let Some(faults) = self.faults() {
            add("faults", faults, String::new());
        }
        figures
    }

    /// The faults of the run and how much succeeded meanwhile.
    fn faults(self) -> Option<String> {
        let mut faults: Vec<(&str, u64, u64, u64)> = Vec::new();
        for phase in array(self.at(&["fault-phases"])) {
            let name = phase.get("fault").and_then(Value::as_str).unwrap_or("?");
            let number = |key| phase.get(key).and_then(Value::as_u64).unwrap_or(0);
            let place = faults.iter().position(|fault| fault.0 == name).unwrap_or_else(|| {
                faults.push((name, 0, 0, 0));
                faults.len() - 1
            });
            let fault = &mut faults[place];
            *fault = (name, fault.1 + 1, fault.2 + number("ok"), fault.3 + number("invoked"));
        }
        let texts: Vec<_> = faults
            .into_iter()
            .map(|(name, times, ok, invoked)| {
                let (name, ok) = (text::line(name, 40), text::grouped(ok));
                format!(
                    "{name} {times}× ({ok} of {} operations ok meanwhile)",
                    text::grouped(invoked)
                )
            })
            .collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }
}

/// An operation as checkers show it in results.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The logical client.
    pub process: String,
    /// The operation in a few words.
    pub label: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Index and time (ns) of the event that began it.
    pub start: (u64, u64),
    /// Index and time (ns) of the event that ended it.
    pub end: Option<(u64, u64)>,
    /// What the register holds after it, if it is a write or a compare-and-set that happened.
    pub written: Option<String>,
}

impl Record {
    /// Reads one; `None` if it is none.
    pub fn read(value: &Value) -> Option<Self> {
        let field = |name| value.get(name).filter(|field| !field.is_null());
        let number = |name| field(name).and_then(Value::as_u64);
        let f = field("f")?.as_str()?;
        let outcome = match field("outcome").and_then(Value::as_str) {
            Some("ok") => Outcome::Ok,
            Some("fail") => Outcome::Fail,
            _ => Outcome::Info,
        };
        let json = value.get("value").unwrap_or(&Value::Null);
        let key = value.get("key").map(Value::to_string);
        let is_read = matches!(f, "read" | "generate");
        let asked = if is_read { "null".to_owned() } else { json.to_string() };
        let values = Values { key, asked, answered: Some(json.to_string()), error: None };
        let written = match f {
            "write" => Some(json),
            "cas" => json.get(1),
            _ => None,
        };
        Some(Self {
            process: field("process").map_or_else(|| "?".to_owned(), Value::to_string),
            label: describe(f, &values, outcome),
            outcome,
            start: (number("start-index")?, number("start-time").unwrap_or(0)),
            end: number("end-index").map(|index| (index, number("end-time").unwrap_or(0))),
            written: written.map(|written| text::line(&written.to_string(), 40)),
        })
    }
}

fn verdict(value: &Value) -> Option<Verdict> {
    match value {
        Value::Bool(holds) => Some(Verdict::from_rule(*holds)),
        Value::String(word) if word == "unknown" => Some(Verdict::Unknown),
        _ => None,
    }
}

/// The elements of an array; none if it is no array.
pub(crate) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn texts(value: &Value) -> Vec<String> {
    array(value).iter().map(text_of).collect()
}

fn text_of(value: &Value) -> String {
    match value.get("text").unwrap_or(value) {
        Value::String(value) => text::line(value, TEXT_LENGTH_MAX),
        value => text::line(&value.to_string(), TEXT_LENGTH_MAX),
    }
}

/// A fraction as a percentage with as many digits as it takes not to look complete when it is not.
pub fn percent(fraction: f64) -> String {
    let rounded = (fraction * 1000.0).round() / 10.0;
    if rounded >= 100.0 && fraction < 1.0 {
        return "over 99.9 %".to_owned();
    }
    format!("{} %", text::decimal(rounded))
}

fn points(latencies: &Value) -> Option<String> {
    let texts: Vec<_> = ["p50", "p95", "p99", "max"]
        .into_iter()
        .filter_map(|name| {
            Some(format!("{name} {}", text::milliseconds(latencies.get(name)?.as_f64()?)))
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_at_all_can_be_shown() {
        let results = Results(&Value::Null);
        assert_eq!((results.verdict(), results.verdict_word()), (None, "unfinished"));
        assert_eq!(results.title(), "run");
        assert!(results.figures().is_empty() && results.problems().is_empty());
        assert!(results.options().is_empty() && results.command().is_none());
    }

    #[test]
    fn values_of_the_wrong_type_are_as_good_as_none() {
        let odd = json!({"valid?": 3, "verdict": "x", "options": [], "stats": {"count": "many"},
            "problems": {"a": 1}, "expect": 7, "fault-phases": [1], "workload": [], "net": null});
        let results = Results(&odd);
        assert_eq!(results.verdict(), None);
        assert!(results.causes().is_empty() && results.problems().is_empty());
        assert_eq!(results.figures().len(), 1, "the nameless fault");
    }

    #[test]
    fn figures_are_words_and_numbers() {
        let value = json!({
            "valid?": false,
            "options": {"workload": "lin-kv", "node-count": 5, "seed": 42, "simulate": true},
            "stats": {"count": 1204, "ok-count": 1100, "fail-count": 90, "info-count": 14},
            "availability": {"valid?": true, "ok-fraction": 0.99999},
            "latencies": {"p50": 1.234, "p95": 20, "p99": 30.55, "max": 1000.4, "by-f": {}},
            "net": {"servers": {"msgs-per-op": 12.345, "msg-count": 14863}},
            "fault-phases": [{"fault": "partition", "ok": 3, "invoked": 10},
                {"fault": "kill", "ok": 1, "invoked": 1}, {"fault": "partition", "ok": 4, "invoked": 5}],
            "expect": [{"expected": "msgs-per-op<30", "measured": 12.345, "valid?": true}],
        });
        let results = Results(&value);
        assert_eq!(results.title(), "lin-kv on 5 nodes, simulated, seed 42");
        let figures: Vec<_> =
            results.figures().into_iter().map(|figure| (figure.name, figure.value)).collect();
        let expected = [
            ("operations", "1,204"),
            ("availability", "over 99.9 %"),
            ("latency", "p50 1.23 ms, p95 20 ms, p99 30.6 ms, max 1,000 ms"),
            ("messages between servers", "12.3 per operation"),
            (
                "faults",
                "partition 2× (7 of 15 operations ok meanwhile), kill 1× (1 of 1 operations ok meanwhile)",
            ),
        ];
        assert_eq!(figures, expected.map(|(name, value)| (name, value.to_owned())));
        let expectation = &results.expectations()[0];
        assert_eq!((expectation.measured.as_deref(), expectation.is_met), (Some("12.3"), true));
    }

    #[test]
    fn records_of_checkers_are_operations() {
        let record = Record::read(&json!({"process": 3, "f": "cas", "key": 1, "value": [2, 4],
            "outcome": "ok", "start-index": 5, "start-time": 50, "end-index": null, "end-time": null}))
        .unwrap();
        assert_eq!((record.label.as_str(), record.end), ("cas 1: 2 → 4", None));
        assert_eq!(record.written.as_deref(), Some("4"));
        assert_eq!(Record::read(&json!({"f": 1})), None);
    }
}
