//! Policies: limits that the server keeps under a name.

use std::sync::Arc;

use crate::config_error::ConfigError;

const LONGEST_NAME: usize = 64;

/// The name of a policy that the server keeps (RL.POLICY SET). As a limit it stands for the
/// policy's clauses, whatever they are at the time of the request.
///
/// ```
/// use redis_rl::{LimitSet, Policy};
///
/// let read: LimitSet = "policy api".parse()?;
/// assert_eq!(read, LimitSet::new(None, [Policy::new("api")?])?);
/// # Ok::<(), redis_rl::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy(Arc<str>);

impl Policy {
    /// The policy of this name, `[A-Za-z0-9._:/@-]{1,64}`.
    ///
    /// # Errors
    /// When no policy can have it.
    pub fn new(name: &str) -> Result<Self, ConfigError> {
        let known = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
        if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(known) {
            return Ok(Self(Arc::from(name)));
        }
        Err(ConfigError::new(format!(
            "a policy's name must be 1 to {LONGEST_NAME} characters of A-Z a-z 0-9 . _ : / @ -, \
             not '{name}'"
        )))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Its name as headers have it, which allow neither `:` nor `@`.
    pub(crate) fn shown(&self) -> String {
        self.0.replace([':', '@'], "_")
    }
}
