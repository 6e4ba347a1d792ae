//! The layer: makes services that are limited.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response};
use tower_layer::Layer;

use super::answers::Refusal;
use super::answers::policy_line::PolicyLine;
use super::counts::Counts;
use super::met::Id;
use super::rules::Rules;
use super::scope::Methods;
use super::serve::RateLimit;
use super::serve::guard::Guard;
use super::who::{KeyFor, LimitsFor};
use crate::config_error::ConfigError;
use crate::limiter::{Limiter, OnError};

/// Limits the requests of a service. `C` is the connection, `B` the body of requests.
///
/// A limit set that has a name is counted under it, wherever it is used. Others are counted for
/// each method and route, with axum; else, and where no route matched, under `app`. OPTIONS has a
/// budget of its own.
///
/// A request that meets several layers is charged once by each, and by a layer and its clones once
/// in all. Where an unnamed one would count in what another has charged, it counts beside it, as
/// `app#2`.
pub struct RateLimitLayer<C, B> {
    limiter: Limiter<C>,
    rules: Rules<B>,
}

impl<C, B> RateLimitLayer<C, B> {
    /// A layer that limits each client's address. `limits` is a [`LimitSet`](crate::LimitSet), or a
    /// closure that chooses them by the request and who sent it.
    pub fn new(limiter: Limiter<C>, limits: impl LimitsFor<B> + 'static) -> Self
    where
        B: 'static,
    {
        Self { limiter, rules: Rules::new(limits) }
    }

    /// Limit whom this tells, instead of each address:
    /// [`ClientIp::behind`](super::ClientIp::behind) proxies, or a closure.
    #[must_use]
    pub fn key(self, key: impl KeyFor<B> + 'static) -> Self {
        self.with(|rules| rules.key = Arc::new(key))
    }

    /// What a request costs: 1 unless set. A request of cost 0 is told where it stands, and uses
    /// nothing.
    #[must_use]
    pub fn cost(self, cost: impl Fn(&Request<B>) -> u64 + Send + Sync + 'static) -> Self {
        self.with(|rules| rules.cost = Arc::new(cost))
    }

    /// Which requests are let through without being asked about.
    #[must_use]
    pub fn exempt(self, exempt: impl Fn(&Request<B>) -> bool + Send + Sync + 'static) -> Self {
        self.with(|rules| rules.exempt = Some(Arc::new(exempt)))
    }

    /// Limit these methods only, such as `["GET", "POST"]`. HEAD goes with GET; `*` stands for all
    /// that HTTP does not define.
    ///
    /// # Errors
    /// When there are none, or one is not a method.
    pub fn methods<T: AsRef<str>>(
        self,
        methods: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let methods = Methods::new(methods)?;
        Ok(self.with(|rules| rules.methods = Some(methods)))
    }

    /// Answer refusals in a way of your own; [`Refusal::response`] is the usual one. Rate headers
    /// are added.
    #[must_use]
    pub fn reject(
        self,
        reject: impl Fn(&Refusal<'_>, &Parts) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        self.with(|rules| rules.reject = Some(Arc::new(reject)))
    }

    /// Whether the service is one of gRPC, whose calls are then refused with RESOURCE_EXHAUSTED and
    /// the HTTP status 200. Off unless set: any client can say that its request is such a call.
    #[must_use]
    pub fn grpc(self, grpc: bool) -> Self {
        self.with(|rules| rules.grpc = grpc)
    }

    /// What happens here while Redis cannot answer, whatever the limiter does elsewhere.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.limiter = self.limiter.on_error(on_error);
        self.with(|_| {})
    }

    /// Hold requests as long as a LEAKY limit asks, so that the service sees a steady flow; off
    /// unless set. Requests that are held already have their places in a `ConcurrencyLimit`
    /// beneath.
    #[must_use]
    pub fn wait(self, wait: bool) -> Self {
        self.with(|rules| rules.wait = wait)
    }

    /// Count only requests whose answer this says yes to, such as failed logins:
    ///
    /// ```
    /// # use redis_rl::{Limiter, LimitSet, tower::RateLimitLayer};
    /// # fn f(limiter: Limiter) -> Result<RateLimitLayer<redis_rl::Connection, ()>, redis_rl::ConfigError> {
    /// let failures = LimitSet::named("signin", "3/15 minutes")?;
    /// let layer = RateLimitLayer::new(limiter, failures)
    ///     .count_if(|answer| answer.status.is_client_error() || answer.status.is_server_error());
    /// # Ok(layer) }
    /// ```
    ///
    /// Each request is charged before the service is called, so that none slips by while others are
    /// under way, and given back after it where this says no: a second command, which nobody waits
    /// for. It is asked when status and headers are known. An error or a panic of the service counts
    /// as an answer of status 500; where there is no answer, since the client has gone, the charge
    /// stands. If this panics, it stands, too.
    ///
    /// It may also return a future, which the answer waits for:
    ///
    /// ```
    /// # use redis_rl::{Limiter, LimitSet, tower::RateLimitLayer};
    /// # async fn is_suspicious(_: http::StatusCode) -> bool { true }
    /// # fn f(limiter: Limiter, limits: LimitSet) -> RateLimitLayer<redis_rl::Connection, ()> {
    /// RateLimitLayer::new(limiter, limits).count_if(|answer| is_suspicious(answer.status))
    /// # }
    /// ```
    #[must_use]
    pub fn count_if<A: Counts<K>, K>(
        self,
        counts: impl Fn(&http::response::Parts) -> A + Send + Sync + 'static,
    ) -> Self {
        self.with(|rules| {
            rules.count_if =
                Some(Arc::new(move |answer: &http::response::Parts| counts(answer).counts()))
        })
    }

    /// Charge the `cost` as an estimate, and leave a [`Reservation`](crate::Reservation) in the
    /// request's extensions, with which the handler settles it. Off unless set.
    #[must_use]
    pub fn reserve(self, reserve: bool) -> Self {
        self.with(|rules| rules.reserve = reserve)
    }

    /// Whether a check is sent once more when the connection breaks before its reply; see
    /// [`Limiter::retry`].
    #[must_use]
    pub fn retry(mut self, retry: bool) -> Self {
        self.limiter = self.limiter.retry(retry);
        self.with(|_| {})
    }

    /// Let requests wait a moment instead of refusing them, for so long; see
    /// [`Limiter::max_wait`].
    ///
    /// # Errors
    /// When it is not above 0, and at most an hour.
    pub fn max_wait(mut self, max_wait: Duration) -> Result<Self, ConfigError> {
        self.limiter = self.limiter.max_wait(max_wait)?;
        Ok(self.with(|_| {}))
    }

    /// What a service asks and answers by.
    pub(super) fn guard(&self) -> Guard<C, B>
    where
        C: Clone,
    {
        let (limiter, rules) = (self.limiter.clone(), self.rules.clone());
        Guard { limiter, rules, policies: PolicyLine::default() }
    }

    /// The same layer with another rule, which makes it another limit.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Rules<B>)) -> Self {
        change(&mut self.rules);
        self.rules.id = Id::new();
        self.rules.others.iter_mut().for_each(|other| other.id = Id::new());
        self
    }
}

impl<S, C: Clone, B> Layer<S> for RateLimitLayer<C, B> {
    type Service = RateLimit<S, C, B>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit::new(inner, self.guard())
    }
}

impl<C: Clone, B> Clone for RateLimitLayer<C, B> {
    fn clone(&self) -> Self {
        Self { limiter: self.limiter.clone(), rules: self.rules.clone() }
    }
}

impl<C, B> fmt::Debug for RateLimitLayer<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer").finish_non_exhaustive()
    }
}
