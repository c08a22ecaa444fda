//! Anomalies of lists and registers that show in single reads and writes.

use std::fmt::Display;

use super::analysis::Findings;
use super::anomaly::Anomaly;
use super::kind::Kind;
use super::versions::{NONE, Versions};
use super::wording::Wording;

/// A committed transaction read a version that failed, or that nobody wrote; `unwritten` is what else is
/// to be said of a value that nobody wrote.
pub(super) fn bad_read<K: Display, V: Display>(
    versions: &Versions<K, V>,
    reader: u32,
    version: u32,
    unwritten: impl Fn(&str) -> &'static str,
    findings: &mut Findings,
) {
    let writer = versions.writer[version as usize];
    let value = || versions.value(version).unwrap_or_default();
    let text =
        || format!("T{reader} read {} from key {}, which ", value(), versions.key_name(version));
    if writer == NONE {
        findings.add(Kind::GarbageRead, || {
            let text = format!("{}nobody ever wrote.{}", text(), unwritten(&value()));
            Wording::anomaly(versions, version, &[reader], text)
        });
    } else {
        findings.add(Kind::AbortedRead, || {
            let text = format!("{}T{writer} wrote; but T{writer} failed.", text());
            Wording::anomaly(versions, version, &[reader, writer], text)
        });
    }
}

/// A committed transaction read a version that its writer had already replaced.
pub(super) fn intermediate_read<K: Display, V: Display>(
    versions: &Versions<K, V>,
    reader: u32,
    version: u32,
    findings: &mut Findings,
) {
    let writer = versions.writer[version as usize];
    if !versions.is_intermediate(version) || writer == reader {
        return;
    }
    findings.add(Kind::IntermediateRead, || {
        let text = format!(
            "T{reader} read {} from key {}, which T{writer} wrote before it wrote that key again.",
            versions.value(version).unwrap_or_default(),
            versions.key_name(version)
        );
        Wording::anomaly(versions, version, &[reader, writer], text)
    });
}

/// Committed transactions that read the same version and then wrote the same key: whichever came
/// second did not see what the first wrote. `updates` are the versions with their readers.
pub(super) fn lost_updates<K: Display, V: Display>(
    versions: &Versions<K, V>,
    updates: &mut [(u32, u32)],
    findings: &mut Findings,
) {
    updates.sort_unstable();
    for group in updates.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        let version = group[0].0;
        findings.add(Kind::LostUpdate, || {
            let names: Vec<String> = group.iter().map(|&(_, id)| format!("T{id}")).collect();
            let value = versions.value(version).map_or_else(
                || "in its initial state".to_owned(),
                |value| format!("when its latest value was {value}"),
            );
            Anomaly {
                transactions: group.iter().map(|&(_, id)| id as usize).collect(),
                key: Some(versions.key_name(version)),
                steps: Vec::new(),
                explanation: format!(
                    "{} all read key {} {value} and then wrote it: all of these writes but one were lost or made blindly.",
                    names.join(", "),
                    versions.key_name(version)
                ),
            }
        });
    }
}
