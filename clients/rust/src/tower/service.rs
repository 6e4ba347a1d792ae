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
use tower_service::Service;

use super::answers::{Refusal, headers};
use super::info::RateLimitInfo;
use super::rules::{Question, Rules};
use crate::error::Error;
use crate::limiter::Limiter;
use crate::outcome::Outcome;

/// A service whose requests are limited; see [`RateLimitLayer`](super::RateLimitLayer). Its error is the inner
/// service's: refusals and outages are responses.
pub struct RateLimit<S, C, B> {
    inner: S,
    guard: Arc<Guard<C, B>>,
}

/// What all clones of a service share.
struct Guard<C, B> {
    limiter: Limiter<C>,
    rules: Rules<B>,
}

impl<S, C, B> RateLimit<S, C, B> {
    pub(super) fn new(inner: S, limiter: Limiter<C>, rules: Rules<B>) -> Self {
        Self { inner, guard: Arc::new(Guard { limiter, rules }) }
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
        let inner = mem::replace(&mut self.inner, next);
        let guard = Arc::clone(&self.guard);
        let question = guard.rules.question(&guard.limiter, &mut request);
        Box::pin(async move {
            match guard.ask(question).await {
                Ok(None) => pass(inner, request).await,
                Ok(Some(outcome)) if outcome.allowed => guard.serve(inner, request, outcome).await,
                Ok(Some(outcome)) => Ok(guard.deny(request, outcome)),
                Err(error) => Ok(guard.fail(request, &error)),
            }
        })
    }
}

async fn call<S: Service<Q>, Q>(mut ready: S, request: Q) -> Result<S::Response, S::Error> {
    ready.call(request).await
}

/// Serve a request that is exempt. What handlers ask for is there all the same.
async fn pass<S, B, R>(inner: S, mut request: Request<B>) -> Result<Response<R>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    request.extensions_mut().get_or_insert_default::<RateLimitInfo>();
    call(inner, request).await
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static, B> Guard<C, B> {
    async fn ask(
        &self,
        question: Result<Option<Question>, Error>,
    ) -> Result<Option<Outcome>, Error> {
        match question {
            Ok(None) => Ok(None),
            Ok(Some(Question { key, limits, cost })) => {
                self.limiter.check_at(key, &limits, cost).await.map(Some)
            }
            Err(error) => self.limiter.settle(String::new(), 0, error).map(Some),
        }
    }

    async fn serve<S, R>(
        &self,
        inner: S,
        mut request: Request<B>,
        outcome: Outcome,
    ) -> Result<Response<R>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        let outcome = Arc::new(outcome);
        if self.rules.wait && !outcome.wait().is_zero() {
            tokio::time::sleep(outcome.wait()).await;
        }
        let extensions = request.extensions_mut();
        let info = RateLimitInfo::with(extensions.get(), Arc::clone(&outcome));
        extensions.insert(info.clone());
        let mut response = call(inner, request).await?;
        self.tell(&mut response, &outcome, info);
        Ok(response)
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
        headers::apply(response.headers_mut(), outcome, self.limiter.legacy(), SystemTime::now);
        response.extensions_mut().get_or_insert_with(|| info);
    }
}
