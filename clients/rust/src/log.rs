//! What the limiter says of failures: at most one line a second, through the feature `tracing`.

use crate::error::{Class, Error};

/// Counts failures and lets one line a second through.
#[derive(Debug, Default)]
pub(crate) struct Log {
    #[cfg(feature = "tracing")]
    last: std::sync::Mutex<Option<tokio::time::Instant>>,
}

impl Log {
    #[cfg(feature = "tracing")]
    pub(crate) fn failure(&self, error: &Error, served: bool) {
        use std::sync::PoisonError;
        use tokio::time::{Duration, Instant};

        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.saturating_duration_since(last) < Duration::from_secs(1)) {
            return;
        }
        *last = Some(now);
        drop(last);
        match error.class() {
            Class::Transient => tracing::warn!(%error, served, "rate limiter unavailable"),
            _ => tracing::error!(%error, "rate limiter misconfigured"),
        }
    }

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "it is asked the same with and without tracing")]
    pub(crate) const fn failure(&self, _: &Error, _: bool) {
        let _ = Class::Transient;
    }
}
