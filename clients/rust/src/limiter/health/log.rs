//! What the limiter says of failures: at most one line a second of each sort.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Class, Error};

const PAUSE: Duration = Duration::from_secs(1);

/// When the last line of each sort was written: requests that nobody can be told of must not hide
/// an outage.
#[derive(Debug, Default)]
pub(crate) struct Log {
    outages: Last,
    mistakes: Last,
    unidentified: Last,
    unsettled: Last,
    #[cfg(feature = "tower")]
    undecided: Last,
    unreleased: Last,
}

#[derive(Debug, Default)]
struct Last(Mutex<Option<Instant>>);

impl Log {
    /// Tell of a failure, and whether the request is served all the same.
    pub(crate) fn failure(&self, error: &Error, served: bool) {
        match error.class() {
            Class::Transient if self.outages.is_due() => {
                tracing::warn!(%error, served, "rate limiter unavailable");
            }
            Class::Configuration | Class::MissingModule if self.mistakes.is_due() => {
                tracing::error!(%error, "rate limiter misconfigured");
            }
            Class::Unidentified if self.unidentified.is_due() => {
                tracing::warn!(%error, "request refused");
            }
            _ => {}
        }
    }

    /// Tell that a charge stands which was to be settled.
    pub(crate) fn unsettled(&self, error: &Error) {
        if self.unsettled.is_due() {
            tracing::warn!(%error, "a charge could not be settled and stands");
        }
    }

    /// Tell that a place stays taken until its lease ends.
    pub(crate) fn unreleased(&self, error: &Error) {
        if self.unreleased.is_due() {
            tracing::warn!(%error, "a place could not be given back and is held until its lease ends");
        }
    }

    /// Tell that nobody knows whether a response counts.
    #[cfg(feature = "tower")]
    pub(crate) fn undecided(&self) {
        if self.undecided.is_due() {
            tracing::error!("count_if panicked: the charge stands");
        }
    }
}

impl Last {
    fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::Arc;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;
    use crate::keys::CannotIdentify;

    /// Keeps the lines that are written.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0 += &format!(" {field}={value:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_line_a_second_says_what_to_do() {
        let lines = Lines::default();
        let _guard = tracing::subscriber::set_default(lines.clone());
        let log = Log::default();
        for _ in 0..1_000 {
            log.failure(&Error::ModuleNotLoaded, false);
        }
        tokio::time::advance(PAUSE).await;
        log.failure(&Error::BreakerOpen, true);
        log.failure(&Error::BreakerOpen, true);
        let lines = lines.0.lock().unwrap();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("ERROR") && lines[0].contains("--loadmodule"), "{lines:?}");
        assert!(lines[1].starts_with("WARN") && lines[1].contains("served=true"), "{lines:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_requests_from_nobody_hides_no_outage() {
        let lines = Lines::default();
        let _guard = tracing::subscriber::set_default(lines.clone());
        let log = Log::default();
        for _ in 0..1_000 {
            log.failure(&CannotIdentify.into(), false);
        }
        log.failure(&Error::BreakerOpen, false);
        log.failure(&Error::ModuleNotLoaded, false);
        let lines = lines.0.lock().unwrap();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].contains("cannot be identified"), "{lines:?}");
    }
}
