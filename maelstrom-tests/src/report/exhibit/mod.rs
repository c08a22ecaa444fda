//! What the workload has to show: one file for each kind of drawing. What is drawn comes from a file, so
//! every text is made fit to be shown and every list is bounded.

mod cycle;
mod series;
mod table;
mod time_line;

use super::faults::Fault;
use super::plots::{DrawingError, Plot};
use super::text;
use crate::exhibit::{Drawing, Exhibit};

/// Exhibits of one run that are drawn.
const EXHIBITS_MAX: usize = 12;

/// The drawings of these exhibits, those that show what is wrong and the others. `end` is when the run
/// ended, in nanoseconds.
pub(super) fn draw_all(
    exhibits: &[Exhibit],
    faults: &[Fault],
    end: u64,
) -> Result<(Vec<Plot>, Vec<Plot>), DrawingError> {
    let (mut evidence, mut others) = (Vec::new(), Vec::new());
    for (place, exhibit) in exhibits.iter().take(EXHIBITS_MAX).enumerate() {
        let (svg, how_to_read) = match &exhibit.drawing {
            Drawing::TimeLine(time_line) => time_line::draw(time_line)?,
            Drawing::Series(series) => series::draw(series, faults, end)?,
            Drawing::Table(table) => table::draw(table)?,
            Drawing::Cycle(cycle) => cycle::draw(cycle)?,
        };
        let caption = text::line(&exhibit.caption, 1000);
        let plot = Plot {
            file: file(&exhibit.name, place),
            title: text::line(&exhibit.title, 200),
            caption: [caption, how_to_read].join(" ").trim().to_owned(),
            svg,
        };
        if exhibit.is_evidence { &mut evidence } else { &mut others }.push(plot);
    }
    Ok((evidence, others))
}

/// The file of an exhibit: by its name, if that leads nowhere else.
fn file(name: &str, place: usize) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match !name.is_empty() && name.len() <= 60 && name.chars().all(is_plain) {
        true => format!("{name}.svg"),
        false => format!("exhibit-{}.svg", place + 1),
    }
}

/// How wide a text of this many characters is at most, in pixels.
fn width_of(text: &str) -> i32 {
    const CHARACTER_WIDTH: i32 = 8;
    text.chars().count() as i32 * CHARACTER_WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stays_in_the_directory_of_its_run() {
        assert_eq!(file("stable-latencies", 0), "stable-latencies.svg");
        for name in ["", "../../passwd", "a/b", "A", "a.b", "\u{202e}", &"x".repeat(100)] {
            assert_eq!(file(name, 2), "exhibit-3.svg", "{name}");
        }
    }
}
