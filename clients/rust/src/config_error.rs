//! What a program was wrongly given when it starts.

use std::fmt;

/// A limit, a name, a method, an IPv6 prefix or a trusted proxy that is invalid. The text says what
/// it must be and what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}
