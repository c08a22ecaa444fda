//! EDN, as Clojure prints it, read form by form and written as JSON.
//!
//! Keywords, symbols and characters become strings, lists, vectors and sets become arrays, keys of
//! maps become strings, and tags are dropped: `#jepsen.history.Op{:f :read, :value nil}` is
//! `{"f":"read","value":null}`. Numbers keep all their digits.
//!
//! A file can have one form after the other, or a single list or vector of them, which is then read
//! one element at a time: no file is ever in memory as a whole.

mod strings;

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
pub(super) enum FormError {
    /// The input failed.
    #[error(transparent)]
    Input(#[from] io::Error),
    /// The text is not of the form that it should have.
    #[error("{0}")]
    Text(String),
}

type Result<T> = std::result::Result<T, FormError>;

fn wrong<T>(text: impl Into<String>) -> Result<T> {
    Err(FormError::Text(text.into()))
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
            // A colon is before what all keys of a map have in common, which is dropped like a tag.
            Some(byte) if byte.is_ascii_alphabetic() || byte == b':' => {
                self.word(&mut Vec::new())?;
                self.form(json)
            }
            _ => wrong("`#` stands before nothing that EDN has"),
        }
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
                match serde_json::from_str::<Number>(plain) {
                    Ok(_) => json.push_str(plain),
                    // A ratio, or the address of an object in an exception that nobody reads.
                    Err(_) => write_string(&word, json),
                }
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
mod tests;
