//! JSON text as this project writes it, cut up without being read: there are hundreds of thousands of
//! lines in the files of a run. Whoever cuts up a text that somebody else wrote gets `None`, or what is
//! JSON no more than the text is.

/// A number at the start of a text, and what follows it. One with more than 19 digits is none.
pub fn digits(bytes: &[u8]) -> Option<(u64, &[u8])> {
    const DIGITS_MAX: usize = 19;
    let (mut number, mut length) = (0_u64, 0);
    while let Some(digit @ b'0'..=b'9') = bytes.get(length) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        length += 1;
    }
    matches!(length, 1..=DIGITS_MAX).then(|| (number, &bytes[length..]))
}

/// Where the value ends that begins at `start`; `None` if it does not.
pub fn value_end(bytes: &[u8], start: usize) -> Option<usize> {
    match bytes.get(start)? {
        b'"' => string_end(bytes, start),
        b'{' | b'[' => {
            let mut depth = 0_u32;
            let mut at = start;
            loop {
                at += bytes[at..].iter().position(|byte| STRUCTURE[usize::from(*byte)])?;
                match bytes[at] {
                    b'"' => {
                        at = string_end(bytes, at)?;
                        continue;
                    }
                    b'[' => {
                        depth += 1;
                        at += numbers_length(&bytes[at + 1..]);
                    }
                    b'{' => depth += 1,
                    _ if depth == 1 => return Some(at + 1),
                    _ => depth -= 1,
                }
                at += 1;
            }
        }
        _ => Some(start + bytes[start..].iter().position(|byte| matches!(byte, b',' | b'}'))?),
    }
}

/// Where the string ends that begins at `start`; `None` if none begins there, or it does not end.
pub fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = (*bytes.get(start)? == b'"').then_some(start + 1)?;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// How much of the start of a list is certainly numbers. Long lists mostly are: in parts, without a way
/// out in their middle, that is seen faster.
fn numbers_length(bytes: &[u8]) -> usize {
    let are_numbers = |part: &&[u8; 32]| {
        part.iter().fold(true, |all, byte| all & (byte.is_ascii_digit() | (*byte == b',')))
    };
    bytes.as_chunks().0.iter().take_while(are_numbers).count() * 32
}

/// What opens or closes something in JSON.
const STRUCTURE: [bool; 256] = {
    let mut is = [false; 256];
    let mut some: &[u8] = b"\"{}[]";
    while let [byte, rest @ ..] = some {
        is[*byte as usize] = true;
        some = rest;
    }
    is
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_it_is_closed() {
        let list = format!("[{}]", (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        let values = [
            "12",
            "-0.5",
            "null",
            "\"\"",
            r#""a\"]\\""#,
            "[]",
            "{}",
            "[[],{}]",
            r#"{"a":"}","b":[1]}"#,
            &list,
        ];
        for value in values {
            for before in ["", "x", "[1,2]"] {
                for after in [",1]", "}", "}]"] {
                    let text = [before, value, after].concat();
                    let end = before.len() + value.len();
                    assert_eq!(value_end(text.as_bytes(), before.len()), Some(end), "{text}");
                }
            }
            if value.starts_with(['"', '[', '{']) {
                for end in 0..value.len() {
                    assert_eq!(value_end(&value.as_bytes()[..end], 0), None, "{}", &value[..end]);
                }
            }
        }
        assert_eq!(
            (value_end(b"12", 0), value_end(b"1,", 2), value_end(b"1,", 9)),
            (None, None, None)
        );
    }

    #[test]
    fn a_number_has_digits_but_not_too_many() {
        assert_eq!(digits(b"120,5"), Some((120, &b",5"[..])));
        assert_eq!(digits(b"9999999999999999999"), Some((9_999_999_999_999_999_999, &b""[..])));
        assert_eq!(
            (digits(b"10000000000000000000"), digits(b""), digits(b"-1")),
            (None, None, None)
        );
    }
}
