//! What a replica keeps in its state directory: every delta that was news to it, as records that are
//! joined when it starts again. Now and then they are replaced by the whole state.

use crdt::Lattice;
use proto::{Error, Local, Records};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::records::{damaged, key_name};

/// The record of the replica's name.
const LIFE_KEY: &[u8] = b"life";
/// The record of the whole state.
const STATE_KEY: &[u8] = b"state";
/// Where records of deltas begin; their number follows.
const DELTA_KEY: &[u8] = b"delta/";
/// After so many deltas the whole state is written in place of them.
const DELTAS_MAX: u64 = 1000;

/// The records of a replica.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// The number of the next delta.
    next: u64,
    /// The first delta that the whole state does not have.
    first: u64,
}

impl Journal {
    /// The state of an earlier life, and the name that it had.
    ///
    /// # Errors
    /// If a record is not as this program wrote it.
    pub(super) fn restore<S: Lattice + DeserializeOwned>(
        &mut self,
        records: &Records,
    ) -> Result<(S, Option<u32>), Error> {
        let (mut state, mut life) = (S::default(), None);
        for (key, record) in records {
            let wrong = || damaged(&key_name(key, &[DELTA_KEY]));
            if key == LIFE_KEY {
                life = Some(u32::from_be_bytes(record[..].try_into().map_err(|_| wrong())?));
            } else if key == STATE_KEY {
                state.join(serde_json::from_slice(record).map_err(|_| wrong())?);
            } else {
                let number = key.strip_prefix(DELTA_KEY).and_then(|number| number.try_into().ok());
                let number = u64::from_be_bytes(number.ok_or_else(wrong)?);
                // They are written without gaps, and only ever removed from the front.
                if self.next > self.first && number != self.next {
                    return Err(wrong());
                }
                if self.next == self.first {
                    self.first = number;
                }
                self.next = number.checked_add(1).ok_or_else(wrong)?;
                state.join(serde_json::from_slice(record).map_err(|_| wrong())?);
            }
        }
        if life.is_none() && !records.is_empty() {
            return Err(damaged("life"));
        }
        Ok((state, life))
    }

    /// Keeps the replica's name.
    pub(super) fn name(&self, life: u32, ctx: &mut dyn Local) {
        ctx.put(LIFE_KEY.to_vec(), life.to_be_bytes().to_vec());
    }

    /// Keeps what was news; `whole` is the state with it.
    pub(super) fn keep<S: Serialize>(&mut self, news: &S, whole: &S, ctx: &mut dyn Local) {
        if !ctx.is_durable() {
            return;
        }
        ctx.put(delta_key(self.next), text(news));
        self.next += 1;
        if self.next - self.first >= DELTAS_MAX {
            // Joining the deltas once more would harm nothing: whatever becomes of the removal, the
            // state stands before it.
            ctx.put(STATE_KEY.to_vec(), text(whole));
            ctx.delete_range(delta_key(0), delta_key(self.next));
            self.first = self.next;
        }
    }
}

fn delta_key(number: u64) -> Vec<u8> {
    [DELTA_KEY, &number.to_be_bytes()].concat()
}

fn text(state: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(state).unwrap_or_else(|error| unreachable!("a state is JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn delta(number: u64, text: &str) -> (Vec<u8>, Vec<u8>) {
        (delta_key(number), text.as_bytes().to_vec())
    }

    fn restore(records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Vec<u64>, String> {
        let life = (LIFE_KEY.to_vec(), vec![0, 0, 0, 1]);
        let records: BTreeMap<_, _> = std::iter::once(life).chain(records).collect();
        let restored = Journal::default().restore::<crdt::GSet<u64>>(&records);
        let elements = |(state, life): (crdt::GSet<u64>, _)| {
            assert_eq!(life, Some(1));
            state.iter().copied().collect()
        };
        restored.map(elements).map_err(|error| error.text)
    }

    #[test]
    fn a_state_and_the_deltas_after_it_are_joined() {
        let state = (STATE_KEY.to_vec(), b"[1,2]".to_vec());
        let kept = [state, delta(1000, "[3]"), delta(1001, "[4]")];
        assert_eq!(restore(kept), Ok(vec![1, 2, 3, 4]));
        assert_eq!(restore([]), Ok(vec![]));
    }

    #[test]
    fn what_is_damaged_missing_or_unknown_is_named() {
        for (records, name) in [
            (vec![delta(0, "[1]"), delta(1, "[")], "delta/1"),
            (vec![delta(0, "[1]"), delta(2, "[3]")], "delta/2"),
            (vec![(STATE_KEY.to_vec(), b"{}".to_vec())], "state"),
            (vec![(b"delta/x".to_vec(), b"[]".to_vec())], "delta/x"),
            (vec![(b"other".to_vec(), b"[]".to_vec())], "other"),
            (vec![(LIFE_KEY.to_vec(), b"[]".to_vec())], "life"),
        ] {
            let error = restore(records).unwrap_err();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
        let nameless = BTreeMap::from([delta(0, "[1]")]);
        assert!(Journal::default().restore::<crdt::GSet<u64>>(&nameless).is_err());
    }
}
