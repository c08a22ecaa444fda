//! What a workload has to show of a run, typed: made by its checker, kept in the results, drawn by
//! whoever reports. So nobody but the workload needs to know what its results mean.
//!
//! A new kind of drawing is a file here, a variant of [`Drawing`], and a file of the report that draws
//! it.

mod cycle;
mod lead;
mod series;
mod table;
mod time_line;
mod words;

use serde::{Deserialize, Serialize};

pub use self::cycle::{Cycle, Member, Part, Step};
pub use self::lead::{Clue, Lead, Missed, Named, Shown};
pub use self::series::{Group, Series, Style};
pub use self::table::Table;
pub use self::time_line::{Bar, Moment, OrderStep, TimeLine};
pub use self::words::{Words, describe, shorten};

/// A drawing with the words that belong to it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Exhibit {
    /// What its file is called, without an ending: small letters, digits and dashes.
    pub name: String,
    /// What it is.
    pub title: String,
    /// What it shows, for those who cannot see it too.
    pub caption: String,
    /// Whether it shows why the run is not valid, so that it is looked at before anything else.
    #[serde(default)]
    pub is_evidence: bool,
    /// What is drawn.
    pub drawing: Drawing,
}

/// The kinds of drawings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drawing {
    /// Operations as bars from beginning to end, one row a process.
    TimeLine(TimeLine),
    /// Values over the time of the run.
    Series(Series),
    /// Names with numbers, as bars.
    Table(Table),
    /// Operations each of which must come before the next, and the last before the first.
    Cycle(Cycle),
}

/// A figure of the checker that people look for first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Highlight {
    /// How many, and how many of these in particular: `3 lost`.
    Count {
        /// What is counted.
        name: String,
        /// How many there are.
        count: u64,
        /// How many of them are what: `(3, "lost")`.
        of_these: Vec<(u64, String)>,
    },
    /// A spread of times.
    Spread {
        /// What is spread.
        name: String,
        /// Names of the points, such as `p50`, and milliseconds.
        points: Vec<(String, f64)>,
        /// What is measured.
        meaning: String,
    },
}
