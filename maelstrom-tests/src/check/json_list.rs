//! A list of JSON, read element by element: no file is ever in memory as a whole.

use std::io::{self, BufRead};

use super::edn::FormError;

/// The elements of a list, as text.
pub(super) struct Elements<R> {
    input: R,
    /// The line that is read at the moment, from 1.
    line: u64,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the list.
    Before,
    /// Behind the opening bracket or a comma.
    AtElement,
    /// Behind an element.
    Behind,
    /// Behind the closing bracket.
    After,
}

type Result<T> = std::result::Result<T, FormError>;

fn wrong<T>(text: impl Into<String>) -> Result<T> {
    Err(FormError::Text(text.into()))
}

impl<R: BufRead> Elements<R> {
    /// The elements of the list that this input is.
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 1, place: Place::Before }
    }

    /// The line that was read last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Writes the next element and says in which line it begins; `None` at the end. Only that its
    /// brackets and strings end is looked at.
    ///
    /// # Errors
    /// If the input fails or is no list; [`Elements::line`] says where.
    pub(super) fn next(&mut self, json: &mut String) -> Result<Option<u64>> {
        loop {
            match (self.peek()?, self.place) {
                (Some(byte), _) if byte.is_ascii_whitespace() => self.skip(byte),
                (Some(b'['), Place::Before) => self.pass(b'[', Place::AtElement),
                (Some(b']'), Place::AtElement | Place::Behind) => self.pass(b']', Place::After),
                (Some(b','), Place::Behind) => self.pass(b',', Place::AtElement),
                (None, Place::After) => return Ok(None),
                (None, _) => return wrong("the file ends inside of its list"),
                (Some(b'{'), Place::AtElement) => {
                    let begins = self.line;
                    self.element(json)?;
                    self.place = Place::Behind;
                    return Ok(Some(begins));
                }
                (Some(byte), _) => {
                    let byte = char::from(byte);
                    return wrong(format!("`{byte}` is where an event of the list should be"));
                }
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn pass(&mut self, byte: u8, to: Place) {
        self.skip(byte);
        self.place = to;
    }

    /// Passes over the byte that was just seen.
    fn skip(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\n');
        self.input.consume(1);
    }

    /// Up to the bracket that closes the one that comes next.
    fn element(&mut self, json: &mut String) -> Result<()> {
        let mut bytes = Vec::new();
        let (mut depth, mut in_string, mut is_escaped) = (0_u64, false, false);
        loop {
            let Some(byte) = self.peek()? else { return wrong("the file ends inside of an event") };
            self.skip(byte);
            bytes.push(byte);
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_string => is_escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => json.push_str(text),
            Err(_) => return wrong("what is there is no UTF-8"),
        }
        Ok(())
    }
}
