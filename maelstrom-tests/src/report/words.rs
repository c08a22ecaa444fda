//! The results of a run as people read them: verdict, causes, figures. Terminal, report, list of runs
//! and comparison all show the same words, which are made here. Any part may be missing, and any text
//! may come from outside.

use checkers::Verdict;
use checkers::stats::FaultPhase;
use serde_json::Value;

use super::text;
use crate::exhibit::Highlight;
use crate::results::Results;

/// Foreign text in one line of a summary is cut after so many characters.
const TEXT_LENGTH_MAX: usize = 600;

/// Results in words.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(pub &'a Results);

/// One line of a table of figures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figure {
    /// What it is.
    pub name: String,
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
    /// Whether this alone makes a run invalid.
    pub is_fatal: bool,
}

impl<'a> Words<'a> {
    /// The verdict; none in a run that did not come to its end.
    pub fn verdict(self) -> Option<Verdict> {
        self.0.valid
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
        match (&*self.0.judgement.text, self.verdict()) {
            ("", Some(Verdict::Valid)) => "Everything that was checked holds.".to_owned(),
            ("", Some(Verdict::Invalid)) => "Something that was checked does not hold.".to_owned(),
            ("", Some(Verdict::Unknown)) => "Too little was seen to judge.".to_owned(),
            ("", None) => "This run has no results: it was broken off, or goes on.".to_owned(),
            (sentence, _) => text::line(sentence, TEXT_LENGTH_MAX),
        }
    }

    /// Why it is not valid, the most important first.
    pub fn causes(self) -> Vec<String> {
        lines(&self.0.judgement.causes)
    }

    /// Remarks, such as where the check is stricter than Maelstrom's.
    pub fn notes(self) -> Vec<String> {
        lines(&self.0.notes)
    }

    /// An option as text; empty if it is not set.
    pub fn option(self, name: &str) -> String {
        match self.0.options.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(value)) => text::line(value, TEXT_LENGTH_MAX),
            Some(Value::Array(values)) if values.iter().all(Value::is_string) => {
                let words: Vec<_> = values.iter().filter_map(Value::as_str).collect();
                text::line(&words.join(if name == "args" { " " } else { ", " }), TEXT_LENGTH_MAX)
            }
            Some(value) => text::line(&value.to_string(), TEXT_LENGTH_MAX),
        }
    }

    /// All options in force, as they are given on the command line.
    pub fn options(self) -> Vec<(String, String)> {
        self.0
            .options
            .keys()
            .filter(|name| *name != "command")
            .map(|name| (text::line(name, 60), self.option(name)))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// What was run, in a few words: the workload, on how many nodes, with which seed.
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

    /// The node that a worker speaks to: workers are dealt to nodes in turn, and a worker that nobody
    /// answered goes on under a number that is higher by their count.
    pub(crate) fn node_of(self, process: u64) -> Option<&'a str> {
        let options = &self.0.options;
        let workers = options.get("concurrency")?.as_u64().filter(|workers| *workers > 0)?;
        let nodes = options.get("nodes")?.as_array().filter(|nodes| !nodes.is_empty())?;
        nodes.get((process % workers) as usize % nodes.len())?.as_str()
    }

    /// Whether the same seed gives the same run, of our nodes or of any program.
    pub fn is_in_virtual_time(self) -> bool {
        self.is_simulated() || self.0.options.get("virtual-time") == Some(&Value::Bool(true))
    }

    /// Whether it was a run of our nodes in virtual time.
    pub fn is_simulated(self) -> bool {
        match self.0.options.get("simulate") {
            Some(Value::Bool(is_simulated)) => *is_simulated,
            None | Some(Value::Null) => false,
            Some(_) => true,
        }
    }

    /// The command that repeats the run.
    pub fn command(self) -> Option<String> {
        let command = self.0.options.get("command")?.as_str()?;
        Some(text::visible(command).into())
    }

    /// Problems with nodes, in the order of their times.
    pub fn problems(self) -> Vec<Problem> {
        let time_zero = self.0.time_zero.unwrap_or(0);
        let told = |problem: &crate::world::Problem| Problem {
            node: text::line(problem.node.as_str(), 60),
            time: problem.time.saturating_sub(time_zero),
            kind: match serde_json::to_value(problem.kind) {
                Ok(Value::String(kind)) => kind,
                _ => "?".to_owned(),
            },
            text: text::line(&problem.text, TEXT_LENGTH_MAX),
            count: problem.count,
            is_fatal: problem.kind.is_fatal(),
        };
        let mut problems: Vec<_> = self.0.problems.iter().map(told).collect();
        problems.sort_by_key(|problem| problem.time);
        problems
    }

    /// Limits and whether they were met.
    pub fn expectations(self) -> Vec<Expectation> {
        let told = |outcome: &crate::expect::Outcome| Expectation {
            text: text::line(&outcome.expected, TEXT_LENGTH_MAX),
            measured: outcome.measured.map(text::decimal),
            is_met: outcome.holds,
        };
        self.0.expect.iter().map(told).collect()
    }

    /// The figures that every reader looks for, those that there are.
    pub fn figures(self) -> Vec<Figure> {
        let mut figures = Vec::new();
        let mut add = |name: &str, value: String, note: String| {
            figures.push(Figure { name: name.to_owned(), value, note });
        };
        if let Some(stats) = &self.0.stats {
            let [ok, fail, info] = [stats.all.ok_count, stats.all.fail_count, stats.all.info_count]
                .map(|count| text::grouped(count as u64));
            let note = format!("{ok} ok, {fail} failed, {info} of unknown outcome");
            add("operations", text::grouped(stats.all.count as u64), note);
        }
        if let Some(availability) = self.0.availability {
            let met = match availability.verdict {
                Verdict::Invalid => "less than was asked for",
                _ => "",
            };
            add("availability", percent(availability.ok_fraction), met.to_owned());
        }
        for highlight in &self.0.highlights {
            let Highlight::Spread { name, points, meaning } = highlight else { continue };
            add(&text::line(name, 40), spread(points), text::line(meaning, TEXT_LENGTH_MAX));
        }
        if let Some(all) = self.0.latencies.as_ref().and_then(|latencies| latencies.all) {
            let points = [("p50", all.p50), ("p95", all.p95), ("p99", all.p99), ("max", all.max)];
            let points = points.map(|(name, ns)| (name.to_owned(), ns as f64 / 1e6));
            add("latency", spread(&points), "of operations that succeeded".to_owned());
        }
        for highlight in &self.0.highlights {
            let Highlight::Count { name, count, of_these } = highlight else { continue };
            let part = |(count, what): &(u64, String)| {
                format!("{} {}", text::grouped(*count), text::line(what, 60))
            };
            let parts: Vec<_> = of_these.iter().map(part).collect();
            add(&text::line(name, 40), text::grouped(*count), parts.join(", "));
        }
        if let Some(net) = &self.0.net
            && let Some(per_op) = net.servers.msgs_per_op
        {
            let note = format!("{} in all", text::grouped(net.servers.count.send_count));
            let value = format!("{} per operation", text::decimal(per_op));
            add("messages between servers", value, note);
        }
        if let Some(faults) = self.faults() {
            add("faults", faults, String::new());
        }
        figures
    }

    /// The faults of the run and how much succeeded meanwhile.
    fn faults(self) -> Option<String> {
        let mut faults: Vec<(&str, u64, usize, usize)> = Vec::new();
        for FaultPhase { fault: name, ok, invoked, .. } in &self.0.fault_phases {
            let place = faults.iter().position(|fault| fault.0 == name).unwrap_or_else(|| {
                faults.push((name, 0, 0, 0));
                faults.len() - 1
            });
            let fault = &mut faults[place];
            *fault = (name, fault.1 + 1, fault.2 + ok, fault.3 + invoked);
        }
        let texts: Vec<_> = faults
            .into_iter()
            .map(|(name, times, ok, invoked)| {
                let (name, ok) = (text::line(name, 40), text::grouped(ok as u64));
                format!(
                    "{name} {times}× ({ok} of {} operations ok meanwhile)",
                    text::grouped(invoked as u64)
                )
            })
            .collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }
}

