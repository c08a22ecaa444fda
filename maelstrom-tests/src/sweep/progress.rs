//! How far a sweep is, on stderr: one line that changes on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::outcome::Outcome;

/// How often a terminal's line changes.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(100);
/// How often a line is written elsewhere.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// What a sweep has done so far.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Counts {
    pub(super) valid: u64,
    pub(super) invalid: u64,
    pub(super) unknown: u64,
}

impl Counts {
    /// Counts what came of one more seed.
    pub(super) fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Valid => self.valid += 1,
            Outcome::Invalid(_) => self.invalid += 1,
            Outcome::Unknown(_) => self.unknown += 1,
        }
    }

    pub(super) fn tried(self) -> u64 {
        self.valid + self.invalid + self.unknown
    }
}

/// Tells how far a sweep is.
#[derive(Debug)]
pub(super) struct SweepProgress {
    total: u64,
    /// Seeds that were tried before this process began.
    before: u64,
    start: Instant,
    told: Instant,
    terminal: bool,
}

impl SweepProgress {
    pub(super) fn new(total: u64, before: u64) -> Self {
        let now = now();
        Self { total, before, start: now, told: now, terminal: io::stderr().is_terminal() }
    }

    /// Tells it if it is time to.
    pub(super) fn tell(&mut self, counts: Counts) {
        let interval = if self.terminal { TERMINAL_INTERVAL } else { PLAIN_INTERVAL };
        let now = now();
        if now.duration_since(self.told) < interval {
            return;
        }
        self.told = now;
        let seconds = now.duration_since(self.start).as_secs_f64();
        let text = format!(
            "{} of {} seeds, {} invalid, {:.1} a second",
            counts.tried(),
            self.total,
            counts.invalid,
            counts.tried().saturating_sub(self.before) as f64 / seconds,
        );
        let _ = match self.terminal {
            true => write!(io::stderr(), "\r\x1b[K{text}"),
            false => writeln!(io::stderr(), "eddy: {text}"),
        };
    }

    /// Makes room for other lines.
    pub(super) fn clear(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "people are told how fast it goes")]
fn now() -> Instant {
    Instant::now()
}
