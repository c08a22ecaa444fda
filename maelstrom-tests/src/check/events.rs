//! Stored events: the lines of our `history.jsonl`, the same in one list of JSON, and the maps of
//! Jepsen's and Elle's histories, which have the same fields.

use std::io::{self, BufRead};

use checkers::Event;

use super::edn::{FormError, Forms};
use super::json_list::Elements;
use crate::history::event;
use crate::workload::Stored;

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The input failed.
    #[error("{0}")]
    Input(#[from] io::Error),
    /// A line is no event.
    #[error("line {line}: {flaw}")]
    Line {
        /// Which one, from 1.
        line: u64,
        /// What is wrong with it.
        flaw: String,
    },
}

/// The events of a history, in whichever form it is stored.
pub(super) struct Events<R> {
    source: Source<R>,
    /// How many were read.
    count: u64,
    text: String,
}

/// An event as it was read.
pub(super) struct Told {
    /// The line in which it begins, from 1.
    pub(super) line: u64,
    pub(super) event: Event<Stored>,
    /// Whether it was said whose it is.
    pub(super) has_process: bool,
}

enum Source<R> {
    JsonLines { input: R, line: u64 },
    JsonList(Elements<R>),
    Edn(Forms<R>),
}

impl<R: BufRead> Events<R> {
    /// The events of this input. Its beginning tells the form: only JSON has a map whose first key is
    /// a string.
    ///
    /// # Errors
    /// If the input fails, or is in no form that is read here.
    pub(super) fn new(mut input: R) -> Result<Self, ReadError> {
        if let Some(flaw) = foreign(input.fill_buf()?) {
            return Err(ReadError::Line { line: 1, flaw: flaw.to_owned() });
        }
        if input.fill_buf()?.starts_with(UTF_8_MARK) {
            input.consume(UTF_8_MARK.len());
        }
        let beginning = input.fill_buf()?.iter().filter(|byte| !byte.is_ascii_whitespace());
        let beginning: Vec<_> = beginning.take(3).copied().collect();
        let source = match &beginning[..] {
            [b'{', b'"', ..] => Source::JsonLines { input, line: 0 },
            b"[{\"" => Source::JsonList(Elements::new(input)),
            _ => Source::Edn(Forms::new(input)),
        };
        Ok(Self { source, count: 0, text: String::new() })
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// If the input fails, or what is there is no event.
    pub(super) fn next(&mut self) -> Result<Option<Told>, ReadError> {
        self.text.clear();
        let line = match &mut self.source {
            Source::JsonLines { input, line } => loop {
                *line += 1;
                self.text.clear();
                if input.read_line(&mut self.text).map_err(|error| bad_text(*line, error))? == 0 {
                    return Ok(None);
                }
                if !self.text.trim_ascii().is_empty() {
                    break Some(*line);
                }
            },
            Source::JsonList(elements) => {
                let next = elements.next(&mut self.text);
                found(next, elements.line())?
            }
            Source::Edn(forms) => {
                let next = forms.next(&mut self.text);
                found(next, forms.line())?
            }
        };
        let Some(line) = line else { return Ok(None) };
        match event(&self.text, self.count) {
            Ok((event, has_process)) => {
                self.count += 1;
                Ok(Some(Told { line, event, has_process }))
            }
            Err(flaw) => Err(ReadError::Line { line, flaw }),
        }
    }
}

/// What some editors write before the text.
const UTF_8_MARK: &[u8] = "\u{feff}".as_bytes();

/// What is known by its first bytes and has to be made text of UTF-8 first.
fn foreign(beginning: &[u8]) -> Option<&'static str> {
    match beginning {
        [0x1f, 0x8b, ..] => Some("it is compressed with gzip; unpack it first, with `gunzip`"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Some("it is compressed with zstd; unpack it first, with `unzstd`")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some("it is text in UTF-16; `iconv -f UTF-16 -t UTF-8` makes UTF-8 of it")
        }
        [b'J', b'E', b'P', b'S', b'E', b'N', ..] => {
            Some("it is Jepsen's `test.jepsen`, which is no text; `history.edn` beside it is")
        }
        _ => None,
    }
}

/// In which line the next form begins, or what is wrong with it in this one.
fn found(next: Result<Option<u64>, FormError>, line: u64) -> Result<Option<u64>, ReadError> {
    next.map_err(|error| match error {
        FormError::Input(error) => error.into(),
        FormError::Text(flaw) => ReadError::Line { line, flaw },
    })
}

/// Text that is no UTF-8 is a flaw of its line, not of the disk.
fn bad_text(line: u64, error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::InvalidData => {
            ReadError::Line { line, flaw: "what is there is no UTF-8".to_owned() }
        }
        _ => error.into(),
    }
}
