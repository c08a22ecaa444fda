//! Names with numbers, as horizontal bars with the numbers written beside them.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::width_of;
use crate::exhibit::Table;
use crate::report::plots::DrawingError;
use crate::report::plots::chart::{SIZE, TEXT_SIZE};
use crate::report::{palette, text};

/// Rows that are drawn.
const ROWS_MAX: usize = 40;
const BAR: u32 = 34;

/// Draws it, and says what is to be read.
pub(super) fn draw(table: &Table) -> Result<(String, String), DrawingError> {
    let unit = text::line(&table.unit, 20);
    let row = |(name, value): &(String, f64)| {
        (text::line(name, 40), *value, format!("{} {unit}", text::decimal(*value)))
    };
    let rows: Vec<_> = table.rows.iter().take(ROWS_MAX).map(row).collect();
    let highest = rows.iter().map(|row| row.1).fold(0.0, f64::max).max(1e-9);
    let names = rows.iter().map(|(name, ..)| width_of(name)).max().unwrap_or(0);
    let values = rows.iter().map(|(.., value)| width_of(value)).max().unwrap_or(0);
    let (left, room) = (names + 24, SIZE.0 as i32 - names - values - 56);
    let mut svg = String::new();
    {
        let size = (SIZE.0, BAR * rows.len() as u32 + 12);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&palette::GROUND.rgb())?;
        let ink = palette::INK.rgb();
        let style = ("sans-serif", TEXT_SIZE).into_font().color(&ink);
        for (place, (name, value, shown)) in (0_i32..).zip(&rows) {
            let top = place * BAR as i32 + 8;
            let length = (value.max(0.0) / highest * f64::from(room.max(2))) as i32;
            let name_style = style.clone().pos(Pos::new(HPos::Right, VPos::Center));
            root.draw(&Text::new(name.clone(), (left - 10, top + 12), name_style))?;
            let bar = [(left, top), (left + length.max(2), top + 24)];
            root.draw(&Rectangle::new(bar, palette::SERIES[0].rgb().mix(0.8).filled()))?;
            let value_style = style.clone().pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(shown.clone(), (left + length + 10, top + 12), value_style))?;
        }
        root.present()?;
    }
    let told: Vec<_> = rows.iter().map(|(name, _, shown)| format!("{name} {shown}")).collect();
    Ok((svg, format!("{}.", told.join(", "))))
}
