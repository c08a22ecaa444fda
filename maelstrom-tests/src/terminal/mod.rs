//! What `eddy test` shows in a terminal: a bar while the run goes on ([`progress`]) and the results
//! after it ([`summary`]). Colours are written as escape sequences; where they have no business (files,
//! pipes, `NO_COLOR`), the stream that the caller hands in strips them.

pub mod progress;
pub mod summary;

use anstyle::{AnsiColor, Style};
use checkers::Verdict;

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();

/// Stdout with colours where they are wanted.
pub fn stdout() -> anstream::AutoStream<std::io::Stdout> {
    anstream::AutoStream::auto(std::io::stdout())
}

/// The style of a verdict, and a sign for those who see no colours.
pub(crate) const fn style(verdict: Option<Verdict>) -> (Style, &'static str) {
    match verdict {
        Some(Verdict::Valid) => (GOOD, "✔"),
        Some(Verdict::Invalid) => (BAD, "✘"),
        Some(Verdict::Unknown) | None => (DOUBTFUL, "?"),
    }
}
