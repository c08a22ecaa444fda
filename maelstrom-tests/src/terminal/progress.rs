//! What a run shows of itself while it goes on: a bar in a terminal, a line now and then elsewhere, or
//! nothing. It counts every event and draws a few times a second.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write as _};
use std::time::{Duration, Instant};

use checkers::{Kind, Process};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::process::interrupted;
use crate::progress::Progress;
use crate::report::text;
use crate::workload::AnyEvent;

const DRAW_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// A bar that is drawn over and over.
    Bar,
    /// Plain lines.
    Lines,
    /// Not at all.
    Nothing,
}

impl Style {
    /// Nothing if it is to be quiet; a bar if stderr is a terminal that can do more than lines and
    /// `NO_COLOR` is not set.
    pub fn detect(is_quiet: bool) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        if is_quiet {
            Self::Nothing
        } else if io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb {
            Self::Bar
        } else {
            Self::Lines
        }
    }
}

/// Shows the progress of a run on stderr.
#[derive(Debug)]
pub struct Display {
    style: Style,
    bar: ProgressBar,
    phase: String,
    counts: Counts,
    last_drawn: Instant,
}

impl Display {
    /// For a run whose main phase has this length.
    pub fn new(style: Style, time_limit: Duration) -> Self {
        let milliseconds = u64::try_from(time_limit.as_millis()).unwrap_or(u64::MAX).max(1);
        let target = match style {
            Style::Bar => ProgressDrawTarget::stderr(),
            Style::Lines | Style::Nothing => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(milliseconds), target);
        let look = ProgressStyle::with_template("{prefix} [{bar:20.cyan/dim}] {wide_msg}");
        let look = look.unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(look.progress_chars("━╸─"));
        let phase = "starting".to_owned();
        Self { style, bar, phase, counts: Counts::default(), last_drawn: now() }
    }

    fn draw(&mut self) {
        self.last_drawn = now();
        match self.style {
            Style::Bar => {
                self.bar.set_prefix(self.phase.clone());
                self.bar.set_message(self.counts.text());
                let milliseconds = self.counts.time / 1_000_000;
                self.bar.set_position(milliseconds.min(self.bar.length().unwrap_or(0)));
            }
            Style::Lines => {
                let _ = writeln!(io::stderr(), "{}: {}", self.phase, self.counts.text());
            }
            Style::Nothing => {}
        }
    }
}

impl Progress for Display {
    fn event(&mut self, event: &dyn AnyEvent) {
        if self.style == Style::Nothing {
            return;
        }
        self.counts.add(event);
        let pause = if self.style == Style::Bar { DRAW_EVERY } else { LINE_EVERY };
        if now() - self.last_drawn >= pause {
            self.draw();
        }
    }

    fn phase(&mut self, name: &str) {
        name.clone_into(&mut self.phase);
        if self.style == Style::Bar {
            self.draw();
        }
    }

