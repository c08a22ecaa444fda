//! A circle of operations: a box for each, and an arrow from each to the next with its proof. The last
//! arrow runs back along the left side.

use askama::Template;

use crate::exhibit::{Cycle, Member, Step};
use crate::report::palette;
use crate::report::plots::DrawingError;
use crate::report::text;

/// Members that are drawn, and parts of each.
const MEMBERS_MAX: usize = 20;
const PARTS_MAX: usize = 12;
/// Texts are broken into lines of so many characters, so that the drawing fits a telephone.
const LINE_LENGTH_MAX: usize = 40;
const CHARACTER_WIDTH: i32 = 8;
const LINE: i32 = 17;
/// Where the boxes begin; left of them the last arrow runs back.
const LEFT: i32 = 30;
const BOX_WIDTH: i32 = LINE_LENGTH_MAX as i32 * CHARACTER_WIDTH + 16;
/// Where the arrows between boxes run, and the texts beside them.
const ARROW: i32 = LEFT + 14;
const BESIDE: i32 = ARROW + 14;
const WIDTH: i32 = BESIDE + LINE_LENGTH_MAX as i32 * CHARACTER_WIDTH + 8;

/// Draws it, and says what is to be read.
pub(super) fn draw(cycle: &Cycle) -> Result<(String, String), DrawingError> {
    let drawing = Drawing::lay_out(cycle);
    let told = cycle.steps.iter().take(MEMBERS_MAX).map(|step| {
        let name = |place: usize| {
            cycle.members.get(place).map_or_else(|| "?".to_owned(), |it| text::line(&it.name, 20))
        };
        let (from, to, kind) = (name(step.from), name(step.to), text::line(&step.kind, 20));
        format!("{from} before {to} ({kind})")
    });
    let told = told.collect::<Vec<_>>().join(", ");
    Ok((drawing.render()?, format!("{told}. Parts on which a step rests are bold.")))
}

#[derive(Default, Template)]
#[template(path = "cycle.svg")]
struct Drawing {
    width: i32,
    height: i32,
    ground: String,
    ink: String,
    boxes: Vec<Square>,
    arrows: Vec<Arrow>,
    texts: Vec<Text>,
}

struct Square {
    y: i32,
    height: i32,
}

struct Arrow {
    /// The line, and the head at its end.
    path: String,
    head: String,
    colour: String,
}

struct Text {
    x: i32,
    y: i32,
    text: String,
    colour: String,
    is_bold: bool,
}

impl Drawing {
    fn lay_out(cycle: &Cycle) -> Self {
        let kinds = kinds(&cycle.steps);
        let colour = |kind: &str| {
            let place = kinds.iter().position(|(known, _)| known == kind).unwrap_or(0);
            palette::series(place).code()
        };
        let mut drawing = Self {
            width: WIDTH,
            ground: palette::GROUND.code(),
            ink: palette::INK.code(),
            ..Self::default()
        };
        let mut y = 8;
        for (kind, meaning) in &kinds {
            let (middle, code) = (y + 9, colour(kind));
            drawing.arrows.push(Arrow {
                path: format!("M8 {middle}H28"),
                head: format!("M34 {middle}l-8 -4v8z"),
                colour: code.clone(),
            });
            let entry = format!("{}: {}", text::line(kind, 20), text::line(meaning, 100));
            y = drawing.write(40, y, &entry, &code, false);
        }
        y += 10;
        let members = cycle.members.iter().take(MEMBERS_MAX);
        let first = y + LINE;
        for (place, member) in members.enumerate() {
            y = drawing.draw_member(member, y);
            let is_last = place + 1 == cycle.members.len().min(MEMBERS_MAX);
            let Some(step) = cycle.steps.get(place) else { continue };
            let (code, from) = (colour(&step.kind), y);
            y = drawing.write_step(step, y + 6, &code);
            drawing.arrows.push(if is_last {
                // Down beside its text, and back up to the first box.
                let (down, left) = (y + 4, LEFT - 18);
                y = down + 4;
                Arrow {
                    path: format!("M{ARROW} {from}V{down}H{left}V{first}H{}", LEFT - 6),
                    head: format!("M{LEFT} {first}l-8 -4v8z"),
                    colour: code,
                }
            } else {
                y += 8;
                Arrow {
                    path: format!("M{ARROW} {from}V{}", y - 6),
                    head: format!("M{ARROW} {y}l-4 -8h8z"),
                    colour: code,
                }
            });
        }
        drawing.height = y + 8;
        drawing
    }

    /// Draws an operation at this height, and says where its box ends.
    fn draw_member(&mut self, member: &Member, top: i32) -> i32 {
        let ink = palette::INK.code();
        let (first, last) = member.events;
        let last = last.map_or_else(|| "open".to_owned(), |last| last.to_string());
        let name = text::line(&member.name, 20);
        let title = format!("{name} · {} · events {first} to {last}", member.process);
        let mut y = self.write(LEFT + 8, top + 4, &title, &ink, true);
        for part in member.parts.iter().take(PARTS_MAX) {
            let shown = text::line(&part.text, 200);
            y = self.write(LEFT + 16, y, &shown, &ink, part.is_involved);
        }
        self.boxes.push(Square { y: top, height: y + 6 - top });
        y + 6
    }

