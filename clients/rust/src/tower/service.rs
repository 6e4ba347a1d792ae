//! The service: asks, then serves or refuses.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use http::{Request, Response};
use redis::aio::ConnectionLike;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::answers::policy_line::PolicyLine;
use super::answers::{Refusal, headers};
use super::info::RateLimitInfo;
use super::rules::{Question, Rules};
use crate::error::Error;
use crate::limiter::Limiter;
use crate::outcome::Outcome;

/// A service whose requests are limited; see [`RateLimitLayer`](super::RateLimitLayer). Its error
/// is the inner service's: refusals and outages are responses.
pub struct RateLimit<S, C, B> {
    inner: S,
    guard: Arc<Guard<C, B>>,
}

/// What all clones of a service share.
struct Guard<C, B> {
    limiter: Limiter<C>,
    rules: Rules<B>,
    policies: PolicyLine,
}

impl<S, C, B> RateLimit<S, C, B> {
    pub(super) fn new(inner: S, limiter: Limiter<C>, rules: Rules<B>) -> Self {
        Self { inner, guard: Arc::new(Guard { limiter, rules, policies: PolicyLine::default() }) }
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
    R: From<String>,
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
            let outcome = match question {
                Ok(None) => Ok(None),
                Ok(Some(Question { key, limits, cost })) => {
                    guard.limiter.check_at(key, &limits, cost).await.map(Some)
                }
                Err(error) => guard.limiter.settle(String::new(), 0, error).map(Some),
            };
            let outcome = match outcome {
                Ok(Some(outcome)) if !outcome.allowed => return Ok(guard.deny(request, outcome)),
                Ok(outcome) => outcome.map(Arc::new),
                Err(error) => return Ok(guard.fail(request, &error)),
            };
            if let Some(hold) = outcome.as_ref().and_then(|outcome| guard.hold(outcome)) {
                hold.await;
            }
            let info = leave_info(&mut request, outcome.as_ref());
            let mut response = inner.call(request).await?;
            if let Some(outcome) = outcome {
                guard.tell(&mut response, &outcome, info);
            }
            Ok(response)
        })
    }
}

/// Leave what handlers ask for, also where the request is exempt.
fn leave_info<B>(request: &mut Request<B>, outcome: Option<&Arc<Outcome>>) -> RateLimitInfo {
    let extensions = request.extensions_mut();
    let Some(outcome) = outcome else {
        return extensions.get_or_insert_default::<RateLimitInfo>().clone();
    };
    let info = RateLimitInfo::with(extensions.get(), Arc::clone(outcome));
    extensions.insert(info.clone());
    info
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static, B> Guard<C, B> {
    /// The wait that a LEAKY limit asks for, where the layer keeps it.
    fn hold(&self, outcome: &Outcome) -> Option<Pin<Box<Sleep>>> {
        let wait = outcome.wait();
        (self.rules.wait && !wait.is_zero()).then(|| Box::pin(sleep(wait)))
    }

    fn deny<R: From<String>>(&self, request: Request<B>, outcome: Outcome) -> Response<R> {
        let (request, _body) = request.into_parts();
        let outcome = Arc::new(outcome);
        let info = RateLimitInfo::with(request.extensions.get(), Arc::clone(&outcome));
        let refusal = Refusal::Denied(&outcome);
        let mut response = self.rules.answer(&refusal, &request).map(R::from);
        self.tell(&mut response, &outcome, info);
        response
    }

    fn fail<R: From<String>>(&self, request: Request<B>, error: &Error) -> Response<R> {
        let (request, _body) = request.into_parts();
        let refusal = Refusal::of(error);
        let mut response = self.rules.answer(&refusal, &request).map(R::from);
        refusal.mark(response.headers_mut());
        response
    }

    /// Add what is known to a response. An inner layer's information has this one's in it already.
    fn tell<R>(&self, response: &mut Response<R>, outcome: &Outcome, info: RateLimitInfo) {
        let (headers, legacy) = (response.headers_mut(), self.limiter.legacy());
        headers::apply(headers, outcome, &self.policies, legacy, SystemTime::now);
        response.extensions_mut().get_or_insert_with(|| info);
    }
}
