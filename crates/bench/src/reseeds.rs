//! Runs that begin like another: at some moments of the main phase all that is still to be drawn is drawn from
//! another seed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// No run lasts longer than a year.
const LATEST: Duration = Duration::from_secs(31_536_000);

/// When chance is drawn anew, and from which seeds, in rising order of times: `12.5:99,14:7`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reseeds(Vec<(Duration, u64)>);

impl Reseeds {
    /// Whether the run's own seed decides everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.0.iter().copied()
    }

    /// The same up to, but without, this time, and from then on by this seed.
    pub(crate) fn and_from(&self, time: Duration, seed: u64) -> Self {
        let mut all: Vec<_> = self.iter().take_while(|(earlier, _)| *earlier < time).collect();
        all.push((time, seed));
        Self(all)
    }

    /// The same without the last one.
    pub(crate) fn without_last(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }
}

impl fmt::Display for Reseeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (time, seed)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{}:{seed}", time.as_secs_f64())?;
        }
        Ok(())
    }
}

impl FromStr for Reseeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "has to be seconds and seeds in rising order of seconds, such as `12.5:99,14:7`"
                .to_owned()
        };
        let one = |part: &str| {
            let (time, seed) = part.trim().split_once(':').ok_or_else(wrong)?;
            let seconds: f64 = time.parse().map_err(|_| wrong())?;
            let time = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
            if time > LATEST {
                return Err(wrong());
            }
            Ok((time, seed.parse().map_err(|_| wrong())?))
        };
        let all: Vec<_> = text.split(',').map(one).collect::<Result<_, String>>()?;
        if all.is_sorted_by(|(one, _), (other, _)| one < other) {
            Ok(Self(all))
        } else {
            Err(wrong())
        }
    }
}

impl Serialize for Reseeds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_as_they_are_written() {
        for text in ["0:0", "12.5:99,14:7", "0.000000001:1,2:18446744073709551615"] {
            assert_eq!(text.parse::<Reseeds>().unwrap().to_string(), text);
        }
        for wrong in ["", "1", "1:", ":1", "2:1,1:1", "1:1,1:2", "-1:1", "1:x", "nan:1", "1e9:1"] {
            assert!(wrong.parse::<Reseeds>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_branch_keeps_what_was_before_it() {
        let reseeds: Reseeds = "1:10,2:20,3:30".parse().unwrap();
        let at = |seconds| reseeds.and_from(Duration::from_secs(seconds), 7).to_string();
        assert_eq!([at(0), at(2), at(9)], ["0:7", "1:10,2:7", "1:10,2:20,3:30,9:7"]);
        assert_eq!(reseeds.without_last().to_string(), "1:10,2:20");
        assert!(Reseeds::default().without_last().is_empty());
    }
}
