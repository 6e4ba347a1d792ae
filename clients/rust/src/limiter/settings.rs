//! What a limiter can be told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::deny_cache::DenyCache;
use crate::config_error::ConfigError;
use crate::keys::address::Ipv6Prefix;
use crate::outcome::Outcome;

/// What happens to a request while Redis cannot answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnError {
    /// It is refused: an [`Error`](crate::Error), which a layer answers with 503.
    #[default]
    Closed,
    /// It is served, without rate headers, and counted in
    /// [`Limiter::failed_open`](crate::Limiter::failed_open).
    Open,
}

/// The `X-RateLimit-*` or draft-6 fields that older clients read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Legacy {
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`, which is in seconds from now.
    Delta,
    /// The same, with Reset in seconds since 1970.
    Epoch,
    /// `RateLimit-Limit`, `-Remaining` and `-Reset`, which is in seconds from now.
    Draft6,
}

type OnDecision = dyn Fn(&Outcome) + Send + Sync;

/// What all clones of a limiter share.
pub(crate) struct Settings {
    pub(crate) prefix: String,
    pub(crate) timeout: Duration,
    pub(crate) ipv6_prefix: Ipv6Prefix,
    pub(crate) legacy: Option<Legacy>,
    pub(crate) enabled: bool,
    pub(crate) on_decision: Option<Arc<OnDecision>>,
    pub(crate) deny_cache: Option<DenyCache>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "rl".to_owned(),
            timeout: Duration::from_millis(100),
            ipv6_prefix: Ipv6Prefix::default(),
            legacy: None,
            enabled: true,
            on_decision: None,
            deny_cache: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// Settings of a [`Limiter`](crate::Limiter) to be.
#[derive(Debug)]
#[must_use]
pub struct LimiterBuilder<C> {
    pub(super) connection: C,
    pub(super) settings: Settings,
    pub(super) on_error: OnError,
}

impl<C> LimiterBuilder<C> {
    /// The first field of every key; `rl` unless set.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// How long a check may take, over waiting, connecting and the reply; 100 ms unless set. Where
    /// this process itself was too busy to look, it gets that time again, once.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// What happens while Redis cannot answer; [`OnError::Closed`] unless set.
    pub const fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Older fields beside `RateLimit` and `RateLimit-Policy`; none unless set.
    pub const fn legacy(mut self, legacy: Legacy) -> Self {
        self.settings.legacy = Some(legacy);
        self
    }

    /// How many leading bits of an IPv6 address distinguish clients; 64 unless set.
    ///
    /// # Errors
    /// When there are not 32 to 128.
    pub fn ipv6_prefix(mut self, bits: u8) -> Result<Self, ConfigError> {
        self.settings.ipv6_prefix = Ipv6Prefix::new(bits)?;
        Ok(self)
    }

    /// Whether anything is limited at all, as in tests of the application: when it is not, no
    /// command is sent, and every check is allowed.
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.settings.enabled = enabled;
        self
    }

    /// Keep so many refusals in this process: the same call is then refused without a command until
    /// the refusal ends, at most for a minute, and for a second where a policy or a lease is
    /// involved. Its outcome has the source [`DenyCache`](crate::Source::DenyCache). 0, which keeps
    /// none, unless set.
    ///
    /// Not kept are refusals for good, those of charges that are settled, and those that a ban
    /// counts. Those of several subjects are forgotten with any of their keys.
    pub fn deny_cache(mut self, refusals: usize) -> Self {
        self.settings.deny_cache = (refusals > 0).then(|| DenyCache::new(refusals));
        self
    }

    /// Called with the outcome of every check, for metrics; also where nobody decided, see
    /// [`Source`](crate::Source).
    pub fn on_decision(mut self, told: impl Fn(&Outcome) + Send + Sync + 'static) -> Self {
        self.settings.on_decision = Some(Arc::new(told));
        self
    }
}
