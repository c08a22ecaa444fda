//! Text from outside (node logs, keys, values) made fit to be shown: nothing invisible, nothing that
//! turns the writing direction, nothing endless. Escaping for HTML is the template's business.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Replaces what cannot be seen by something that can: control characters by their pictures
/// (`␛` for escape), marks that reorder or hide text by their code (`\u{202e}`). Tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    // Nearly all text is plain.
    if !has_byte(text, |byte| !matches!(byte, b' '..=b'~')) || !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0'..='\x1f' if is_invisible(character) => {
                let picture = char::from_u32(0x2400 + u32::from(character));
                shown.push(picture.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            '\x7f' => shown.push('␡'),
            _ if is_invisible(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Whether a text has such a byte. Hardly any text should: it is looked through in parts, without a way
/// out in the middle of one, which is faster.
pub(crate) fn has_byte(text: &str, is_such: impl Fn(u8) -> bool) -> bool {
    let (parts, rest) = text.as_bytes().as_chunks::<32>();
    let has = |part: &[u8]| part.iter().fold(false, |has, byte| has | is_such(*byte));
    parts.iter().any(|part| has(part)) || has(rest)
}

fn is_invisible(character: char) -> bool {
    match character {
        '\t' => false,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => character.is_control(),
    }
}

/// The first `characters_max` characters of a text and, if that is not all, its length in bytes.
pub fn cut(text: &str, characters_max: usize) -> Cow<'_, str> {
    match first(text, characters_max) {
        None => Cow::Borrowed(text),
        Some(first) => Cow::Owned(with_length(first, text.len())),
    }
}

/// The first `characters_max` characters of a text, if that is not all.
fn first(text: &str, characters_max: usize) -> Option<&str> {
    if text.len() <= characters_max {
        return None;
    }
    if text.as_bytes()[..characters_max].is_ascii() {
        return Some(&text[..characters_max]);
    }
    text.char_indices().nth(characters_max).map(|(end, _)| &text[..end])
}

fn with_length(first: &str, bytes: usize) -> String {
    [first, "… (", &grouped(bytes), " bytes)"].concat()
}

/// One line of foreign text, at most so many characters of it.
pub fn line(text: &str, characters_max: usize) -> String {
    // What is left out need not be looked at.
    match first(text, characters_max) {
        None => visible(text).into_owned(),
        Some(first) => with_length(&visible(first), text.len()),
    }
}

/// The same of a text that nobody needs any more, which mostly is that line.
pub fn own_line(text: String, characters_max: usize) -> String {
    let is_short = text.len() <= characters_max;
    let is_line = is_short && matches!(visible(&text), Cow::Borrowed(_));
    if is_line { text } else { line(&text, characters_max) }
}

/// A piece of a sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part<'a> {
    /// Words.
    Plain(&'a str),
    /// What stood between backticks.
    Code(&'a str),
}

/// A sentence in its parts: what stands between two backticks is code.
pub fn coded(sentence: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('`')
        && let Some((code, behind)) = after.split_once('`')
    {
        parts.extend([Part::Plain(before), Part::Code(code)]);
        rest = behind;
    }
    parts.push(Part::Plain(rest));
    parts
}

/// A number with its digits in groups of three: `1,204,311`.
pub fn grouped(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time since the start of a run, in seconds to the millisecond: `12.345 s`.
pub fn seconds(nanoseconds: u64) -> String {
    format!("{}.{:03} s", nanoseconds / 1_000_000_000, nanoseconds / 1_000_000 % 1000)
}

/// A length of time in milliseconds with three significant digits: `0.123 ms`, `12.3 ms`,
/// `1,230 ms`.
pub fn milliseconds(value: f64) -> String {
    format!("{} ms", decimal(value))
}

/// A number with three significant digits, at least all those before the point.
pub fn decimal(value: f64) -> String {
    let decimals = match value.abs() {
        _ if value.fract() == 0.0 => 0,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let rounded = format!("{:.*}", if value.abs() < 1.0 { 3 } else { decimals }, value.abs());
    let (whole, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    text.push_str(&grouped(whole.parse::<u64>().unwrap_or(u64::MAX)));
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        let _ = write!(text, ".{fraction}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(visible("a\tb é 日本"), "a\tb é 日本");
        assert_eq!(visible("\x1b[31mred\0\n\x7f"), "␛[31mred␀␊␡");
        assert_eq!(visible("\u{202e}fdp.exe\u{200b}\u{85}"), "\\u{202e}fdp.exe\\u{200b}\\u{85}");
    }

    #[test]
    fn a_byte_is_found_anywhere() {
        for length in 0..70 {
            let plain = "x".repeat(length);
            assert!(!has_byte(&plain, |byte| byte == b'y'));
            for place in 0..length {
                let text = [&plain[..place], "y", &plain[place + 1..]].concat();
                assert!(has_byte(&text, |byte| byte == b'y'), "{place} of {length}");
            }
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüx", 3), "äöü… (7 bytes)");
        assert_eq!(line(&"x".repeat(1 << 20), 2), "xx… (1,048,576 bytes)");
        assert_eq!(line("\u{1b}[31m and more", 3), "␛[3… (14 bytes)");
        for text in ["", "plain", "äöü", "\u{1b}[31m", "a\tb", "four and more"] {
            assert_eq!(own_line(text.to_owned(), 5), line(text, 5));
        }
        // Cut to what is as long as the whole.
        let text = "x".repeat(415);
        assert_eq!(own_line(text.clone(), 400), format!("{}… (415 bytes)", &text[..400]));
    }

    #[test]
    fn what_stands_between_backticks_is_code() {
        use Part::{Code, Plain};
        assert_eq!(coded("a `b` c"), [Plain("a "), Code("b"), Plain(" c")]);
        assert_eq!(coded("it's 3` long"), [Plain("it's 3` long")]);
        assert_eq!(coded("`a``"), [Plain(""), Code("a"), Plain("`")]);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(7_u64), "7");
        assert_eq!(grouped(1_204_311_u64), "1,204,311");
        assert_eq!(seconds(12_345_678_901), "12.345 s");
        for (value, text) in [
            (0.0, "0"),
            (0.1234, "0.123"),
            (1.5, "1.5"),
            (12.34, "12.3"),
            (1234.5, "1,234"),
            (-2.25, "-2.25"),
        ] {
            assert_eq!(decimal(value), text, "{value}");
        }
    }
}
