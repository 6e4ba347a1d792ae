//! What a policy may be called.

use crate::config_error::ConfigError;

const LONGEST: usize = 64;

/// The name itself, if it can stand in a header and a key.
pub(crate) fn checked(name: String) -> Result<String, ConfigError> {
    let known = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    if (1..=LONGEST).contains(&name.len()) && name.chars().all(known) {
        return Ok(name);
    }
    Err(ConfigError::new(format!(
        "policy name `{name}`; it may be 1 to {LONGEST} of A-Z a-z 0-9 . _ / -"
    )))
}