    /// Writes beside an arrow why the next must come after.
    fn write_step(&mut self, step: &Step, top: i32, colour: &str) -> i32 {
        let kind = text::line(&step.kind, 20);
        let about = match &*text::line(&step.about, 100) {
            "" => kind,
            about => format!("{kind}, {about}"),
        };
        let y = self.write(BESIDE, top, &about, colour, true);
        self.write(BESIDE, y, &text::line(&step.why, 400), &palette::INK.code(), false)
    }

    /// Writes a text in as many lines as it takes from this height on, and says where it ends.
    fn write(&mut self, x: i32, top: i32, words: &str, colour: &str, is_bold: bool) -> i32 {
        let room = ((WIDTH - 8 - x) / CHARACTER_WIDTH) as usize;
        let mut y = top;
        for line in broken(words, room.min(LINE_LENGTH_MAX)) {
            let (text, colour) = (line, colour.to_owned());
            self.texts.push(Text { x, y: y + 13, text, colour, is_bold });
            y += LINE;
        }
        y
    }
}

/// The kinds of steps with their meanings, in the order in which they first come.
fn kinds(steps: &[Step]) -> Vec<(String, String)> {
    let mut kinds: Vec<(String, String)> = Vec::new();
    for step in steps.iter().take(MEMBERS_MAX) {
        if kinds.iter().all(|(kind, _)| *kind != step.kind) {
            kinds.push((step.kind.clone(), step.meaning.clone()));
        }
    }
    kinds
}

/// A text in lines of at most so many characters, broken between words where that is possible.
fn broken(text: &str, length_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut room = 0;
    for word in text.split(' ') {
        let characters: Vec<char> = word.chars().collect();
        if let Some(line) = lines.last_mut()
            && characters.len() < room
        {
            line.push(' ');
            line.push_str(word);
            room -= characters.len() + 1;
            continue;
        }
        for piece in characters.chunks(length_max) {
            lines.push(piece.iter().collect());
            room = length_max - piece.len();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use checkers::Process;

    use super::*;
    use crate::exhibit::Part;

    fn cycle(kinds: &[&str]) -> Cycle {
        let count = kinds.len();
        let member = |place: usize| Member {
            name: format!("T{place}"),
            process: Process::Client(place as u64),
            events: (place as u64, None),
            parts: vec![
                Part { text: format!("append 1 {place}"), is_involved: true },
                Part { text: "r 2 → <b>".repeat(20), is_involved: false },
            ],
        };
        let step = |(from, kind): (usize, &&str)| Step {
            from,
            to: (from + 1) % count,
            kind: (*kind).to_owned(),
            meaning: format!("what {kind} means"),
            about: "key 1: 3, then 4".to_owned(),
            why: "x".repeat(300),
        };
        Cycle {
            members: (0..count).map(member).collect(),
            steps: kinds.iter().enumerate().map(step).collect(),
        }
    }

    #[test]
    fn every_step_has_an_arrow_and_every_kind_a_line_of_the_legend() {
        let drawing = Drawing::lay_out(&cycle(&["wr", "rw", "wr"]));
        assert_eq!(drawing.boxes.len(), 3);
        assert_eq!(drawing.arrows.len(), 3 + 2);
        let legend: Vec<_> =
            drawing.texts.iter().filter(|text| text.text.contains("means")).collect();
        assert_eq!(legend.len(), 2);
        let (wr, rw) = (&drawing.arrows[0].colour, &drawing.arrows[1].colour);
        assert_ne!(wr, rw);
        let steps: Vec<_> = drawing.arrows[2..].iter().map(|arrow| &arrow.colour).collect();
        assert_eq!(steps, [wr, rw, wr]);
    }

    #[test]
    fn no_text_leaves_the_drawing_or_meets_another() {
        for kinds in [&["ww", "rw"][..], &["wr"], &["ww", "wr", "rw", "process", "realtime"]] {
            let drawing = Drawing::lay_out(&cycle(kinds));
            let mut lowest = 0;
            for text in &drawing.texts {
                let width = text.text.chars().count() as i32 * CHARACTER_WIDTH;
                assert!(text.x + width <= drawing.width, "{}", text.text);
                assert!(text.y > lowest && text.y < drawing.height, "{}", text.text);
                lowest = text.y;
            }
            for pair in drawing.boxes.windows(2) {
                assert!(pair[0].y + pair[0].height < pair[1].y);
            }
        }
    }

    #[test]
    fn what_a_file_says_is_text_and_bounded() {
        let svg = draw(&cycle(&["wr", "<i>"])).unwrap().0;
        assert!(!svg.contains("<b>") && !svg.contains("<i>"));
        let long = draw(&cycle(&["ww"; 1000])).unwrap().0;
        assert!(long.len() < 200_000, "{}", long.len());
        let mut odd = cycle(&["ww"]);
        odd.steps[0].from = 7;
        odd.members.clear();
        assert!(draw(&odd).is_ok());
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(broken("one two three", 8), ["one two", "three"]);
        assert_eq!(broken("one abcdefghijk", 4), ["one", "abcd", "efgh", "ijk"]);
        assert_eq!(broken("12345 78", 8), ["12345 78"]);
    }
}
