//! The times in which faults were on, as the report shows them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::logs::natural;
use super::text;
use crate::history::History;

/// A cut that takes more characters than this is told by its numbers.
const CUT_LENGTH_MAX: usize = 120;

/// A time in which a fault was on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fault {
    /// Its kind, such as `partition`.
    pub name: String,
    /// Whom it hit, in words; empty where the history does not say.
    pub whom: String,
    /// When it began, in nanoseconds since the run started.
    pub start: u64,
    /// When it ended, or the history did.
    pub end: u64,
}

/// The faults of a history, in the order in which they began.
pub fn faults(history: &History) -> Vec<Fault> {
    let told = |fault: &crate::history::Fault| Fault {
        name: text::line(&fault.name, 40),
        whom: whom(&fault.whom),
        start: fault.start,
        end: fault.end,
    };
    history.faults.iter().map(told).collect()
}

/// Whom a fault hits, as people say it: the nodes, the sides of a cut, the part of the messages, how far
/// each clock jumps.
fn whom(value: &Value) -> String {
    let jump = |ms: &Value| format!("{:+.1} s", ms.as_f64().unwrap_or(0.0) / 1e3);
    let told = match value {
        Value::Null => return String::new(),
        Value::String(kind) => kind.clone(),
        Value::Number(part) => match part.as_f64() {
            Some(part) if (0.0..=1.0).contains(&part) => {
                format!("{} % of messages", text::decimal(part * 100.0))
            }
            _ => value.to_string(),
        },
        Value::Array(parts) => match &parts[..] {
            [Value::String(_), Value::Object(refused)] => sides(refused),
            _ if parts.iter().all(Value::is_string) => words(parts).join(", "),
            _ => value.to_string(),
        },
        Value::Object(jumps) if jumps.values().all(Value::is_i64) => {
            let jumps = jumps.iter().map(|(node, ms)| format!("{node} {}", jump(ms)));
            jumps.collect::<Vec<_>>().join(", ")
        }
        _ => value.to_string(),
    };
    text::line(&told, 200)
}

fn words(list: &[Value]) -> Vec<&str> {
    list.iter().filter_map(Value::as_str).collect()
}

/// A cut as the sides that do not hear each other, `n1, n2 | n3`, if it is one; else who hears whom not.
/// Nodes that nothing was done to are not named, and of a cut that takes too many words only its measure is.
fn sides(refused: &Map<String, Value>) -> String {
    let mut refuses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (receiver, senders) in refused {
        let senders = words(senders.as_array().map_or(&[], Vec::as_slice));
        refuses.entry(receiver).or_default().extend(senders);
    }
    refuses.retain(|_, senders| !senders.is_empty());
    let named: BTreeSet<&str> =
        refuses.iter().flat_map(|(node, others)| others.iter().chain([node])).copied().collect();
    // Who refuses the same ones is on the same side; a cut into sides is one where that is all the others.
    let none = BTreeSet::new();
    let mut sides: Vec<(&BTreeSet<&str>, Vec<&str>)> = Vec::new();
    let mut nodes: Vec<&str> = named.iter().copied().collect();
    nodes.sort_by_key(|name| natural(name));
    for &node in &nodes {
        let others = refuses.get(node).unwrap_or(&none);
        match sides.iter_mut().find(|(of_side, _)| *of_side == others) {
            Some((_, side)) => side.push(node),
            None => sides.push((others, vec![node])),
        }
    }
    let is_cut = sides.iter().all(|(others, side)| {
        named.iter().all(|node| others.contains(node) != side.contains(node))
    });
    if is_cut {
        let sides: Vec<_> = sides.iter().map(|(_, side)| side.join(", ")).collect();
        return sides.join(" | ");
    }
    let deaf = |(others, side): &(&BTreeSet<&str>, Vec<&str>)| {
        let mut others: Vec<&str> = others.iter().copied().collect();
        others.sort_by_key(|name| natural(name));
        format!("{} without {}", side.join(", "), others.join(", "))
    };
    let sides = sides.iter().filter(|(others, _)| !others.is_empty());
    let told = sides.map(deaf).collect::<Vec<_>>().join("; ");
    if told.chars().count() <= CUT_LENGTH_MAX {
        return told;
    }
    let counts = || refuses.values().map(BTreeSet::len);
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let others = if least == most { most.to_string() } else { format!("{least} to {most}") };
    format!("{} nodes, each cut off from {others} others", refuses.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_between_many_nodes_is_told_by_its_measure() {
        // Each of 25 nodes hears all but the twelve that are opposite of it on a ring.
        let refused = |node: usize| (7..19).map(|far| format!("n{}", (node + far) % 25)).collect();
        let ring: BTreeMap<String, Vec<String>> =
            (0..25).map(|node| (format!("n{node}"), refused(node))).collect();
        let value = serde_json::json!(["isolated", ring]);
        assert_eq!(whom(&value), "25 nodes, each cut off from 12 others");
    }

    #[test]
    fn faults_say_whom_they_hit() {
        let halves = r#"["isolated",{"n10":["n2","n3"],"n2":["n10","n1"],"n3":["n10","n1"],"n1":["n2","n3"]}]"#;
        let ring = r#"["isolated",{"n1":["n3"],"n2":[],"n3":["n1"],"n4":["n1"]}]"#;
        for (value, told) in [
            ("null", ""),
            (r#"["n1","n2"]"#, "n1, n2"),
            (halves, "n1, n10 | n2, n3"),
            (ring, "n1 without n3; n3, n4 without n1"),
            (r#""majorities-ring""#, "majorities-ring"),
            ("0.3", "30 % of messages"),
            (r#"{"n1":13814,"n2":-59535,"n3":0}"#, "n1 +13.8 s, n2 -59.5 s, n3 +0.0 s"),
        ] {
            assert_eq!(whom(&serde_json::from_str(value).unwrap()), told);
        }
    }
}
