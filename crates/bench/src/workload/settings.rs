//! Flags that one workload has and others have not, told once: by the workload itself.

use std::collections::BTreeMap;
use std::str::FromStr;

/// A flag of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its name without dashes.
    pub name: &'static str,
    /// What stands for its value in help; nothing if it is a switch, whose value is `true` if it is
    /// given without one.
    pub value_name: &'static str,
    /// Its value when it is not given, as it would be written.
    pub default: &'static str,
    /// What it does, in a line or two.
    pub help: &'static str,
    /// Says what is right of a value that is wrong.
    pub check: fn(&str) -> Result<(), String>,
}

/// The values that were given to flags of workloads; those left to their defaults are not in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    /// Gives a flag a value.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn set(&mut self, flag: &Flag, value: &str) -> Result<(), String> {
        (flag.check)(value)?;
        if value == flag.default {
            self.0.remove(flag.name);
        } else {
            self.0.insert(flag.name, value.to_owned());
        }
        Ok(())
    }

    /// The value of a flag.
    ///
    /// # Panics
    /// If the flag's `check` lets pass what is no `T`.
    pub fn get<T: FromStr>(&self, flag: &Flag) -> T {
        let value = self.0.get(flag.name).map_or(flag.default, String::as_str);
        let Ok(value) = value.parse() else { panic!("--{}: `{value}` was let pass", flag.name) };
        value
    }

    /// The value of a flag that is optional: its default is the empty text.
    ///
    /// # Panics
    /// If the flag's `check` lets pass what is no `T`.
    pub fn optional<T: FromStr>(&self, flag: &Flag) -> Option<T> {
        self.0.contains_key(flag.name).then(|| self.get(flag))
    }

    /// What a flag is set to, as JSON: a number or a truth value if it is one, null if it is optional and not given.
    pub fn json(&self, flag: &Flag) -> serde_json::Value {
        let value = self.0.get(flag.name).map_or(flag.default, String::as_str);
        if value.is_empty() {
            return serde_json::Value::Null;
        }
        match serde_json::from_str(value) {
            Ok(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => value,
            _ => value.into(),
        }
    }

    /// The flags that were given and their values, as words of a command line.
    pub fn words(&self) -> impl Iterator<Item = String> {
        let words = |(name, value): (&&'static str, &String)| {
            let value = (value != "true").then(|| value.clone());
            std::iter::once(format!("--{name}")).chain(value)
        };
        self.0.iter().flat_map(words)
    }
}

/// The check of a flag whose value is a `T` for which this holds; `what` says what is right.
pub fn is<T: FromStr>(
    value: &str,
    what: &str,
    holds: impl FnOnce(&T) -> bool,
) -> Result<(), String> {
    match value.parse() {
        Ok(parsed) if holds(&parsed) => Ok(()),
        _ => Err(format!("has to be {what}")),
    }
}
