//! The layer: which requests are limited, by what, and what they cost.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response};
use tower_layer::Layer;

use super::client_ip::ClientIp;
use super::identity::{KeyFor, LimitsFor};
use super::refusal::Refusal;
use super::scope;
use super::service::RateLimit;
use crate::error::Error;
use crate::key::Key;
use crate::limiter::{Limiter, OnError};
use crate::limits::Limits;

type Cost<B> = dyn Fn(&Request<B>) -> u64 + Send + Sync;
type Reject = dyn Fn(&Refusal<'_>, &Parts) -> Response<String> + Send + Sync;

/// Limits the requests of a service. `C` is the connection, `B` the body of requests.
///
/// Limits that have a name are counted under it, wherever they are used. Others are counted for each method
/// and route, with axum; else, and where no route matched, under `app`.
///
/// OPTIONS is exempt, so that browsers' preflights are answered.
pub struct RateLimitLayer<C, B> {
    pub(super) limiter: Limiter<C>,
    rules: Rules<B>,
}

struct Rules<B> {
    limits: Arc<dyn LimitsFor<B>>,
    key: Arc<dyn KeyFor<B>>,
    cost: Arc<Cost<B>>,
    methods: Option<Arc<[Method]>>,
    reject: Option<Arc<Reject>>,
    wait: bool,
}

/// What a request asks the limiter.
pub(super) struct Question {
    pub(super) key: Key,
    pub(super) limits: Limits,
    pub(super) cost: u64,
}

impl<C, B> RateLimitLayer<C, B> {
    /// A layer that limits each client's address. `limits` are [`Limits`], or a closure that chooses them by
    /// the request and who sent it.
    pub fn new(limiter: Limiter<C>, limits: impl LimitsFor<B> + 'static) -> Self
    where
        B: 'static,
    {
        let rules = Rules {
            limits: Arc::new(limits),
            key: Arc::new(ClientIp::default()),
            cost: Arc::new(|_| 1),
            methods: None,
            reject: None,
            wait: false,
        };
        Self { limiter, rules }
    }

    /// Limit whom this tells, instead of each address: [`ClientIp::behind`] proxies, or a closure.
    #[must_use]
    pub fn key(mut self, key: impl KeyFor<B> + 'static) -> Self {
        self.rules.key = Arc::new(key);
        self
    }

    /// What a request costs: 1 unless set. A request of cost 0 is told where it stands, and uses nothing.
    #[must_use]
    pub fn cost(mut self, cost: impl Fn(&Request<B>) -> u64 + Send + Sync + 'static) -> Self {
        self.rules.cost = Arc::new(cost);
        self
    }

    /// Limit these methods only. HEAD goes with GET.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.rules.methods = Some(methods.into_iter().collect());
        self
    }

    /// Answer refusals in a way of your own; [`Refusal::response`] is the usual one. Rate headers are added.
    #[must_use]
    pub fn reject(
        mut self,
        reject: impl Fn(&Refusal<'_>, &Parts) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        self.rules.reject = Some(Arc::new(reject));
        self
    }

    /// What happens here while Redis cannot answer, whatever the limiter does elsewhere.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.limiter = self.limiter.on_error(on_error);
        self
    }

    /// Hold requests as long as a LEAKY limit asks, so that the service sees a steady flow; off unless set.
    /// Requests that are held already have their places in a `ConcurrencyLimit` beneath.
    #[must_use]
    pub const fn wait(mut self, wait: bool) -> Self {
        self.rules.wait = wait;
        self
    }

    pub(super) const fn waits(&self) -> bool {
        self.rules.wait
    }

    /// What to ask of a request, or nothing where it is exempt.
    pub(super) fn question(&self, request: &Request<B>) -> Result<Option<Question>, Error> {
        if !self.limited(request.method()) {
            return Ok(None);
        }
        let Some(subject) = self.rules.key.key(request)? else { return Ok(None) };
        let limits = self.rules.limits.limits(request, &subject);
        let scope = limits.name().map_or_else(|| scope::of(request), str::to_owned);
        let cost = (self.rules.cost)(request);
        Ok(Some(Question { key: Key::new(scope, subject), limits, cost }))
    }

    pub(super) fn answer(&self, refusal: &Refusal<'_>, request: &Parts) -> Response<String> {
        match &self.rules.reject {
            Some(reject) => reject(refusal, request),
            None if Refusal::is_grpc(&request.headers) => refusal.grpc(),
            None => refusal.response(),
        }
    }

    fn limited(&self, method: &Method) -> bool {
        let named = scope::method(method);
        match &self.rules.methods {
            Some(methods) => methods.iter().any(|method| scope::method(method) == named),
            None => *method != Method::OPTIONS,
        }
    }
}

impl<S, C: Clone, B> Layer<S> for RateLimitLayer<C, B> {
    type Service = RateLimit<S, C, B>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit::new(inner, Arc::new(self.clone()))
    }
}

impl<C: Clone, B> Clone for RateLimitLayer<C, B> {
    fn clone(&self) -> Self {
        Self { limiter: self.limiter.clone(), rules: self.rules.clone() }
    }
}

// Derived, it would ask that bodies can be cloned.
impl<B> Clone for Rules<B> {
    fn clone(&self) -> Self {
        Self {
            limits: Arc::clone(&self.limits),
            key: Arc::clone(&self.key),
            cost: Arc::clone(&self.cost),
            methods: self.methods.clone(),
            reject: self.reject.clone(),
            wait: self.wait,
        }
    }
}

impl<C, B> fmt::Debug for RateLimitLayer<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer").finish_non_exhaustive()
    }
}
