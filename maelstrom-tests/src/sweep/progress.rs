//! How far a sweep is, on stderr: one line that changes on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use bench::sweep::{Counts, Watcher};

/// How often a terminal's line changes.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(100);
/// How often a line is written elsewhere.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Tells how far a sweep is.
#[derive(Debug)]
pub(super) struct SweepProgress {
    total: u64,
    /// Seeds that were tried before this process began, once that is known.
    before: Option<u64>,
    start: Instant,
    told: Instant,
    terminal: bool,
}

impl SweepProgress {
    pub(super) fn new(total: u64) -> Self {
        let now = now();
        Self { total, before: None, start: now, told: now, terminal: io::stderr().is_terminal() }
    }
}

impl Watcher for SweepProgress {
    /// Tells it if it is time to.
    fn tell(&mut self, counts: Counts) {
        let before = *self.before.get_or_insert_with(|| counts.tried());
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
            counts.tried().saturating_sub(before) as f64 / seconds,
        );
        let _ = match self.terminal {
            true => write!(io::stderr(), "\r\x1b[K{text}"),
            false => writeln!(io::stderr(), "eddy: {text}"),
        };
    }

    /// Makes room for other lines.
    fn clear(&mut self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "people are told how fast it goes")]
fn now() -> Instant {
    Instant::now()
}
