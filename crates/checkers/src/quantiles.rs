//! The points of a distribution that Jepsen reports.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The points: minimum, median, 95th and 99th percentile, maximum.
pub const POINTS: [f64; 5] = [0.0, 0.5, 0.95, 0.99, 1.0];

/// Values at each of [`POINTS`]. Serialises as a map from the point to the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantiles(pub [u64; 5]);

impl Quantiles {
    /// The value at a point that is one of [`POINTS`].
    pub fn at(&self, point: f64) -> Option<u64> {
        POINTS.iter().position(|&known| known == point).map(|place| self.0[place])
    }
}

/// The value at each point `p`, which is the one at place floor(n · p), at most n − 1, of the `n`
/// values in order; `None` when there are none.
pub fn quantiles(mut values: Vec<u64>) -> Option<Quantiles> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    let place = |point: f64| ((values.len() as f64 * point) as usize).min(last);
    Some(Quantiles(POINTS.map(|point| values[place(point)])))
}

impl Serialize for Quantiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(POINTS.len()))?;
        for (point, value) in POINTS.iter().zip(self.0) {
            map.serialize_entry(&point.to_string(), &value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_places_in_the_sorted_list() {
        assert_eq!(quantiles(vec![]), None);
        assert_eq!(quantiles(vec![7]), Some(Quantiles([7; 5])));
        let hundred = quantiles((0..100).rev().collect()).unwrap();
        assert_eq!(hundred, Quantiles([0, 50, 95, 99, 99]));
        assert_eq!(hundred.at(0.95), Some(95));
        let text = serde_json::to_string(&hundred).unwrap();
        assert_eq!(text, r#"{"0":0,"0.5":50,"0.95":95,"0.99":99,"1":99}"#);
    }
}
