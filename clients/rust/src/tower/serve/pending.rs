//! A charge whose request is under way: whether it counts is known when it is answered.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use http::{Response, StatusCode, response};
use tokio::runtime::Handle;

use super::guard::Guard;
use crate::limiter::charge::Charge;
use crate::tower::rules::{CountIf, Counting};

/// One that is dropped without an answer stands, unless the service has panicked.
pub(super) struct Pending<C: Send + Sync + 'static, B: 'static> {
    charge: Charge,
    counts: Arc<CountIf>,
    guard: Arc<Guard<C, B>>,
    answered: bool,
}

impl<C: Send + Sync + 'static, B: 'static> Pending<C, B> {
    /// Nothing where all answers count.
    pub(super) fn new(charge: Option<&Charge>, guard: &Arc<Guard<C, B>>) -> Option<Self> {
        let (charge, counts) = (charge?.clone(), guard.rules.count_if.clone()?);
        Some(Self { charge, counts, guard: Arc::clone(guard), answered: false })
    }

    /// The service answered.
    pub(super) async fn answered<R>(mut self, response: Response<R>) -> Response<R> {
        let (parts, body) = response.into_parts();
        let counting = self.ask(&parts);
        self.judge(counting).await;
        Response::from_parts(parts, body)
    }

    /// The service failed, as if it had answered 500. Nobody waits for what comes of it.
    pub(super) fn failed(mut self) {
        self.fail();
    }

    fn fail(&mut self) {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        let counting = self.ask(&response.into_parts().0);
        // Without a runtime the charge stands.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.judge(counting));
        }
    }

    /// Ask about an answer; nothing comes of it where that panics.
    fn ask(&mut self, answer: &response::Parts) -> Option<Counting> {
        self.answered = true;
        catch_unwind(AssertUnwindSafe(|| (self.counts)(answer))).ok()
    }

    fn judge(&self, counting: Option<Counting>) -> impl Future<Output = ()> + Send + use<C, B> {
        let (charge, guard) = (self.charge.clone(), Arc::clone(&self.guard));
        async move {
            let counts = match counting {
                Some(counting) => unless_it_panics(counting).await,
                None => None,
            };
            match counts {
                Some(true) => {}
                Some(false) => charge.give_back(),
                None => guard.limiter.log_undecided(),
            }
        }
    }
}

async fn unless_it_panics(mut counting: Counting) -> Option<bool> {
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| counting.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
    .await
}

impl<C: Send + Sync + 'static, B: 'static> Drop for Pending<C, B> {
    fn drop(&mut self) {
        if !self.answered && thread::panicking() {
            self.fail();
        }
    }
}
