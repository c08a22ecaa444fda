//! Operations in a few words.

use checkers::{Kind, Op};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// One value of an operation is cut after so many characters.
const LENGTH_MAX: usize = 60;

/// What was asked in an operation and what came back, each as JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// The function.
    pub f: &'a str,
    /// The object, in workloads with keys.
    pub key: Option<&'a str>,
    /// The value of the event that began it.
    pub asked: &'a str,
    /// The value of the event that ended it, if it succeeded.
    pub answered: Option<&'a str>,
}

impl std::fmt::Display for Words<'_> {
    /// `read 3 → 5`, `write 3 = 4`, `add 17`. Long values are cut.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |json: &str| shorten(json, LENGTH_MAX);
        out.write_str(&short(self.f))?;
        if let Some(key) = self.key {
            write!(out, " {}", short(key))?;
        }
        let asks = self.asked != "null";
        match (asks, self.key) {
            (true, Some(_)) => write!(out, " = {}", short(self.asked))?,
            (true, None) => write!(out, " {}", short(self.asked))?,
            (false, _) => {}
        }
        match self.answered {
            Some(answered) if !asks || answered != self.asked => {
                write!(out, " → {}", short(answered))
            }
            _ => Ok(()),
        }
    }
}

/// An operation in a few words: what `asked` asked, what is known of the answer in `op`.
pub fn describe<O: Op>(asked: &O, op: &O, outcome: Kind) -> String {
    let of = |op: &O, kind| serde_json::to_value(Fields { op, kind }).unwrap_or_default();
    let (asked_fields, fields) = (of(asked, Kind::Invoke), of(op, outcome));
    let text = |fields: &Value, name: &str| fields.get(name).map(Value::to_string);
    let key = text(&asked_fields, "key");
    let asked_value = text(&asked_fields, "value").unwrap_or_else(|| "null".to_owned());
    let answered = text(&fields, "value").filter(|_| outcome == Kind::Ok);
    let words = Words {
        f: asked.f(),
        key: key.as_deref(),
        asked: &asked_value,
        answered: answered.as_deref(),
    };
    words.to_string()
}

/// The first characters of a text and, if that is not all, a sign that there is more.
pub fn shorten(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

/// The fields that an operation has in an event of this kind.
struct Fields<'a, O> {
    op: &'a O,
    kind: Kind,
}

impl<O: Op> Serialize for Fields<'_, O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.op.write(self.kind, &mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use checkers::echo::EchoOp;
    use checkers::linearizable::RegisterOp;
    use checkers::set::SetOp;

    use super::*;

    #[test]
    fn operations_are_told_by_what_was_asked_and_what_came_back() {
        let read = |value| RegisterOp::Read { key: 3, value };
        assert_eq!(describe(&read(None), &read(Some(Some(5))), Kind::Ok), "read 3 → 5");
        assert_eq!(describe(&read(None), &read(Some(None)), Kind::Ok), "read 3 → null");
        assert_eq!(describe(&read(None), &read(None), Kind::Info), "read 3");
        let write = RegisterOp::Write { key: 3, value: 4 };
        assert_eq!(describe(&write, &write, Kind::Ok), "write 3 = 4");
        let add = SetOp::Add { element: 17 };
        assert_eq!(describe(&add, &add, Kind::Ok), "add 17");
        let echo = |got| EchoOp { sent: 1, got };
        assert_eq!(describe(&echo(None), &echo(Some(2)), Kind::Ok), "echo 1 → 2");
        assert_eq!(describe(&echo(None), &echo(Some(1)), Kind::Ok), "echo 1");
    }

    #[test]
    fn long_values_are_cut() {
        let add = SetOp::Add { element: "x".repeat(1000) };
        let text = describe(&add, &add, Kind::Ok);
        assert!(text.starts_with("add \"xxx") && text.ends_with("… (1002 bytes)"), "{text}");
    }
}
