//! `report.html` and the drawings beside it, made from nothing but the files of a run's directory, so
//! that they can be made again for any run.
//!
//! Results and history are read by [`crate::results`] and [`crate::history`]; [`messages`] and [`logs`]
//! read the other files, each within bounds. [`plots`] draws what every run has, `exhibit` what its
//! workload has to show; [`offence`] finds where to look first; [`data`] chooses what a page carries,
//! [`words`] says it, and [`page`] makes it.

mod both;
pub mod command;
pub mod data;
mod exhibit;
pub mod faults;
pub mod logs;
pub mod messages;
pub mod offence;
pub mod page;
mod palette;
pub mod plots;
pub mod text;
mod window;
pub mod words;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use both::both;
use data::{Data, Role, role};
use messages::Journal;
use offence::{Evidence, Gathered, Offence};
use page::{Content, TrafficRow};
use plots::Plot;

use crate::history;
use crate::results::{self, Results};

/// The name of the page in a run's directory.
pub const FILE: &str = "report.html";
/// Nodes beyond these are left out of the table of messages.
const TRAFFIC_ROWS_MAX: usize = 200;

/// The directory of a run: as it is named, or in the store if it is not there.
pub fn find_run(path: &Path, store: &Path) -> PathBuf {
    if path.is_dir() { path.to_owned() } else { store.join(path) }
}

/// That there is no such run.
#[derive(Debug, thiserror::Error)]
pub enum NoRun {
    /// There is nothing of that name.
    #[error("there is no run {}, neither here nor in {}", named.display(), store.display())]
    Missing {
        /// The run as it was named.
        named: PathBuf,
        /// Where it was looked for as well.
        store: PathBuf,
    },
    /// There is a directory, of something else.
    #[error("this is no run: {} has neither {} nor {}", .0.display(), results::FILE, history::FILE)]
    Other(PathBuf),
}

/// The directory of a run, as [`find_run`], if it has the files of one.
///
/// # Errors
/// If there is none, one sentence for people, the same for all commands.
pub fn known_run(named: &Path, store: &Path) -> Result<PathBuf, NoRun> {
    let run_dir = find_run(named, store);
    let is_run = [results::FILE, history::FILE].iter().any(|file| run_dir.join(file).is_file());
    match is_run {
        true => Ok(run_dir),
        false if run_dir.is_dir() => Err(NoRun::Other(run_dir)),
        false => Err(NoRun::Missing { named: named.to_owned(), store: store.to_owned() }),
    }
}

/// Writes the report of a run into its directory, for sweeps in tests: see `bench::sweep::Trial::drawn_by`.
///
/// # Errors
/// As [`write()`].
pub fn draw(run_dir: &Path) -> io::Result<()> {
    write(run_dir).map(drop)
}

/// Writes `report.html` and the drawings into the directory of a run, and says where to look first if
/// it is not valid.
///
/// # Errors
///
/// If a file of the run cannot be read, or one of ours not be written. Missing files and files that
/// make no sense are no errors: the page shows what there is.
pub fn write(run_dir: &Path) -> io::Result<Option<Offence>> {
    write_with_journal(run_dir, |time_zero| Journal::read(run_dir, time_zero))
}

/// The same with a journal that somebody else reads; it is asked for with the time at which the
/// history began.
///
/// # Errors
/// As [`write()`].
pub fn write_with_journal(
    run_dir: &Path,
    journal: impl FnOnce(u64) -> io::Result<Journal>,
) -> io::Result<Option<Offence>> {
    let (results, unreadable) = match results::read(run_dir) {
        Ok(results) => (results.unwrap_or_default(), None),
        Err(error) => {
            (Results::default(), Some(format!("{} cannot be read: {error}", results::FILE)))
        }
    };
    let gathered = Gathered::with_journal(run_dir, &results, journal)?;
    let evidence = gathered.evidence(run_dir, &results);
    let offence = Offence::find(evidence)?;

    let (drawn, data) = both(|| draw_all(evidence), || Data::gather(evidence, offence.as_ref()));
    let (shown, plots) = drawn?;
    let mut data = data?;
    data.notes.extend(unreadable);
    let content = Content {
        results: &results,
        raw_results: &raw_results(run_dir),
        offence: offence.as_ref(),
        evidence: &shown,
        plots: &plots,
        traffic: traffic(evidence.journal),
        data: &data,
        files: files(run_dir)?,
    };
    let mut page = BufWriter::new(File::create(run_dir.join(FILE))?);
    page::write(&content, &mut page)?;
    page.flush()?;
    Ok(offence)
}

/// Makes all drawings of a run: those that show what is wrong, and the others.
fn draw_all(evidence: Evidence<'_>) -> io::Result<(Vec<Plot>, Vec<Plot>)> {
    let Evidence { run_dir, results, history, faults, .. } = evidence;
    let drawn = exhibit::draw_all(&results.exhibits, faults, history.end);
    let (shown, mut plots) = drawn.map_err(io::Error::other)?;
    plots.extend(plots::all(history, faults).map_err(io::Error::other)?);
    for plot in plots.iter().chain(&shown) {
        fs::write(run_dir.join(&plot.file), &plot.svg)?;
    }
    Ok((shown, plots))
}

/// What the file of the results has, whatever it is.
fn raw_results(run_dir: &Path) -> String {
    let bytes = fs::read(run_dir.join(results::FILE)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Message counts of nodes and services; clients are taken together.
fn traffic(journal: &Journal) -> Vec<TrafficRow> {
    let mut rows: Vec<(Role, String, messages::Traffic)> = Vec::new();
    for (name, traffic) in journal.endpoints.iter().zip(&journal.traffic) {
        let role = role(name);
        let shown =
            if role == Role::Client { "all clients".to_owned() } else { text::line(name, 40) };
        match rows.iter_mut().find(|row| role == Role::Client && row.0 == role) {
            Some((_, _, sum)) => {
                sum.sent += traffic.sent;
                sum.received += traffic.received;
                sum.lost += traffic.lost;
            }
            None => rows.push((role, shown, traffic.clone())),
        }
    }
    rows.sort_by(|(role_a, a, _), (role_b, b, _)| {
        (role_a, logs::natural(a)).cmp(&(role_b, logs::natural(b)))
    });
    rows.truncate(TRAFFIC_ROWS_MAX);
    let highest = rows.iter().map(|row| row.2.sent).max().unwrap_or(0).max(1);
    rows.into_iter()
        .map(|(_, name, traffic)| TrafficRow {
            name,
            counts: [traffic.sent, traffic.received, traffic.lost].map(text::grouped),
            share: (traffic.sent * 100 / highest) as u8,
        })
        .collect()
}

/// Files of the run that a reader may want, those that there are.
fn files(run_dir: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(run_dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != FILE && entry.file_type()?.is_file() {
            files.push(name);
        }
    }
    files.sort_unstable();
    Ok(files)
}
