//! Anomalies that show without looking for cycles.

use std::fmt::Display;

use rustc_hash::FxHashSet;

use super::History;
use super::history::Shown;
use crate::transactions::analysis::Findings;
use crate::transactions::call::Outcome;
use crate::transactions::kind::Kind;
use crate::transactions::single;
use crate::transactions::versions::{NONE, Versions};
use crate::transactions::wording::Wording;

impl<K: Display, V: Display> History<K, V> {
    pub(super) fn find_phenomena(&mut self) {
        let mut findings = std::mem::take(&mut self.findings);
        self.bad_elements(&mut findings);
        self.repeated_elements(&mut findings);
        self.incompatible_orders(&mut findings);
        self.reversed_appends(&mut findings);
        self.dirty_updates(&mut findings);
        for read in &self.reads {
            single::intermediate_read(&self.versions, read.transaction, read.last, &mut findings);
        }
        single::lost_updates(&self.versions, &mut self.updates, &mut findings);
        self.findings = findings;
    }

    /// Elements that failed or that nobody wrote, each with one of the transactions that read it.
    fn bad_elements(&self, findings: &mut Findings) {
        // How much of each trunk was looked at: each element is reported once.
        let mut done = vec![0_u32; self.trunks.len()];
        let mut reported = FxHashSet::default();
        for read in &self.reads {
            let elements = match read.shown {
                Shown::Prefix(length) => {
                    let from = done[read.key as usize];
                    done[read.key as usize] = from.max(length);
                    self.trunks[read.key as usize].versions.get(from as usize..length as usize)
                }
                Shown::Divergent(place) => Some(&self.divergent[place as usize][..]),
            };
            for &version in elements.unwrap_or_default() {
                if self.versions.live_writer(version).is_none() && reported.insert(version) {
                    single::bad_read(&self.versions, read.transaction, version, |_| "", findings);
                }
            }
        }
    }

    fn repeated_elements(&self, findings: &mut Findings) {
        for read in &self.reads {
            let list = match read.shown {
                Shown::Prefix(length) if length >= self.trunks[read.key as usize].repeats_at => {
                    &self.trunks[read.key as usize].versions[..length as usize]
                }
                Shown::Prefix(_) => continue,
                Shown::Divergent(place) => &self.divergent[place as usize],
            };
            let mut seen = FxHashSet::default();
            if let Some(&twice) = list.iter().find(|&&version| !seen.insert(version)) {
                findings.add(Kind::DuplicateElements, || {
                    let text = format!(
                        "T{} read key {} as {}, with {} more than once.",
                        read.transaction,
                        self.versions.key_name(twice),
                        show(&self.versions, list),
                        self.versions.value(twice).unwrap_or_default()
                    );
                    Wording::anomaly(&self.versions, twice, &[read.transaction], text)
                });
            }
        }
    }

    fn incompatible_orders(&self, findings: &mut Findings) {
        for read in &self.reads {
            let Shown::Divergent(place) = read.shown else { continue };
            let list = &self.divergent[place as usize];
            let trunk = &self.trunks[read.key as usize];
            findings.add(Kind::IncompatibleOrder, || {
                let text = format!(
                    "T{} read key {} as {}, but T{} read {}: neither is the beginning of the other.",
                    read.transaction,
                    self.versions.key_name(read.last),
                    show(&self.versions, list),
                    trunk.reader,
                    show(&self.versions, &trunk.versions)
                );
                Wording::anomaly(&self.versions, read.last, &[read.transaction, trunk.reader], text)
            });
        }
    }

    /// Lists that show two appends of one transaction the other way round.
    fn reversed_appends(&self, findings: &mut Findings) {
        let versions = &self.versions;
        for trunk in &self.trunks {
            for (place, &first) in (0..).zip(&trunk.versions) {
                let second = versions.replaced_by[first as usize];
                if second == NONE || self.position.get(second as usize).is_none_or(|&p| p >= place)
                {
                    continue;
                }
                let (writer, reader) = (versions.writer[first as usize], trunk.reader);
                findings.add(Kind::IncompatibleOrder, || {
                    let text = format!(
                        "T{writer} appended {} to key {} and then {}, but T{reader} read them the other way round.",
                        versions.value(first).unwrap_or_default(),
                        versions.key_name(first),
                        versions.value(second).unwrap_or_default()
                    );
                    Wording::anomaly(versions, first, &[writer, reader], text)
                });
            }
        }
    }

    fn dirty_updates(&self, findings: &mut Findings) {
        for trunk in &self.trunks {
            let mut failed = None;
            for &version in &trunk.versions {
                let writer = self.versions.writer[version as usize];
                if writer == NONE {
                    continue;
                }
                match (self.versions.outcome(writer), failed) {
                    (Outcome::Info, _) | (Outcome::Fail, Some(_)) => {}
                    (Outcome::Fail, None) => failed = Some(version),
                    (Outcome::Ok, None) => {}
                    (Outcome::Ok, Some(before)) => {
                        failed = None;
                        let aborted = self.versions.writer[before as usize];
                        findings.add(Kind::DirtyUpdate, || {
                            let text = format!(
                                "T{writer} appended {} to key {} on top of {}, which T{aborted} appended; but T{aborted} failed.",
                                self.versions.value(version).unwrap_or_default(),
                                self.versions.key_name(version),
                                self.versions.value(before).unwrap_or_default()
                            );
                            Wording::anomaly(&self.versions, version, &[aborted, writer], text)
                        });
                    }
                }
            }
        }
    }
}

/// A list in text; of a long one the end.
fn show<K: Display, V: Display>(versions: &Versions<K, V>, list: &[u32]) -> String {
    const SHOWN_MAX: usize = 32;
    let from = list.len().saturating_sub(SHOWN_MAX);
    let values: Vec<String> =
        list[from..].iter().map(|&version| versions.value(version).unwrap_or_default()).collect();
    format!("[{}{}]", if from > 0 { "... " } else { "" }, values.join(" "))
}
