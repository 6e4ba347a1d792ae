//! What the limiter knows of Redis: whether it answers, and whether it is set up right.
//!
//! After five missing answers in a row Redis is left alone for a second, then asked once. What is
//! known to be misconfigured stays so until a check succeeds, whatever fails in between.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Class, Error};

const FAILURES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Missing answers in a row.
    failures: u32,
    /// Set while the breaker is open.
    ask_at: Option<Instant>,
    /// Whether the one that asks again is on its way.
    probing: bool,
    /// How many connections had been made.
    connections: u64,
    misconfigured: Option<Error>,
}

impl Breaker {
    /// Leave to ask, or why not, while Redis is left alone. A connection that was made since is
    /// news: it closes the breaker.
    pub(crate) fn enter(&self, connections: u64) -> Result<Permit<'_>, Error> {
        let mut state = self.lock();
        if state.connections != connections {
            state.answered();
            state.connections = connections;
        }
        let Some(ask_at) = state.ask_at else {
            return Ok(Permit { breaker: self, probe: false });
        };
        if state.probing || Instant::now() < ask_at {
            return Err(state.misconfigured.clone().unwrap_or(Error::BreakerOpen));
        }
        state.probing = true;
        Ok(Permit { breaker: self, probe: true })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answered(&mut self) {
        self.failures = 0;
        self.ask_at = None;
        self.probing = false;
    }
}

/// Leave to ask once. One that is dropped untold, as when the client hangs up, says nothing of
/// Redis.
#[derive(Debug)]
#[must_use]
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Permit<'_> {
    /// Redis decided.
    pub(crate) fn succeeded(self) {
        let mut state = self.breaker.lock();
        state.answered();
        state.misconfigured = None;
    }

    /// Redis decided nothing, for this reason; what the caller is to be told.
    pub(crate) fn failed(self, error: Error) -> Error {
        let mut state = self.breaker.lock();
        match error.class() {
            Class::Transient if error.is_missing_answer() => {
                state.failures = state.failures.saturating_add(1);
                // Those that were under way when it opened do not prolong it.
                if self.probe || state.ask_at.is_none() && state.failures >= FAILURES {
                    state.ask_at = Instant::now().checked_add(PAUSE);
                }
            }
            // This process was late, which says nothing of Redis.
            Class::Transient if matches!(error, Error::Late(_)) => {}
            Class::Transient => state.answered(),
            _ => {
                state.answered();
                state.misconfigured = Some(error.clone());
                return error;
            }
        }
        state.misconfigured.clone().unwrap_or(error)
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
    use redis::{ErrorKind, RedisError};

    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            let _ = breaker.enter(0).expect("leave to ask").failed(Error::Timeout(PAUSE));
        }
    }

    fn is_open(breaker: &Breaker) -> bool {
        breaker.enter(0).is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn opens_after_five_failures_in_a_row_for_one_second() {
        let breaker = Breaker::default();
        fail(&breaker, 4);
        breaker.enter(0).expect("leave after four").succeeded();
        fail(&breaker, 5);
        assert!(is_open(&breaker));
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(is_open(&breaker));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn one_asks_again_and_its_answer_decides() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        tokio::time::advance(PAUSE).await;
        let probe = breaker.enter(0).expect("one may ask");
        assert!(is_open(&breaker), "and only one");
        let _ = probe.failed(Error::Timeout(PAUSE));
        assert!(is_open(&breaker), "open for another second");
        tokio::time::advance(PAUSE).await;
        breaker.enter(0).expect("one may ask").succeeded();
        fail(&breaker, 4);
        assert!(!is_open(&breaker), "the count began again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_lets_the_next_one_ask() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        tokio::time::advance(PAUSE).await;
        drop(breaker.enter(0).expect("one may ask"));
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn those_under_way_do_not_prolong_the_pause() {
        let breaker = Breaker::default();
        let late = breaker.enter(0).expect("leave to ask");
        fail(&breaker, 5);
        tokio::time::advance(Duration::from_millis(900)).await;
        let _ = late.failed(Error::Timeout(PAUSE));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn only_missing_answers_open_it_and_any_answer_ends_their_row() {
        let answered = || {
            let line = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n";
            let oom = redis::parse_redis_value(line).and_then(redis::Value::extract_error);
            Error::from(oom.expect_err("a server's error"))
        };
        let lost = || Error::from(RedisError::from((ErrorKind::Io, "connection lost")));
        for (why, error, opens) in [
            ("OOM", &answered as &dyn Fn() -> Error, false),
            ("a configuration error", &|| Error::ModuleNotLoaded, false),
            ("own lateness", &|| Error::Late(PAUSE), false),
            ("a lost connection", &lost, true),
            ("a timeout", &|| Error::Timeout(PAUSE), true),
        ] {
            let breaker = Breaker::default();
            for _ in 0..20 {
                if let Ok(permit) = breaker.enter(0) {
                    let _ = permit.failed(error());
                }
            }
            assert_eq!(is_open(&breaker), opens, "{why}");
        }
        let breaker = Breaker::default();
        for _ in 0..5 {
            fail(&breaker, 4);
            let _ = breaker.enter(0).expect("leave to ask").failed(answered());
        }
        assert!(!is_open(&breaker), "four of each five were missing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_closes_it() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        assert!(is_open(&breaker));
        assert!(breaker.enter(1).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_misconfigured_stays_so_until_a_check_succeeds() {
        let breaker = Breaker::default();
        let enter = || breaker.enter(0).expect("leave to ask");
        let _ = enter().failed(Error::ModuleNotLoaded);
        for _ in 0..5 {
            let told = enter().failed(Error::Timeout(PAUSE));
            assert!(matches!(told, Error::ModuleNotLoaded), "{told}");
        }
        let told = breaker.enter(0).expect_err("five answers were missing");
        assert!(matches!(told, Error::ModuleNotLoaded), "{told}");
        tokio::time::advance(PAUSE).await;
        enter().succeeded();
        let told = enter().failed(Error::Timeout(PAUSE));
        assert!(matches!(told, Error::Timeout(_)), "{told}");
    }
}