    fn wants_end(&self) -> bool {
        interrupted()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[expect(clippy::disallowed_methods, reason = "people watch in real time")]
fn now() -> Instant {
    Instant::now()
}

/// What happened so far.
#[derive(Debug, Default)]
struct Counts {
    time: u64,
    ok: u64,
    fail: u64,
    info: u64,
    latencies: Latencies,
    open: HashMap<u64, u64>,
    faults: Vec<String>,
}

impl Counts {
    fn add(&mut self, event: &dyn AnyEvent) {
        let time = event.time();
        self.time = self.time.max(time);
        let Process::Client(process) = event.process() else { return self.fault(event.f()) };
        if event.kind() == Kind::Invoke {
            self.open.insert(process, time);
            return;
        }
        let began = self.open.remove(&process).unwrap_or(time);
        match event.kind() {
            Kind::Ok => {
                self.ok += 1;
                self.latencies.add(time.saturating_sub(began));
            }
            Kind::Fail => self.fail += 1,
            Kind::Info | Kind::Invoke => self.info += 1,
        }
    }

    fn fault(&mut self, f: &str) {
        if let Some(fault) = f.strip_prefix("start-") {
            if !self.faults.iter().any(|known| known == fault) {
                self.faults.push(fault.to_owned());
            }
        } else if let Some(fault) = f.strip_prefix("stop-") {
            self.faults.retain(|known| known != fault);
        }
    }

    fn text(&self) -> String {
        let seconds = self.time as f64 / 1e9;
        let done = self.ok + self.fail + self.info;
        let rate = if seconds > 0.0 { done as f64 / seconds } else { 0.0 };
        let mut parts = vec![format!("{seconds:.1} s")];
        // The line may be cut at its end: what changes most comes first.
        if !self.faults.is_empty() {
            parts.push(format!("fault: {}", self.faults.join(", ")));
        }
        parts.push(format!("{} operations", text::grouped(done)));
        parts.push(format!("{}/s", text::decimal(rate)));
        for (count, what) in [(self.fail, "failed"), (self.info, "unknown")] {
            if count > 0 {
                parts.push(format!("{} {what}", text::grouped(count)));
            }
        }
        if let Some(median) = self.latencies.quantile(0.5) {
            parts.push(format!("p50 {}", text::milliseconds(median)));
        }
        if let Some(high) = self.latencies.quantile(0.99) {
            parts.push(format!("p99 {}", text::milliseconds(high)));
        }
        parts.join(" · ")
    }
}

/// Latencies in classes that grow by an eighth: good enough for a running figure, and constant in
/// size.
#[derive(Debug, Default)]
struct Latencies {
    classes: Vec<u64>,
    count: u64,
}

impl Latencies {
    fn add(&mut self, nanoseconds: u64) {
        let class = Self::class(nanoseconds);
        if self.classes.len() <= class {
            self.classes.resize(class + 1, 0);
        }
        self.classes[class] += 1;
        self.count += 1;
    }

    /// The highest bit and the three after it.
    const fn class(nanoseconds: u64) -> usize {
        let value = if nanoseconds < 8 { 8 } else { nanoseconds };
        let power = value.ilog2();
        (power as usize - 3) * 8 + ((value >> (power - 3)) & 7) as usize
    }

    /// In milliseconds.
    fn quantile(&self, point: f64) -> Option<f64> {
        let mut left = (self.count as f64 * point) as u64;
        let class = self.classes.iter().position(|&count| {
            let is_here = count > left;
            left = left.saturating_sub(count);
            is_here
        });
        let class = class.or_else(|| self.classes.len().checked_sub(1))?;
        let low = (8 + class as u64 % 8) << (class / 8);
        Some(low as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use checkers::linearizable::RegisterOp;

    use super::*;

    type Event = checkers::Event<RegisterOp<u64>>;

    #[test]
    fn counts_are_said_in_one_line() {
        let mut counts = Counts::default();
        let write = || RegisterOp::Write { key: 1, value: 1 };
        let fault = |time, name: &str| Event::of_nemesis(0, time, name, serde_json::Value::Null);
        for (number, kind) in (0..).zip([Kind::Ok, Kind::Ok, Kind::Fail, Kind::Info]) {
            let start = number * 500_000_000;
            counts.add(&Event::of_client(0, start, number, Kind::Invoke, write()));
            counts.add(&Event::of_client(0, start + 8_388_608, number, kind, write()));
        }
        counts.add(&fault(2_000_000_000, "start-partition"));
        counts.add(&fault(2_000_000_000, "start-partition"));
        assert_eq!(
            counts.text(),
            "2.0 s · fault: partition · 4 operations · 2/s · 1 failed · 1 unknown · p50 8.39 ms · p99 8.39 ms"
        );
        counts.add(&fault(2_500_000_000, "stop-partition"));
        assert!(!counts.text().contains("fault"));
    }

    #[test]
    fn running_quantiles_are_within_an_eighth() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        for value in 1..=1000_u64 {
            latencies.add(value * 1_000_000);
        }
        for (point, exact) in [(0.5, 501.0), (0.99, 991.0), (1.0, 1000.0)] {
            let estimate = latencies.quantile(point).unwrap();
            assert!((exact * 0.875..=exact).contains(&estimate), "{estimate} for {exact}");
        }
    }
}
