//! What all nodes with a replica can be told on the command line.

use std::time::Duration;

use proto::{Arguments, UsageError};

use crate::flags;

/// What all nodes with a replica can be told on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long updates are collected before they are sent.
    pub gossip_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { gossip_interval: Duration::from_millis(100) }
    }
}

impl Settings {
    /// Reads the flag that came last, if it is one of these.
    ///
    /// # Errors
    /// If its value is wrong, or if it is another flag.
    pub fn read(&mut self, flag: &str, arguments: &mut Arguments) -> Result<(), UsageError> {
        match flag {
            "--gossip-interval" => self.gossip_interval = flags::time(arguments)?,
            _ => return Err(arguments.unknown(flag)),
        }
        Ok(())
    }

    /// Reads a command line that has no other flags.
    ///
    /// # Errors
    /// If it is wrong.
    pub fn parse(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let mut settings = Self::default();
        while let Some(flag) = arguments.next_flag()? {
            settings.read(&flag, arguments)?;
        }
        Ok(settings)
    }
}
