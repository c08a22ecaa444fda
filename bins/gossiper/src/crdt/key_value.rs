//! The messages of task 3-4-3, which two nodes serve: a key-value store in which the last writer wins.

use proto::{Error, ErrorCode, Json};
use serde::{Deserialize, Serialize};

/// A message of such a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Writes a key.
    Write {
        /// The key.
        key: String,
        /// Any JSON.
        value: Json,
    },
    /// Answer to `write`.
    WriteOk {
        /// When it was written.
        ts: Seconds,
    },
    /// Reads a key.
    KvRead {
        /// The key.
        key: String,
    },
    /// Answer to `kv_read`; of a key that was never written it is error 20.
    KvReadOk {
        /// The key.
        key: String,
        /// The last write.
        value: Json,
        /// When that was.
        ts: Seconds,
    },
}

/// What a read of a key is answered that was never written.
pub(super) fn no_such_key() -> Error {
    Error::new(ErrorCode::KeyDoesNotExist, "Key not found")
}

/// Seconds since 1970: finite, not negative, and not absurdly many.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Seconds(f64);

/// Some thirty million years.
const SECONDS_MAX: f64 = 1e15;

impl Seconds {
    /// The time of a clock.
    pub(super) fn from_ms(ms: u64) -> Self {
        Self((ms as f64 / 1000.0).min(SECONDS_MAX))
    }

    /// The time after this one that is next to it.
    pub(super) fn next(self) -> Self {
        Self(self.0.next_up())
    }
}

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        if (0.0..=SECONDS_MAX).contains(&seconds) {
            // There is one zero.
            Ok(Self(seconds + 0.0))
        } else {
            Err(format!("field `ts` has to be from 0 to {SECONDS_MAX:e} seconds, not {seconds}"))
        }
    }
}

impl From<Seconds> for f64 {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

impl PartialEq for Seconds {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Seconds {}

impl PartialOrd for Seconds {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Seconds {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl std::hash::Hash for Seconds {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}
