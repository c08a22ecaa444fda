//! `eddy compare A B`: two runs side by side, figures and the curves of their latencies, in the
//! terminal and as a page.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use askama::Template;
use checkers::Kind;

use crate::exhibit::Highlight;
use crate::history::History;
use crate::report::plots::{self, DrawingError};
use crate::report::words::{Words, percent};
use crate::report::{self, page, text};
use crate::results::{self, Results};
use crate::terminal;

/// Arguments of `eddy compare`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  eddy compare store/broadcast/latest store/broadcast/20260101T120000.000Z
  eddy compare lin-kv/latest lin-kv/20260101T120000.000Z --html compare.html")]
pub struct Args {
    /// The directory of a run, in the store or anywhere
    pub a: PathBuf,

    /// The run that is held against it
    pub b: PathBuf,

    /// Also write a page with the quantile curves to this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Where runs are looked for that are not found as they are named
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
}

/// Prints the comparison.
pub fn run(args: &Args) -> ExitCode {
    match try_run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            ExitCode::from(2)
        }
    }
}

fn try_run(args: &Args) -> Result<(), DrawingError> {
    let find = |path: &Path| {
        let path = report::known_run(path, &args.store).map_err(|error| error.to_string())?;
        Run::read(&path).map_err(|error| format!("cannot read the run {}: {error}", path.display()))
    };
    let (a, b) = (find(&args.a)?, find(&args.b)?);
    print(&mut terminal::stdout(), &a, &b)?;
    if let Some(file) = &args.html {
        fs::write(file, page(&a, &b)?)?;
        writeln!(io::stdout(), "\nwritten {}", file.display())?;
    }
    Ok(())
}

/// A run as far as it is compared.
#[derive(Debug)]
pub struct Run {
    name: String,
    results: Results,
    /// Latencies of operations that succeeded, in milliseconds, in ascending order.
    latencies: Vec<f64>,
}

impl Run {
    /// Reads a run from its directory.
    ///
    /// # Errors
    ///
    /// If there is no such directory, or a file in it cannot be read.
    pub fn read(run_dir: &Path) -> io::Result<Self> {
        // By its real name: `latest` will soon be another one.
        let run_dir = run_dir.canonicalize()?;
        let results = results::read(&run_dir)?.unwrap_or_default();
        let history = History::read(&run_dir)?;
        let succeeded = history.operations.iter().filter(|op| op.outcome == Kind::Ok);
        let mut latencies: Vec<f64> =
            succeeded.filter_map(|op| Some(op.latency()? as f64 / 1e6)).collect();
        latencies.sort_unstable_by(f64::total_cmp);
        let parts: Vec<_> =
            run_dir.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
        let name = parts.into_iter().rev().collect::<Vec<_>>().join("/");
        Ok(Self { name: text::line(&name, 80), results, latencies })
    }
}

/// A line of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    name: String,
    a: String,
    b: String,
    change: String,
}

/// Figures that are compared: name, unit and how much.
fn figures(results: &Results) -> Vec<(String, &'static str, f64)> {
    let mut figures = Vec::new();
    let mut add = |name: String, unit, value: f64| figures.push((name, unit, value));
    if let Some(stats) = results.stats.as_ref().map(|stats| stats.all) {
        add("operations".to_owned(), "", stats.count as f64);
        add("ok".to_owned(), "", stats.ok_count as f64);
        add("failed".to_owned(), "", stats.fail_count as f64);
        add("of unknown outcome".to_owned(), "", stats.info_count as f64);
    }
    if let Some(net) = &results.net {
        for (name, traffic) in [("servers", net.servers), ("all", net.all)] {
            if let Some(per_op) = traffic.msgs_per_op {
                add(format!("messages per operation, {name}"), "", per_op);
            }
        }
    }
    if let Some(all) = results.latencies.as_ref().and_then(|latencies| latencies.all) {
        for (name, ns) in [("p50", all.p50), ("p95", all.p95), ("p99", all.p99), ("max", all.max)] {
            add(format!("latency {name}"), " ms", ns as f64 / 1e6);
        }
    }
    for highlight in &results.highlights {
        match highlight {
            Highlight::Spread { name, points, .. } => {
                for (point, ms) in points {
                    add(format!("{name} {point}"), " ms", *ms);
                }
            }
            Highlight::Count { name, count, of_these } => {
                add(name.clone(), "", *count as f64);
                for (count, what) in of_these {
                    add(format!("{name}: {what}"), "", *count as f64);
                }
            }
        }
    }
    figures
}

/// Verdicts, figures, and options in which the runs differ.
fn rows(a: &Run, b: &Run) -> Vec<Row> {
    let (results_a, results_b) = (Words(&a.results), Words(&b.results));
    let row = |name: &str, a: String, b: String, change: String| Row {
        name: name.to_owned(),
        a,
        b,
        change,
    };
    let mut rows = vec![
        row("run", a.name.clone(), b.name.clone(), String::new()),
        row(
            "verdict",
            results_a.verdict_word().into(),
            results_b.verdict_word().into(),
            String::new(),
        ),
    ];
    let availability = |words: Words<'_>| {
        let availability = words.0.availability.map(|availability| availability.ok_fraction);
        availability.map(percent).unwrap_or_default()
    };
    rows.push(row("availability", availability(results_a), availability(results_b), String::new()));
    let (figures_a, figures_b) = (figures(&a.results), figures(&b.results));
    let find = |figures: &[(String, &str, f64)], name: &str| {
        figures.iter().find(|figure| figure.0 == name).map(|figure| figure.2)
    };
    let only_b = figures_b.iter().filter(|figure| find(&figures_a, &figure.0).is_none());
    for (name, unit, _) in figures_a.iter().chain(only_b) {
        let (figure_a, figure_b) = (find(&figures_a, name), find(&figures_b, name));
        let shown = |figure: Option<f64>| {
            figure
                .map_or_else(|| "–".to_owned(), |figure| format!("{}{unit}", text::decimal(figure)))
        };
        let change = figure_a.zip(figure_b).map(|(a, b)| change(a, b)).unwrap_or_default();
        rows.push(row(&text::line(name, 60), shown(figure_a), shown(figure_b), change));
    }
    let (options_a, options_b) = (results_a.options(), results_b.options());
    // How many nodes there are says more than their names.
    let is_shown = |name: &str| name != "nodes";
    for (name, value) in options_a.iter().filter(|(name, _)| is_shown(name)) {
        let other = results_b.option(name);
        if *value != other {
            rows.push(row(&format!("--{name}"), value.clone(), other, String::new()));
        }
    }
    for (name, value) in options_b {
        if results_a.option(&name).is_empty() {
            rows.push(row(&format!("--{name}"), String::new(), value, String::new()));
        }
    }
    rows
}

