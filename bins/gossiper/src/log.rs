//! The values of a node in the order of their arrival: append-only, so that a reader gets a
//! snapshot at no cost, and neither a copy nor a lock is ever needed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use proto::Json;
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values in one chunk. Chunks never move once they are there.
const CHUNK_VALUES: usize = 1024;

/// Places that are filled once, in order. Snapshots share the chunk with the log that still fills
/// it, and look only at the places that were filled when they were taken.
type Chunk = Arc<[OnceLock<Json>]>;

/// The log. It is the only writer of its chunks, because it cannot be cloned.
#[derive(Debug, Default)]
pub struct ValueLog {
    filled: Snapshot,
}

/// The values that were in a log at some moment.
#[derive(Clone, Default)]
pub struct Snapshot {
    chunks: Arc<Vec<Chunk>>,
    len: usize,
}

impl ValueLog {
    /// Adds a value at the end and returns its position.
    pub fn push(&mut self, value: Json) -> usize {
        let position = self.filled.len;
        let place = position % CHUNK_VALUES;
        if place == 0 {
            let chunk = (0..CHUNK_VALUES).map(|_| OnceLock::new()).collect();
            Arc::make_mut(&mut self.filled.chunks).push(chunk);
        }
        let was_empty = self.filled.chunks[position / CHUNK_VALUES][place].set(value).is_ok();
        debug_assert!(was_empty, "a log fills each place once");
        self.filled.len += 1;
        position
    }

    /// The value at a position.
    pub fn get(&self, position: usize) -> Option<&Json> {
        self.filled.get(position)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.filled.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.filled.len == 0
    }

    /// All values as they are now. Costs the same whatever their number.
    pub fn snapshot(&self) -> Snapshot {
        self.filled.clone()
    }
}

impl Snapshot {
    /// The value at a position.
    pub fn get(&self, position: usize) -> Option<&Json> {
        if position >= self.len {
            return None;
        }
        self.chunks.get(position / CHUNK_VALUES)?[position % CHUNK_VALUES].get()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Json> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).take(self.len).filter_map(OnceLock::get)
    }
}

impl FromIterator<Json> for Snapshot {
    fn from_iter<I: IntoIterator<Item = Json>>(values: I) -> Self {
        let mut log = ValueLog::default();
        for value in values {
            log.push(value);
        }
        log.filled
    }
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Chunk by chunk: the lists are long, and are written with every read.
        let mut list = serializer.serialize_seq(Some(self.len))?;
        let mut left = self.len;
        for chunk in self.chunks.iter() {
            let filled = left.min(CHUNK_VALUES);
            for value in chunk[..filled].iter().filter_map(OnceLock::get) {
                list.serialize_element(value)?;
            }
            left -= filled;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Json>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_keeps_what_was_there_while_the_log_grows() {
        let mut log = ValueLog::default();
        let mut snapshots = Vec::new();
        for number in 0..3 * CHUNK_VALUES as i64 {
            snapshots.push(log.snapshot());
            assert_eq!(log.push(Json::from(number)), number as usize);
        }
        for (len, snapshot) in snapshots.iter().enumerate().step_by(97) {
            assert_eq!(snapshot.len(), len);
            assert!(snapshot.iter().cloned().eq((0..len as i64).map(Json::from)));
            assert_eq!(snapshot.get(len), None);
        }
    }

    #[test]
    fn a_snapshot_is_a_json_array_of_the_exact_values() {
        let text = r#"[1,1.50,"a",{"b": null}]"#;
        let snapshot: Snapshot = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&snapshot).unwrap(), text);
    }
}
