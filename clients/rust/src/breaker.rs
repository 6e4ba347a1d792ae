//! The breaker: after five failures in a row Redis is left alone for a second, then asked once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const FAILURES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    /// Set while the breaker is open.
    ask_at: Option<Instant>,
    /// Whether the one that asks again is on its way.
    probing: bool,
}

impl Breaker {
    /// Leave to ask, or nothing while Redis is left alone.
    pub(crate) fn enter(&self) -> Option<Permit<'_>> {
        let mut state = self.lock();
        let Some(ask_at) = state.ask_at else {
            return Some(Permit { breaker: self, probe: false });
        };
        if state.probing || Instant::now() < ask_at {
            return None;
        }
        state.probing = true;
        Some(Permit { breaker: self, probe: true })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to ask once. One that is dropped untold, as when the client hangs up, says nothing of Redis.
#[must_use]
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Permit<'_> {
    /// Redis answered.
    pub(crate) fn succeeded(self) {
        *self.breaker.lock() = State::default();
    }

    /// Redis did not answer.
    pub(crate) fn failed(self) {
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
        // Those that were under way when it opened do not prolong it.
        if self.probe || state.ask_at.is_none() && state.failures >= FAILURES {
            state.ask_at = Instant::now().checked_add(PAUSE);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.enter().expect("leave to ask").failed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn opens_after_five_failures_in_a_row_for_one_second() {
        let breaker = Breaker::default();
        fail(&breaker, 4);
        breaker.enter().expect("leave after four").succeeded();
        fail(&breaker, 5);
        assert!(breaker.enter().is_none());
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(breaker.enter().is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(breaker.enter().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_asks_again_and_its_answer_decides() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        tokio::time::advance(PAUSE).await;
        let probe = breaker.enter().expect("one may ask");
        assert!(breaker.enter().is_none(), "and only one");
        probe.failed();
        assert!(breaker.enter().is_none(), "open for another second");
        tokio::time::advance(PAUSE).await;
        breaker.enter().expect("one may ask").succeeded();
        fail(&breaker, 4);
        assert!(breaker.enter().is_some(), "the count began anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_lets_the_next_one_ask() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        tokio::time::advance(PAUSE).await;
        drop(breaker.enter().expect("one may ask"));
        assert!(breaker.enter().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn those_under_way_do_not_prolong_the_pause() {
        let breaker = Breaker::default();
        let late = breaker.enter().expect("leave to ask");
        fail(&breaker, 5);
        tokio::time::advance(Duration::from_millis(900)).await;
        late.failed();
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(breaker.enter().is_some());
    }
}
