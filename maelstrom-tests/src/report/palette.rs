//! Colours of the plots. A plot is drawn in the light ones; inside a page, style rules made from the
//! same table turn each into its dark counterpart, so that one drawing serves both.

use plotters::style::RGBColor;

use super::history::Outcome;

/// A colour on light and on dark ground.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Colour {
    light: (u8, u8, u8),
    dark: (u8, u8, u8),
}

const fn colour(light: u32, dark: u32) -> Colour {
    const fn channels(code: u32) -> (u8, u8, u8) {
        let [_, red, green, blue] = code.to_be_bytes();
        (red, green, blue)
    }
    Colour { light: channels(light), dark: channels(dark) }
}

/// What is behind a plot.
pub(crate) const GROUND: Colour = colour(0xfffffe, 0x171b22);
/// Text and axes.
pub(crate) const INK: Colour = colour(0x3d4654, 0xb6bfcc);
/// Lines of the grid.
pub(crate) const GRID: Colour = colour(0xe3e6ea, 0x2a313c);
/// What is wrong, and what was invalid.
pub(crate) const WRONG: Colour = colour(0xc62f3b, 0xff7b81);
/// Operations that happened.
const OK: Colour = colour(0x2f6fd0, 0x74a9ff);
/// Operations that did not happen.
const FAIL: Colour = colour(0xc2408d, 0xf08cc4);
/// Operations of which nobody knows.
const INFO: Colour = colour(0xc77700, 0xf0b04a);
/// Quantiles and runs, in their order.
pub(crate) const SERIES: [Colour; 4] = [
    colour(0x2f6fd1, 0x74a9fe),
    colour(0x0f8a6a, 0x4fd1a9),
    colour(0xb36b00, 0xe5a84c),
    colour(0xa03bb0, 0xd98ae6),
];
/// Faults, by the order of their kinds.
const FAULTS: [Colour; 5] = [
    colour(0xe0484f, 0xff6b70),
    colour(0x8a5cd6, 0xb794ff),
    colour(0xc98a00, 0xe8b339),
    colour(0x0092a8, 0x3cc9dd),
    colour(0x6b7280, 0x9aa4b2),
];

/// The colour of an outcome.
pub(crate) const fn outcome(outcome: Outcome) -> Colour {
    match outcome {
        Outcome::Ok => OK,
        Outcome::Fail => FAIL,
        Outcome::Info => INFO,
    }
}

/// The colour of the fault kind at this place.
pub(crate) const fn fault(place: usize) -> Colour {
    FAULTS[place % FAULTS.len()]
}

impl Colour {
    /// As plots are drawn with it.
    pub(crate) const fn rgb(self) -> RGBColor {
        let (red, green, blue) = self.light;
        RGBColor(red, green, blue)
    }

    /// Its code on light ground, as the SVG back end writes it.
    pub(crate) fn code(self) -> String {
        code(self.light)
    }
}

fn code((red, green, blue): (u8, u8, u8)) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Style rules that redraw a plot in dark colours.
pub(crate) fn dark_rules() -> String {
    let mut rules = String::from("@media (prefers-color-scheme:dark){");
    let fixed = [GROUND, INK, GRID, WRONG, OK, FAIL, INFO];
    for colour in fixed.into_iter().chain(SERIES).chain(FAULTS) {
        let (light, dark) = (code(colour.light), code(colour.dark));
        for attribute in ["fill", "stroke"] {
            rules.push_str(&format!(".plot [{attribute}=\"{light}\"]{{{attribute}:{dark}}}"));
        }
    }
    rules.push_str("}\n");
    rules
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_light_colour_stands_for_two_dark_ones() {
        let fixed = [GROUND, INK, GRID, WRONG, OK, FAIL, INFO];
        let all: Vec<_> = fixed.into_iter().chain(SERIES).chain(FAULTS).collect();
        let codes: BTreeSet<_> = all.iter().map(|colour| colour.code()).collect();
        assert_eq!(codes.len(), all.len());
    }
}
