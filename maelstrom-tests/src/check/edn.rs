//! EDN, as Clojure prints it, read form by form and written as JSON.
//!
//! Keywords, symbols and characters become strings, lists, vectors and sets become arrays, keys of
//! maps become strings, and tags are dropped: `#jepsen.history.Op{:f :read, :value nil}` is
//! `{"f":"read","value":null}`. Numbers keep all their digits.
//!
//! A file can have one form after the other, or a single list or vector of them, which is then read
//! one element at a time: no file is ever in memory as a whole.

use std::io::{self, BufRead};

use serde_json::Number;

/// Deepest nesting that is read: nothing that is meant to be a history is as deep.
const DEPTH_MAX: usize = 100;

/// The forms of a text.
pub(super) struct Forms<R> {
    input: R,
    /// The line that is read at the moment, from 1.
    line: u64,
    /// What closes the list that all forms are in, once it was opened.
    closed_by: Option<u8>,
    /// Whether a `#` was taken from the input that belongs to the next form.
    hash: bool,
    /// How many forms the one that is read is in.
    depth: usize,
}

/// Why there is no next form.
#[derive(Debug, thiserror::Error)]
pub(super) enum EdnError {
    /// The input failed.
    #[error(transparent)]
    Input(#[from] io::Error),
    /// The text is no EDN.
    #[error("{0}")]
    Text(String),
}

type Result<T> = std::result::Result<T, EdnError>;

fn wrong<T>(text: impl Into<String>) -> Result<T> {
    Err(EdnError::Text(text.into()))
}

impl<R: BufRead> Forms<R> {
    /// The forms of this input.
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 1, closed_by: None, hash: false, depth: 0 }
    }

    /// The line that was read last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Writes the next form as JSON and says in which line it begins; `None` at the end.
    ///
    /// # Errors
    /// If the input fails or is no EDN; [`Forms::line`] says where.
    pub(super) fn next(&mut self, json: &mut String) -> Result<Option<u64>> {
        loop {
            match (self.peek_form()?, self.closed_by) {
                (None, None) => return Ok(None),
                (None, Some(_)) => return wrong("the file ends inside of its list"),
                (Some(byte), Some(closes)) if byte == closes => {
                    self.skip();
                    self.closed_by = None;
                }
                (Some(b'('), None) => {
                    self.skip();
                    self.closed_by = Some(b')');
                }
                (Some(b'['), None) => {
                    self.skip();
                    self.closed_by = Some(b']');
                }
                (Some(_), _) => {
                    let begins = self.line;
                    self.form(json)?;
                    return Ok(Some(begins));
                }
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        if self.hash {
            return Ok(Some(b'#'));
        }
        loop {
            match self.input.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Passes over the byte that was just seen.
    fn skip(&mut self) {
        match self.hash {
            true => self.hash = false,
            false => self.input.consume(1),
        }
    }

    /// The first byte of the next form, or what closes the one around it. White space, comments and
    /// forms that are marked as left out are passed over.
    fn peek_form(&mut self) -> Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(b'\n') => {
                    self.skip();
                    self.line += 1;
                }
                Some(b' ' | b'\t' | b'\r' | b',' | 0x0c) => self.skip(),
                Some(b';') => {
                    while self.peek()?.is_some_and(|byte| byte != b'\n') {
                        self.skip();
                    }
                }
                Some(b'#') if !self.hash => {
                    self.skip();
                    if self.peek()? == Some(b'_') {
                        self.skip();
                        self.form(&mut String::new())?;
                    } else {
                        self.hash = true;
                    }
                }
                other => return Ok(other),
            }
        }
    }

    fn form(&mut self, json: &mut String) -> Result<()> {
        if self.depth == DEPTH_MAX {
            return wrong(format!("more than {DEPTH_MAX} forms in each other"));
        }
        self.depth += 1;
        self.any_form(json)?;
        self.depth -= 1;
        Ok(())
    }

    fn any_form(&mut self, json: &mut String) -> Result<()> {
        let Some(byte) = self.peek_form()? else { return wrong("the file ends inside of a form") };
        match byte {
            b'(' => self.sequence(b')', json),
            b'[' => self.sequence(b']', json),
            b'{' => self.map(json),
            b'"' => {
                let text = self.string()?;
                write_string(&text, json);
                Ok(())
            }
            b'#' => self.tagged(json),
            b'\\' => {
                self.skip();
                // A character can be one that otherwise ends a word, such as a bracket.
                let mut bytes = self.peek()?.into_iter().collect::<Vec<_>>();
                self.skip();
                self.word(&mut bytes)?;
                write_string(&text(bytes)?, json);
                Ok(())
            }
            b')' | b']' | b'}' => wrong(format!("`{}` closes nothing", char::from(byte))),
            _ => self.atom(json),
        }
    }

    /// The elements up to `closes`, its opening bracket included.
    fn sequence(&mut self, closes: u8, json: &mut String) -> Result<()> {
        self.skip();
        json.push('[');
        let opened = json.len();
        while self.more(closes)? {
            if json.len() > opened {
                json.push(',');
            }
            self.form(json)?;
        }
        json.push(']');
        Ok(())
    }

    fn map(&mut self, json: &mut String) -> Result<()> {
        self.skip();
        json.push('{');
        let opened = json.len();
        let mut key = String::new();
        while self.more(b'}')? {
            if json.len() > opened {
                json.push(',');
            }
            key.clear();
            self.form(&mut key)?;
            match key.starts_with('"') {
                true => json.push_str(&key),
                false => write_string(&key, json),
            }
            json.push(':');
            if !self.more(b'}')? {
                return wrong("a map has a key without a value");
            }
            self.form(json)?;
        }
        json.push('}');
        Ok(())
    }

    /// Whether there is another form before `closes`, which is passed over if not.
    fn more(&mut self, closes: u8) -> Result<bool> {
        match self.peek_form()? {
            None => wrong(format!("the file ends before `{}`", char::from(closes))),
            Some(byte) if byte == closes => {
                self.skip();
                Ok(false)
            }
            Some(_) => Ok(true),
        }
    }

    /// What follows `#`: a set, a number that has no digits, or a form with its tag.
    fn tagged(&mut self, json: &mut String) -> Result<()> {
        self.skip();
        match self.peek()? {
            Some(b'{') => self.sequence(b'}', json),
            Some(b'#') => {
                self.skip();
                let mut bytes = Vec::new();
                self.word(&mut bytes)?;
                write_string(&text(bytes)?, json);
                Ok(())
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.word(&mut Vec::new())?;
                self.form(json)
            }
            _ => wrong("`#` stands before nothing that EDN has"),
        }
    }

    fn string(&mut self) -> Result<String> {
        self.skip();
        let mut bytes = Vec::new();
        loop {
            let Some(byte) = self.peek()? else { return wrong("the file ends inside of a string") };
            self.skip();
            match byte {
                b'"' => return text(bytes),
                b'\\' => {
                    let escaped = self.escaped()?;
                    bytes.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                b'\n' => {
                    self.line += 1;
                    bytes.push(byte);
                }
                _ => bytes.push(byte),
            }
        }
    }

    /// The character that an escape in a string stands for.
    fn escaped(&mut self) -> Result<char> {
        let Some(byte) = self.peek()? else { return wrong("the file ends inside of a string") };
        self.skip();
        Ok(match byte {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' | b'\'' => char::from(byte),
            b'u' => {
                let first = self.code_unit()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first).map_or_else(|| wrong("half a character"), Ok);
                }
                for expected in [b'\\', b'u'] {
                    if self.peek()? != Some(expected) {
                        return wrong("half a character");
                    }
                    self.skip();
                }
                let units = [first, self.code_unit()?].map(|unit| unit as u16);
                match char::decode_utf16(units).next() {
                    Some(Ok(character)) => character,
                    _ => return wrong("half a character"),
                }
            }
            other => return wrong(format!("`\\{}` in a string", char::from(other))),
        })
    }

    /// Four hexadecimal digits.
    fn code_unit(&mut self) -> Result<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek()?.and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return wrong("`\\u` without four digits") };
            self.skip();
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    fn atom(&mut self, json: &mut String) -> Result<()> {
        let mut bytes = Vec::new();
        self.word(&mut bytes)?;
        let word = text(bytes)?;
        match &*word {
            "nil" => json.push_str("null"),
            "true" | "false" => json.push_str(&word),
            _ if is_numeric(&word) => {
                // Clojure marks numbers of any size and exact decimals; JSON has no need to.
                let plain = word.strip_prefix('+').unwrap_or(&word).trim_end_matches(['N', 'M']);
                if serde_json::from_str::<Number>(plain).is_err() {
                    return wrong(format!("`{word}` is no number that JSON has"));
                }
                json.push_str(plain);
            }
            _ => write_string(word.strip_prefix(':').unwrap_or(&word), json),
        }
        Ok(())
    }

    /// Everything up to what ends a word.
    fn word(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        while let Some(byte) = self.peek()? {
            if b" \t\r\n\x0c,;()[]{}\"\\".contains(&byte) {
                break;
            }
            bytes.push(byte);
            self.skip();
        }
        Ok(())
    }
}