fn lines(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| text::line(text, TEXT_LENGTH_MAX)).collect()
}

/// Named points of a spread, in milliseconds.
fn spread(points: &[(String, f64)]) -> String {
    let point = |(name, ms): &(String, f64)| {
        format!("{} {}", text::line(name, 20), text::milliseconds(*ms))
    };
    points.iter().take(8).map(point).collect::<Vec<_>>().join(", ")
}

/// A fraction as a percentage with as many digits as it takes not to look complete when it is not.
pub fn percent(fraction: f64) -> String {
    let rounded = (fraction * 1000.0).round() / 10.0;
    if rounded >= 100.0 && fraction < 1.0 {
        return "over 99.9 %".to_owned();
    }
    format!("{} %", text::decimal(rounded))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_at_all_can_be_shown() {
        let results = Results::default();
        let words = Words(&results);
        assert_eq!((words.verdict(), words.verdict_word()), (None, "unfinished"));
        assert_eq!(words.title(), "run");
        assert!(words.figures().is_empty() && words.problems().is_empty());
        assert!(words.options().is_empty() && words.command().is_none());
    }

    #[test]
    fn figures_are_words_and_numbers() {
        let value = json!({
            "valid?": false,
            "options": {"workload": "paint", "node-count": 5, "seed": 42, "simulate": true},
            "stats": {"count": 1204, "ok-count": 1100, "fail-count": 90, "info-count": 14},
            "availability": {"valid?": true, "ok-fraction": 0.99999},
            "latencies": {"p50": 1.234, "p95": 20.0, "p99": 30.55, "max": 1000.4, "by-f": {}},
            "highlights": [
                {"count": {"name": "walls", "count": 1000, "of-these": [[3, "wet"], [0, "bare"]]}},
                {"spread": {"name": "drying", "points": [["p50", 2.5]], "meaning": "of each"}}],
            "net": {"servers": {"msgs-per-op": 12.345, "send-count": 14863}},
            "fault-phases": [{"fault": "partition", "ok": 3, "invoked": 10},
                {"fault": "kill", "ok": 1, "invoked": 1}, {"fault": "partition", "ok": 4, "invoked": 5}],
            "expect": [{"expected": "msgs-per-op<30", "measured": 12.345, "valid?": true, "text": ""}],
        });
        let results: Results = serde_json::from_value(value).unwrap();
        let words = Words(&results);
        assert_eq!(words.title(), "paint on 5 nodes, simulated, seed 42");
        let figures: Vec<_> =
            words.figures().into_iter().map(|figure| (figure.name, figure.value)).collect();
        let expected = [
            ("operations", "1,204"),
            ("availability", "over 99.9 %"),
            ("drying", "p50 2.5 ms"),
            ("latency", "p50 1.23 ms, p95 20 ms, p99 30.6 ms, max 1,000 ms"),
            ("walls", "1,000"),
            ("messages between servers", "12.3 per operation"),
            (
                "faults",
                "partition 2× (7 of 15 operations ok meanwhile), kill 1× (1 of 1 operations ok meanwhile)",
            ),
        ];
        assert_eq!(figures, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(words.figures()[4].note, "3 wet, 0 bare");
        let expectation = &words.expectations()[0];
        assert_eq!((expectation.measured.as_deref(), expectation.is_met), (Some("12.3"), true));
    }
}
