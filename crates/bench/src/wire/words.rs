//! What is wrong with a JSON text, in words of JSON and not of the reader that found it.

use serde_json::Error;

/// What a reader of JSON says, without the place in the text, which means nothing to people where the text
/// is a part of another.
pub fn without_place(error: &Error) -> String {
    let mut reason = error.to_string();
    reason.truncate(reason.rfind(" at line ").unwrap_or(reason.len()));
    reason
}

/// What is wrong with the thing that is called `what`.
pub fn in_words(what: &str, error: &Error) -> String {
    let reason = without_place(error);
    let is_of = |beginning| reason.strip_prefix(beginning)?.rsplit_once(", expected ");
    if let Some((found, wanted)) = is_of("invalid type: ").or_else(|| is_of("invalid value: ")) {
        return format!("{what} is {} and should be {}", found_words(found), wanted_words(wanted));
    }
    if let Some((length, wanted)) = is_of("invalid length ") {
        return format!("{what} is a list of {length} and should be {}", wanted_words(wanted));
    }
    // So the reader says it of a list that goes on where it expects the end: the text is JSON.
    if reason == "trailing characters" && error.is_syntax() {
        return format!("{what} is a list that is too long");
    }
    format!("{what}: {reason}")
}

/// What was there: ``integer `5` ``, `map`.
fn found_words(found: &str) -> String {
    match found {
        "map" => "an object".to_owned(),
        "sequence" => "a list".to_owned(),
        _ => match found.split_once(' ') {
            Some(("string", text)) => format!("the string {text}"),
            Some(("integer", number)) => format!("the integer {}", number.trim_matches('`')),
            Some(("boolean", value)) => value.trim_matches('`').to_owned(),
            _ => match found.strip_prefix("floating point ") {
                Some(number) => format!("the number {}", number.trim_matches('`')),
                None => found.to_owned(),
            },
        },
    }
}

/// What should be there: `u64`, `a sequence`.
fn wanted_words(wanted: &str) -> String {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "an integer, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "an integer".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "a borrowed string" => "a string".to_owned(),
        _ => {
            let length = wanted.strip_prefix("a tuple of size ");
            match length.or_else(|| wanted.strip_prefix("an array of length ")) {
                Some(length) => format!("a list of {length}"),
                None if wanted.starts_with("struct ") => "an object".to_owned(),
                None => wanted.to_owned(),
            }
        }
    }
}

/// What the languages write that are taken for JSON, each with what is to be said of it.
const OF_LANGUAGES: [(&[&str], &str); 4] = [
    (
        &["nan", "+nan", "-nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"],
        "JSON has no such number, so write another one, a string or null",
    ),
    (&["none", "nil", "undefined"], "JSON has `null` for it"),
    (&["true", "false"], "JSON has `true` and `false`, in small letters"),
    (&["'"], "a string of JSON stands in double quotes"),
];

/// A word that is no JSON though some language writes it so, and what is right; `column` is where a reader
/// of JSON came to a halt, from 1.
pub fn no_word_of_json(line: &[u8], column: usize) -> Option<String> {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-');
    let at = column.checked_sub(1)?;
    // The reader may have seen the beginning of another word, such as that of `null` in `nan`.
    let before = line.get(..at)?.iter().rev().take_while(|byte| is_of_word(byte)).count();
    let after = line[at..].iter().take_while(|byte| is_of_word(byte)).count();
    let word = match after {
        0 => line.get(at..=at)?,
        _ => &line[at - before..at + after],
    };
    let word = std::str::from_utf8(word).ok()?;
    let lower = word.to_ascii_lowercase();
    let (_, right) = OF_LANGUAGES.iter().find(|(words, _)| words.contains(&&*lower))?;
    Some(format!("`{word}` in it is no JSON: {right}"))
}

#[cfg(test)]
mod tests {
    use proto::Json;
    use serde::de::DeserializeOwned;

    use super::*;

    fn flaw<T: DeserializeOwned>(text: &str) -> String {
        in_words("it", &serde_json::from_str::<T>(text).err().unwrap())
    }

    #[test]
    fn what_is_of_another_type_is_told_in_words_of_json() {
        assert_eq!(
            flaw::<u64>("\"0\""),
            "it is the string \"0\" and should be an integer, 0 or more"
        );
        assert_eq!(flaw::<u32>("-1"), "it is the integer -1 and should be an integer, 0 or more");
        assert_eq!(flaw::<i64>("22.5"), "it is the number 22.5 and should be an integer");
        assert_eq!(flaw::<String>("true"), "it is true and should be a string");
        assert_eq!(flaw::<Vec<u8>>("{}"), "it is an object and should be a list");
        assert_eq!(flaw::<Vec<u8>>("null"), "it is null and should be a list");
        assert_eq!(flaw::<(u64, Json)>("{}"), "it is an object and should be a list of 2");
        assert_eq!(flaw::<(u64, Json)>("[1]"), "it is a list of 1 and should be a list of 2");
        assert_eq!(flaw::<(u64, Json)>("[1,2,3]"), "it is a list that is too long");
        let text = "\"a, expected u8\"";
        assert_eq!(
            flaw::<u64>(text),
            format!("it is the string {text} and should be an integer, 0 or more")
        );
        assert_eq!(flaw::<u64>("{"), "it is an object and should be an integer, 0 or more");
    }

    #[test]
    fn words_of_a_language_are_named_as_they_were_written() {
        let told = |line: &str| {
            let error = serde_json::from_str::<serde_json::Value>(line).unwrap_err();
            no_word_of_json(line.as_bytes(), error.column())
        };
        for word in ["NaN", "nan", "Infinity", "-Infinity", "None", "nil", "undefined", "True", "'"]
        {
            let text = told(&format!(r#"{{"id": {word}}}"#)).expect(word);
            assert!(text.starts_with(&format!("`{word}` in it is no JSON: ")), "{text}");
            assert_eq!(told(&format!("[1,{word}]")).as_ref(), Some(&text));
        }
        for other in [r#"{"id": Nana}"#, r#"{"id": 01}"#, r#"{"id": "#, "{]", ""] {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
