//! What came over the wire, as people are shown it.

/// Longest piece of a line that is quoted, in characters.
const QUOTE_CHARS_MAX: usize = 160;

/// The beginning of a line, to be shown to people.
pub fn quote(line: &[u8]) -> String {
    // Four bytes a character at most: more of a huge line need not be looked at.
    let text = String::from_utf8_lossy(&line[..line.len().min(4 * QUOTE_CHARS_MAX)]);
    let mut quoted = String::new();
    for c in text.chars().take(QUOTE_CHARS_MAX) {
        // JSON is full of quotation marks and backslashes, and is to be shown as it came: only what cannot
        // be seen needs its escapes.
        match c {
            '"' | '\'' | '\\' => quoted.push(c),
            other => quoted.extend(other.escape_debug()),
        }
    }
    if text.chars().nth(QUOTE_CHARS_MAX).is_some() || line.len() > text.len() {
        quoted.push_str("...");
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_short_and_show_control_characters() {
        assert_eq!(quote(b"{\"a\":'b'}\t\xff"), "{\"a\":'b'}\\t\u{fffd}");
        assert_eq!(quote(br#"{"a":"na\u00efve \"b\" \\"}"#), r#"{"a":"na\u00efve \"b\" \\"}"#);
        let long = quote("ä".repeat(100_000).as_bytes());
        assert_eq!(long.chars().count(), QUOTE_CHARS_MAX + 3);
    }
}
