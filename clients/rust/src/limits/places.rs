//! Places: so many at once.

use std::sync::Arc;

use super::name;
use super::period::Period;
use crate::config_error::ConfigError;

const MOST: u32 = 65_536;

/// So many places, each held for a lease that is renewed while the work goes on:
///
/// ```
/// use redis_rl::Places;
///
/// let uploads = Places::new(3, "30s")?.named("uploads")?;
/// # Ok::<(), redis_rl::ConfigError>(())
/// ```
///
/// A crash frees a place when its lease ends. So let it be short: half a minute is renewed each ten
/// seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    limit: u32,
    lease: Period,
    name: Option<String>,
    shown: Arc<str>,
}

impl Places {
    /// This many places (0 to 65,536; above 10,000 the server must be set to allow it), held for a
    /// lease such as `30s` or `5 minutes`.
    ///
    /// # Errors
    /// When there are too many, or the lease is no time.
    pub fn new(limit: u32, lease: &str) -> Result<Self, ConfigError> {
        if limit > MOST {
            return Err(ConfigError::new(format!(
                "places must be an integer from 0 to {MOST}, not {limit}"
            )));
        }
        let lease = lease.parse().map_err(|error| {
            ConfigError::new(format!(
                "a lease must be a time, such as Places::new(3, \"30s\"): {error}"
            ))
        })?;
        Ok(Self { limit, lease, name: None, shown: Arc::from(format!("{limit}-at-once")) })
    }

    /// Under a name (`[A-Za-z0-9._/-]{1,64}`), which is their scope and their name in headers.
    ///
    /// # Errors
    /// When it is not such a name.
    pub fn named(mut self, name: &str) -> Result<Self, ConfigError> {
        let name = name::checked(name.to_owned())?;
        self.shown = Arc::from(name.as_str());
        self.name = Some(name);
        Ok(self)
    }

    /// How many there are.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// How long each is held unless it is renewed.
    #[must_use]
    pub const fn lease(&self) -> Period {
        self.lease
    }

    /// The name that was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The name that headers have.
    pub(crate) const fn shown(&self) -> &Arc<str> {
        &self.shown
    }
}
