//! What limits are called in headers.

use super::limit::{Algorithm, Limit};
use crate::config_error::ConfigError;

const LONGEST: usize = 64;

/// The name itself, if it can stand in a header and a key.
pub(crate) fn checked(name: String) -> Result<String, ConfigError> {
    let known = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    if (1..=LONGEST).contains(&name.len()) && name.chars().all(known) {
        return Ok(name);
    }
    Err(ConfigError::new(format!(
        "name must be 1 to {LONGEST} characters of A-Z a-z 0-9 . _ / -, with the unit that several limits \
         add to it, not '{name}'"
    )))
}

/// The name of one of several: with its period, and its algorithm where another has the same
/// period.
pub(crate) fn among(base: &str, algorithm: Algorithm, period: &str, is_shared: bool) -> String {
    if is_shared {
        format!("{base}-{}-{period}", algorithm.word())
    } else {
        format!("{base}-{period}")
    }
}

/// The name of a limit that was given none.
pub(crate) fn plain(limit: &Limit) -> String {
    let plain = format!("{}-per-{}s", limit.refill(), limit.period().duration().as_secs());
    match limit.algorithm() {
        Algorithm::Fixed => plain,
        other => format!("{}-{plain}", other.word()),
    }
}
