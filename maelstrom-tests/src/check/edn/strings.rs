//! Strings with their escapes.

use std::io::BufRead;

use super::{Forms, Result, text, wrong};

impl<R: BufRead> Forms<R> {
    /// A string whose first quotation mark is next.
    pub(super) fn string(&mut self) -> Result<String> {
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
}
