//! How a ratio is written.

use serde::Serializer;

/// As the tasks write it: `0` where there is nothing, not `0.0`.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn serialize<S: Serializer>(ratio: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if *ratio == 0.0 { serializer.serialize_u64(0) } else { serializer.serialize_f64(*ratio) }
}
