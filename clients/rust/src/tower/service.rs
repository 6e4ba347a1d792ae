//! The service: asks, then serves or refuses.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use http::{Request, Response};
use redis::aio::ConnectionLike;
use tower_service::Service;

use super::headers;
use super::info::RateLimitInfo;
use super::layer::{Question, RateLimitLayer};
use super::refusal::Refusal;
use crate::error::Error;
use crate::outcome::Outcome;

/// A service whose requests are limited; see [`RateLimitLayer`]. Its error is the inner service's: refusals
/// and outages are responses.
#[derive(Debug)]
pub struct RateLimit<S, C, B> {
    inner: S,
    layer: Arc<RateLimitLayer<C, B>>,
}

impl<S, C, B> RateLimit<S, C, B> {
    pub(super) const fn new(inner: S, layer: Arc<RateLimitLayer<C, B>>) -> Self {
        Self { inner, layer }
    }
}

impl<S: Clone, C, B> Clone for RateLimit<S, C, B> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: Arc::clone(&self.layer) }
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

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready is called; its clone need not be ready.
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        let layer = Arc::clone(&self.layer);
        let question = layer.question(&request);
        Box::pin(async move {
            match layer.ask(question).await {
                Ok(None) => call(inner, request).await,
                Ok(Some(outcome)) if outcome.allowed => layer.serve(inner, request, outcome).await,
                Ok(Some(outcome)) => Ok(layer.deny(request, outcome)),
                Err(error) => Ok(layer.fail(request, &error)),
            }
        })
    }
}

async fn call<S: Service<Q>, Q>(mut ready: S, request: Q) -> Result<S::Response, S::Error> {
    ready.call(request).await
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static, B> RateLimitLayer<C, B> {
    async fn ask(
        &self,
        question: Result<Option<Question>, Error>,
    ) -> Result<Option<Outcome>, Error> {
        match question {
            Ok(None) => Ok(None),
            Ok(Some(Question { key, limits, cost })) => {
                self.limiter.check(&key, &limits, cost).await.map(Some)
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
        if self.waits() && !outcome.wait().is_zero() {
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
        let mut response = self.answer(&Refusal::Denied(&outcome), &request).map(R::from);
        self.tell(&mut response, &outcome, info);
        response
    }

    fn fail<R: From<String>>(&self, request: Request<B>, error: &Error) -> Response<R> {
        let (request, _body) = request.into_parts();
        let mut response = self.answer(&Refusal::Unavailable(error), &request).map(R::from);
        headers::retry_after(response.headers_mut(), 1);
        response
    }

    /// Add what is known to a response. An inner layer's information has this one's in it already.
    fn tell<R>(&self, response: &mut Response<R>, outcome: &Outcome, info: RateLimitInfo) {
        headers::apply(response.headers_mut(), outcome, self.limiter.legacy(), SystemTime::now);
        response.extensions_mut().get_or_insert_with(|| info);
    }
}
