//! The service: asks, then serves or refuses.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use redis::aio::ConnectionLike;
use tower_service::Service;

use super::guard::{Guard, leave_info};
use super::pending::Pending;
use crate::limiter::Reservation;
use crate::limiter::charge::Charge;
use crate::outcome::{Outcome, Source};
use crate::tower::rules::Question;

/// A service whose requests are limited; see [`RateLimitLayer`](crate::tower::RateLimitLayer). Its error
/// is the inner service's: refusals and outages are responses.
pub struct RateLimit<S, C, B> {
    inner: S,
    guard: Arc<Guard<C, B>>,
}

impl<S, C, B> RateLimit<S, C, B> {
    pub(in crate::tower) fn new(inner: S, guard: Guard<C, B>) -> Self {
        Self { inner, guard: Arc::new(guard) }
    }
}

impl<S: Clone, C, B> Clone for RateLimit<S, C, B> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), guard: Arc::clone(&self.guard) }
    }
}

impl<S: fmt::Debug, C, B> fmt::Debug for RateLimit<S, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, C, B, R> Service<Request<B>> for RateLimit<S, C, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    C: ConnectionLike + Clone + Send + Sync + 'static,
    B: Send + 'static,
    R: From<String> + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that is ready is called; its clone need not be ready.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let guard = Arc::clone(&self.guard);
        let question = guard.rules.question(&guard.limiter, &mut request);
        Box::pin(async move {
            let asked = match question {
                Ok(None) => Ok((None, None)),
                // Boxed, so that other requests need no memory for it.
                Ok(Some(Question::All { asked, slotted })) => {
                    let settles = guard.rules.settles();
                    let asking = Box::pin(guard.limiter.all_at(asked, slotted, settles));
                    asking.await.map(|(outcome, charge)| (Some(outcome), charge))
                }
                Ok(Some(Question::One { key, limits, cost })) if guard.rules.settles() => {
                    let asking = Box::pin(guard.limiter.charge_at(key, &limits, cost));
                    asking.await.map(|(outcome, charge)| (Some(outcome), charge))
                }
                Ok(Some(Question::One { key, limits, cost })) => {
                    let outcome = guard.limiter.check_at(key, &limits, cost).await;
                    outcome.map(|outcome| (Some(outcome), None))
                }
                Err(error) => {
                    let outcome = guard.limiter.excuse(String::new(), 0, error);
                    outcome.map(|outcome| (Some(outcome), None))
                }
            };
            let (outcome, charge) = match asked {
                Ok((Some(outcome), _)) if !outcome.allowed => {
                    return Ok(guard.deny(request, outcome));
                }
                Ok((outcome, charge)) => (outcome.map(Arc::new), charge),
                Err(error) => return Ok(guard.fail(request, &error)),
            };
            if let Some(hold) = outcome.as_ref().and_then(|outcome| guard.hold(outcome)) {
                hold.await;
            }
            let info = leave_info(&mut request, outcome.as_ref());
            if guard.rules.reserve {
                leave_reservation(&mut request, outcome.as_deref(), charge.as_ref());
            }
            let pending = Pending::new(charge.as_ref(), &guard);
            let mut response = match inner.call(request).await {
                Ok(response) => response,
                Err(error) => {
                    if let Some(pending) = pending {
                        pending.failed();
                    }
                    return Err(error);
                }
            };
            if let Some(pending) = pending {
                // Boxed, as above.
                response = Box::pin(pending.answered(response)).await;
            }
            if let Some(outcome) = outcome {
                guard.tell(&mut response, &outcome, charge.as_ref(), info);
            }
            Ok(response)
        })
    }
}

/// Leave what the handler settles.
fn leave_reservation<B>(
    request: &mut Request<B>,
    outcome: Option<&Outcome>,
    charge: Option<&Charge>,
) {
    let exempt = || Outcome::served(String::new(), 0, Source::Exempt);
    let outcome = outcome.map_or_else(exempt, Clone::clone);
    request.extensions_mut().insert(Reservation::new(outcome, charge.cloned()));
}
