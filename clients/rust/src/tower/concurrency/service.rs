//! The service: takes a place, then serves; or refuses.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use redis::aio::ConnectionLike;
use tower_service::Service;

use super::body::HeldBody;
use crate::limits::Places;
use crate::tower::rules::Question;
use crate::tower::serve::guard::{Guard, leave_info};

/// A service of which so many requests run at once; see
/// [`ConcurrencyLayer`](super::ConcurrencyLayer). Its error is the inner service's: refusals and
/// outages are responses.
pub struct Concurrency<S, C, B> {
    inner: S,
    guard: Arc<Guard<C, B>>,
    places: Places,
}

impl<S, C, B> Concurrency<S, C, B> {
    pub(super) fn new(inner: S, guard: Guard<C, B>, places: Places) -> Self {
        Self { inner, guard: Arc::new(guard), places }
    }
}

impl<S: Clone, C, B> Clone for Concurrency<S, C, B> {
    fn clone(&self) -> Self {
        let (inner, guard) = (self.inner.clone(), Arc::clone(&self.guard));
        Self { inner, guard, places: self.places.clone() }
    }
}

impl<S: fmt::Debug, C, B> fmt::Debug for Concurrency<S, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concurrency").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, C, B, R> Service<Request<B>> for Concurrency<S, C, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    C: ConnectionLike + Clone + Send + Sync + 'static,
    B: Send + 'static,
    R: From<String>,
{
    type Response = Response<HeldBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that is ready is called; its clone need not be ready.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let (guard, places) = (Arc::clone(&self.guard), self.places.clone());
        let question = guard.rules.question(&guard.limiter, &mut request);
        Box::pin(async move {
            let free = |response: Response<R>| response.map(|body| HeldBody::new(body, None));
            let (lease, outcome) = match question {
                Ok(Some(Question::One { key, .. })) => {
                    match guard.limiter.lease_at(key, &places).await {
                        Ok(lease) if !lease.outcome().allowed => {
                            let denied = lease.outcome().clone();
                            return Ok(free(guard.deny(request, denied)));
                        }
                        Ok(lease) => {
                            let outcome = lease.shared_outcome();
                            (Some(lease), Some(outcome))
                        }
                        Err(error) => return Ok(free(guard.fail(request, &error))),
                    }
                }
                // Places are asked for by one subject.
                Ok(None | Some(Question::All { .. })) => (None, None),
                Err(error) => match guard.limiter.excuse(String::new(), 0, error) {
                    Ok(served) => (None, Some(Arc::new(served))),
                    Err(error) => return Ok(free(guard.fail(request, &error))),
                },
            };
            let info = leave_info(&mut request, outcome.as_ref());
            let mut response = inner.call(request).await?;
            if let Some(outcome) = outcome {
                guard.tell(&mut response, &outcome, None, info);
            }
            Ok(response.map(|body| HeldBody::new(body, lease)))
        })
    }
}
