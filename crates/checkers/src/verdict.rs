//! The three answers a checker can give, and how several of them combine.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a checker says of a history.
///
/// The order of the variants is their priority when verdicts are combined: one invalid part makes
/// the whole invalid, one undecided part keeps it from being called valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Everything that was checked holds. Serialises as `true`.
    #[default]
    Valid,
    /// Too little was seen, or the work limit was reached. Serialises as `"unknown"`.
    Unknown,
    /// The history breaks the rule. Serialises as `false`.
    Invalid,
}

impl Verdict {
    /// [`Valid`](Self::Valid) or [`Invalid`](Self::Invalid), from a rule that holds or not.
    #[must_use]
    pub const fn from_rule(holds: bool) -> Self {
        if holds { Self::Valid } else { Self::Invalid }
    }

    /// The verdict on two parts together: invalid before unknown before valid.
    ///
    /// ```
    /// use checkers::Verdict::{Invalid, Unknown, Valid};
    /// assert_eq!(Valid.and(Unknown), Unknown);
    /// assert_eq!(Unknown.and(Invalid), Invalid);
    /// ```
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }

    /// The verdict on all parts together; valid when there are none.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::Valid, Self::and)
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Valid => serializer.serialize_bool(true),
            Self::Invalid => serializer.serialize_bool(false),
            Self::Unknown => serializer.serialize_str("unknown"),
        }
    }
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Rule(bool),
            Word(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Rule(holds) => Ok(Self::from_rule(holds)),
            Form::Word(word) if word == "unknown" => Ok(Self::Unknown),
            Form::Word(word) => Err(serde::de::Error::custom(format!("`{word}` is no verdict"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{self, Invalid, Unknown, Valid};

    #[test]
    fn invalid_wins_over_unknown_and_unknown_over_valid() {
        assert_eq!(Verdict::all([Valid, Unknown, Invalid, Valid]), Invalid);
        assert_eq!(Verdict::all([Valid, Unknown, Valid]), Unknown);
        assert_eq!(Verdict::all([Valid, Valid]), Valid);
        assert_eq!(Verdict::all([]), Valid);
    }

    #[test]
    fn serialises_as_maelstrom_writes_it() {
        let text = serde_json::to_string(&[Valid, Invalid, Unknown]).unwrap();
        assert_eq!(text, r#"[true,false,"unknown"]"#);
        let back: [Verdict; 3] = serde_json::from_str(&text).unwrap();
        assert_eq!(back, [Valid, Invalid, Unknown]);
        assert!(serde_json::from_str::<Verdict>("\"valid\"").is_err());
    }
}
