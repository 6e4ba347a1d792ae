//! A charge whose request is under way: whether it counts is known when it is answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use http::{Response, StatusCode, response};

use super::guard::Guard;
use crate::limiter::charge::Charge;
use crate::tower::rules::CountIf;

/// One that is dropped without an answer stands, unless the service has panicked.
pub(super) struct Pending<C, B> {
    charge: Charge,
    counts: Arc<CountIf>,
    guard: Arc<Guard<C, B>>,
    answered: bool,
}

impl<C, B> Pending<C, B> {
    /// Nothing where all answers count.
    pub(super) fn new(charge: Option<&Charge>, guard: &Arc<Guard<C, B>>) -> Option<Self> {
        let (charge, counts) = (charge?.clone(), guard.rules.count_if.clone()?);
        Some(Self { charge, counts, guard: Arc::clone(guard), answered: false })
    }

    /// The service answered.
    pub(super) fn answered<R>(mut self, response: Response<R>) -> Response<R> {
        let (parts, body) = response.into_parts();
        self.judge(&parts);
        Response::from_parts(parts, body)
    }

    /// The service failed, as if it had answered 500.
    pub(super) fn failed(&mut self) {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        self.judge(&response.into_parts().0);
    }

    fn judge(&mut self, answer: &response::Parts) {
        self.answered = true;
        match catch_unwind(AssertUnwindSafe(|| (self.counts)(answer))) {
            Ok(true) => {}
            Ok(false) => self.charge.give_back(),
            Err(_panic) => self.guard.limiter.log_undecided(),
        }
    }
}

impl<C, B> Drop for Pending<C, B> {
    fn drop(&mut self) {
        if !self.answered && thread::panicking() {
            self.failed();
        }
    }
}