/// How the second figure stands to the first.
fn change(a: f64, b: f64) -> String {
    if a == b {
        "same".to_owned()
    } else if a > 0.0 && b / a >= 2.0 {
        format!("{}×", text::decimal(b / a))
    } else if a > 0.0 {
        format!("{:+.0} %", (b / a - 1.0) * 100.0)
    } else {
        format!("+{}", text::decimal(b - a))
    }
}

/// The curves' points in the terminal.
const POINTS: [(f64, &str); 8] = [
    (0.0, "min"),
    (0.25, "p25"),
    (0.5, "p50"),
    (0.75, "p75"),
    (0.9, "p90"),
    (0.99, "p99"),
    (0.999, "p99.9"),
    (1.0, "max"),
];

fn print(out: &mut impl Write, a: &Run, b: &Run) -> io::Result<()> {
    let rows = rows(a, b);
    let width = |of: fn(&Row) -> &str| {
        let widths = rows.iter().map(|row| of(row).chars().count());
        widths.max().unwrap_or(0).min(44)
    };
    let (name, first, second) = (width(|row| &row.name), width(|row| &row.a), width(|row| &row.b));
    for row in &rows {
        let (a, b) = (text::cut(&row.a, 44), text::cut(&row.b, 44));
        writeln!(out, "{:<name$}  {a:<first$}  {b:<second$}  {}", row.name, row.change)?;
    }
    if a.latencies.is_empty() && b.latencies.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nlatency of operations that succeeded, on a logarithmic scale")?;
    for (point, label) in POINTS {
        for (name, run) in [("A", a), ("B", b)] {
            let label = if name == "A" { label } else { "" };
            if run.latencies.is_empty() {
                continue;
            }
            let latency = plots::quantile(&run.latencies, point);
            writeln!(
                out,
                "{label:>6} {name} {:<24} {}",
                bar(latency),
                text::milliseconds(latency)
            )?;
        }
    }
    Ok(())
}

/// A bar of three characters for each power of ten from 0.01 ms on.
fn bar(milliseconds: f64) -> String {
    let length = (milliseconds.max(0.01).log10() + 2.0) * 3.0;
    "█".repeat(length.round().clamp(0.0, 24.0) as usize)
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    rows: Vec<Row>,
    curves: Option<String>,
    style: String,
    style_hash: String,
}

/// The comparison as a page.
///
/// # Errors
///
/// If the curves cannot be drawn.
pub fn page(a: &Run, b: &Run) -> Result<String, DrawingError> {
    let runs = [("A", a), ("B", b)]
        .map(|(name, run)| (format!("{name}: {}", run.name), run.latencies.clone()));
    let has_latencies = runs.iter().any(|(_, latencies)| !latencies.is_empty());
    let curves = if has_latencies { Some(plots::quantile_curves(&runs)?) } else { None };
    let style = page::style();
    let style_hash = page::hash(&style);
    Ok(Page { rows: rows(a, b), curves, style, style_hash }.render()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(name: &str, seed: u64, p50: f64) -> Run {
        let results = json!({"valid?": true, "options": {"seed": seed, "workload": "paint"},
            "stats": {"count": 4, "ok-count": 4}, "latencies": {"p50": p50, "p95": p50, "p99": p50, "max": p50, "by-f": {}}});
        let results = serde_json::from_value(results).unwrap();
        Run { name: name.into(), results, latencies: vec![0.1, p50, p50, 100.0] }
    }

    #[test]
    fn runs_stand_side_by_side() {
        let mut bytes = Vec::new();
        print(&mut bytes, &run("paint/1", 1, 2.0), &run("paint/2", 2, 5.0)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let line = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("run"), "run paint/1 paint/2");
        assert_eq!(line("latency p50"), "latency p50 2 ms 5 ms 2.5×");
        assert_eq!(line("operations"), "operations 4 4 same");
        assert_eq!(line("--seed"), "--seed 1 2");
        assert!(!text.contains("--workload"));
        assert_eq!(text.matches("100 ms").count(), 10, "{text}");
    }

    #[test]
    fn changes_are_factors_or_percents() {
        assert_eq!(change(1.0, 1.0), "same");
        assert_eq!(change(10.0, 9.0), "-10 %");
        assert_eq!(change(10.0, 25.0), "2.5×");
        assert_eq!(change(0.0, 3.0), "+3");
    }

    #[test]
    fn the_page_has_table_and_curves() {
        let html = page(&run("<a>", 1, 2.0), &run("b", 2, 5.0)).unwrap();
        assert!(html.contains("<svg") && html.contains("2.5×") && !html.contains("<a>"));
    }
}
