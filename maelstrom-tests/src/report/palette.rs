//! Colours of the plots. A plot is drawn in the light ones; inside a page, style rules made from the
//! same table turn each into its dark counterpart, so that one drawing serves both.

use checkers::Kind;
use plotters::style::RGBColor;

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
/// Operations that happened, by the order of their functions; so are the next two.
const OK: [Colour; 4] = [
    colour(0x2f6fd0, 0x74a9ff),
    colour(0x0b8f86, 0x3fd0c4),
    colour(0x5a49c9, 0xa99bff),
    colour(0x4b7f2a, 0x93cc6b),
];
/// Operations that did not happen.
const FAIL: [Colour; 4] = [
    colour(0xc2408d, 0xf08cc4),
    colour(0xd65a4a, 0xff9a8c),
    colour(0x8f3f9e, 0xd48be0),
    colour(0xa83b5c, 0xec87a4),
];
/// Operations of which nobody knows.
const INFO: [Colour; 4] = [
    colour(0xc77700, 0xf0b04a),
    colour(0x9a7b00, 0xd9bd3c),
    colour(0xb5651d, 0xe79a5f),
    colour(0x7d6b4f, 0xbfae92),
];
/// Quantiles and runs, in their order.
pub(crate) const SERIES: [Colour; 4] = [
    colour(0x2f6fd1, 0x74a9fe),
    colour(0x0f8a6a, 0x4fd1a9),
    colour(0xb36b00, 0xe5a84c),
    colour(0xa03bb0, 0xd98ae6),
];
/// Faults, by the order of their kinds.
const FAULTS: [Colour; 7] = [
    colour(0xe0484f, 0xff6b70),
    colour(0x8a5cd6, 0xb794ff),
    colour(0xc98a00, 0xe8b339),
    colour(0x0092a8, 0x3cc9dd),
    colour(0x6b7280, 0x9aa4b2),
    colour(0x4a9e2f, 0x86d36c),
    colour(0xd1478f, 0xff86c1),
];

/// The colour of an outcome of the function at this place.
pub(crate) const fn outcome(outcome: Kind, function: usize) -> Colour {
    let colours = match outcome {
        Kind::Ok => OK,
        Kind::Fail => FAIL,
        Kind::Info | Kind::Invoke => INFO,
    };
    colours[function % colours.len()]
}

/// An outcome as the history has it.
pub(crate) const fn name(outcome: Kind) -> &'static str {
    match outcome {
        Kind::Ok => "ok",
        Kind::Fail => "fail",
        Kind::Info | Kind::Invoke => "info",
    }
}

/// The colour of the series or kind of step at this place.
pub(crate) const fn series(place: usize) -> Colour {
    match place {
        0..4 => SERIES[place],
        _ => fault(place + 1),
    }
}

/// All colours of a plot.
fn all() -> impl Iterator<Item = Colour> {
    let fixed = [GROUND, INK, GRID, WRONG];
    fixed.into_iter().chain(OK).chain(FAIL).chain(INFO).chain(SERIES).chain(FAULTS)
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
    for colour in all() {
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
        let codes: BTreeSet<_> = all().map(Colour::code).collect();
        assert_eq!(codes.len(), all().count());
    }
}
