//! The order in which a set is read: numbers by their value, then strings by their content, then all
//! else by its JSON text.
//!
//! A set keeps its elements in the order of [`Json`]: integers, then everything else by its text. So
//! a set of integers is read as it stands, and only the rest has to be sorted.

use proto::Json;

/// The elements of a set, which come in their own order, in ascending order.
pub(super) fn ascending<'a>(elements: impl Iterator<Item = &'a Json>) -> Vec<Json> {
    let all: Vec<&Json> = elements.collect();
    let (mut integers, rest) =
        all.split_at(all.partition_point(|element| element.as_i64().is_some()));
    let mut rest: Vec<_> = rest.iter().map(|element| (element.by_value(), *element)).collect();
    // Stable: what has the same key stays in the order of its text.
    rest.sort_by(|(key, _), (other, _)| key.cmp(other));
    let mut sorted = Vec::with_capacity(all.len());
    for (key, element) in rest {
        let smaller = integers.partition_point(|integer| integer.by_value() < key);
        let (before, after) = integers.split_at(smaller);
        sorted.extend(before.iter().copied().cloned());
        sorted.push(element.clone());
        integers = after;
    }
    sorted.extend(integers.iter().copied().cloned());
    sorted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is read of a set to which these are added.
    fn read(texts: &[&str]) -> String {
        let set: BTreeSet<_> = texts.iter().map(|text| Json::parse(text).unwrap()).collect();
        let texts: Vec<_> = ascending(set.iter()).iter().map(Json::to_string).collect();
        texts.join(" ")
    }

    #[test]
    fn numbers_come_in_the_order_of_their_values_and_as_they_were_written() {
        let texts = ["3", "1.5", "2", "1e20", "2.5", "-0.5", "0", "10000000000000000000", "-7"];
        assert_eq!(read(&texts), "-7 -0.5 0 1.5 2 2.5 3 10000000000000000000 1e20");
        assert_eq!(
            read(&["1e3", "999.5", "1000.5", "0.001", "1E-2"]),
            "0.001 1E-2 999.5 1e3 1000.5"
        );
        assert_eq!(read(&["-2.5", "-2", "-3", "-1e30", "-0.0"]), "-1e30 -3 -2.5 -2 -0.0");
        // A float would not tell these apart, or not hold them.
        let texts = ["9223372036854775809", "9223372036854775807", "9223372036854775808"];
        assert_eq!(read(&texts), "9223372036854775807 9223372036854775808 9223372036854775809");
        assert_eq!(read(&["1e400", "1", "2e400", "-1e400"]), "-1e400 1 1e400 2e400");
        let texts = ["1e99999999999999999999", "5", "1e-99999999999999999999", "0"];
        assert_eq!(read(&texts), "0 1e-99999999999999999999 5 1e99999999999999999999");
    }

    #[test]
    fn strings_come_after_all_numbers_in_the_order_of_their_content() {
        assert_eq!(read(&["\"a b\"", "\"a!\"", "\"a\""]), "\"a\" \"a b\" \"a!\"");
        assert_eq!(
            read(&["\"b\"", "\"\\u0061z\"", "\"a\"", "\"\""]),
            "\"\" \"a\" \"\\u0061z\" \"b\""
        );
        assert_eq!(read(&["\"1\"", "2.5", "\"\"", "-1", "1e20"]), "-1 2.5 1e20 \"\" \"1\"");
        let texts = ["null", "{\"a\":1}", "[2]", "\"z\"", "true", "0.5", "7", "false", "[1]"];
        assert_eq!(read(&texts), "0.5 7 \"z\" [1] [2] false null true {\"a\":1}");
    }
}