/// Whether a word can only be a number: it begins with a digit, after a sign if there is one.
fn is_numeric(word: &str) -> bool {
    word.trim_start_matches(['+', '-']).starts_with(|first: char| first.is_ascii_digit())
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).or_else(|_| wrong("what is there is no UTF-8"))
}

fn write_string(text: &str, json: &mut String) {
    json.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each form as JSON with its line; or what is wrong and where.
    fn read(text: &str) -> std::result::Result<Vec<(u64, String)>, (u64, String)> {
        // A buffer of one byte, so that every look ahead meets the end of a buffer.
        let mut forms = Forms::new(io::BufReader::with_capacity(1, text.as_bytes()));
        let mut all = Vec::new();
        loop {
            let mut json = String::new();
            match forms.next(&mut json) {
                Ok(Some(line)) => all.push((line, json)),
                Ok(None) => return Ok(all),
                Err(error) => return Err((forms.line(), error.to_string())),
            }
        }
    }

    fn one(text: &str) -> String {
        let [(_, json)] = &read(text).unwrap()[..] else { panic!("`{text}` is one form") };
        let _: serde_json::Value = serde_json::from_str(json).unwrap();
        json.clone()
    }

    #[test]
    fn every_kind_of_form_has_its_json() {
        for (edn, json) in [
            ("nil", "null"),
            ("true", "true"),
            (":append", r#""append""#),
            (":net/timeout", r#""net/timeout""#),
            ("a-symbol", r#""a-symbol""#),
            ("-", r#""-""#),
            ("-17", "-17"),
            ("+17", "17"),
            ("123456789012345678901234567890N", "123456789012345678901234567890"),
            ("2.50M", "2.50"),
            ("1e3", "1e3"),
            ("##Inf", r#""Inf""#),
            (r"\a", r#""a""#),
            (r"\newline", r#""newline""#),
            (r#""a \"b\" \n \u00e9 \ud83d\ude00""#, r#""a \"b\" \n é 😀""#),
            ("#{1 2}", "[1,2]"),
            ("{1 2, :k [3 (4)], \"s\" {}}", r#"{"1":2,"k":[3,[4]],"s":{}}"#),
            ("{[1 :a] 2}", r#"{"[1,\"a\"]":2}"#),
            ("#jepsen.independent/tuple [3 nil]", "[3,null]"),
            ("#jepsen.history.Op{:f :read, :value nil}", r#"{"f":"read","value":null}"#),
            ("#inst \"2020\"", r#""2020""#),
            ("; a comment\n7 #_ 8 #_#_ 9 10", "7"),
            ("{:a #_ 1 2}", r#"{"a":2}"#),
        ] {
            assert_eq!(one(edn), json, "{edn}");
        }
        assert_eq!(read("([\\( \\] 1])").unwrap(), [(1, r#"["(","]",1]"#.to_owned())]);
    }

    #[test]
    fn a_list_of_forms_is_read_like_forms_that_follow_each_other() {
        let expected = |lines: [u64; 2]| {
            lines.into_iter().zip([r#"{"a":1}"#, r#"{"b":2}"#].map(str::to_owned)).collect()
        };
        for (text, lines) in [
            ("{:a 1}\n{:b 2}\n", [1, 2]),
            ("[{:a 1}\n\n {:b\n2}]", [1, 3]),
            ("({:a 1}{:b 2})\n", [1, 1]),
        ] {
            assert_eq!(read(text), Ok(expected(lines)), "{text}");
        }
        assert_eq!(read(" \n"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_edn_is_told_with_its_line() {
        for (text, line, flaw) in [
            ("{:a 1}\n{:a", 2, "the file ends before `}`"),
            ("{:a", 1, "the file ends before `}`"),
            ("(1\n2", 2, "the file ends inside of its list"),
            ("\n}", 2, "`}` closes nothing"),
            ("{:a 1 :b}", 1, "a key without a value"),
            ("\"abc", 1, "the file ends inside of a string"),
            ("\"\\q\"", 1, "`\\q` in a string"),
            ("\"\\ud800x\"", 1, "half a character"),
            ("1/2", 1, "`1/2` is no number"),
            ("#\"a\"", 1, "`#` stands before nothing"),
            (&"#_".repeat(5000), 1, "forms in each other"),
            (&"{:a".repeat(5000), 1, "forms in each other"),
        ] {
            let (at, error) = read(text).unwrap_err();
            assert!(error.contains(flaw), "{text}: {error}");
            assert_eq!(at, line, "{text}");
        }
    }
}
