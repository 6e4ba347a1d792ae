//! The layer: makes services of which so many requests run at once.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response};
use tower_layer::Layer;

use super::service::Concurrency;
use crate::config_error::ConfigError;
use crate::limiter::{Limiter, OnError};
use crate::limits::{LimitSet, Places};
use crate::tower::answers::Refusal;
use crate::tower::met::Id;
use crate::tower::rules::Rules;
use crate::tower::scope::Methods;
use crate::tower::who::KeyFor;

/// Lets so many requests of a subject run at once, in all processes together. `C` is the
/// connection, `B` the body of requests.
///
/// A request takes a place before the service is called. It is renewed while the request lasts, and
/// given back when the body of the response has ended, when the service fails or panics, or when
/// the client goes away. A process that is killed leaves its places until their leases end. Places
/// are named and counted as the limits of a [`RateLimitLayer`](super::super::RateLimitLayer) are.
///
/// ```
/// # use redis_rl::{Limiter, Places, tower::ConcurrencyLayer};
/// # fn f(limiter: Limiter) -> Result<ConcurrencyLayer<redis_rl::Connection, ()>, redis_rl::ConfigError> {
/// let uploads = ConcurrencyLayer::new(limiter, Places::new(3, "30s")?.named("uploads")?);
/// # Ok(uploads) }
/// ```
pub struct ConcurrencyLayer<C, B> {
    limiter: Limiter<C>,
    rules: Rules<B>,
    places: Places,
}

impl<C, B> ConcurrencyLayer<C, B> {
    /// A layer with so many places for each client's address.
    pub fn new(limiter: Limiter<C>, places: Places) -> Self
    where
        B: 'static,
    {
        Self { limiter, rules: Rules::new(LimitSet::of_places(&places)), places }
    }

    /// Give places to whom this tells, instead of each address:
    /// [`ClientIp::behind`](super::super::ClientIp::behind) proxies, or a closure.
    #[must_use]
    pub fn key(self, key: impl KeyFor<B> + 'static) -> Self {
        self.with(|rules| rules.key = Arc::new(key))
    }

    /// Which requests need no place.
    #[must_use]
    pub fn exempt(self, exempt: impl Fn(&Request<B>) -> bool + Send + Sync + 'static) -> Self {
        self.with(|rules| rules.exempt = Some(Arc::new(exempt)))
    }

    /// Limit these methods only, such as `["POST"]`. HEAD goes with GET; `*` stands for all that
    /// HTTP does not define.
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

    /// Whether the service is one of gRPC; see
    /// [`RateLimitLayer::grpc`](super::super::RateLimitLayer::grpc).
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

    /// The same layer with another rule, which makes it another limit.
    fn with(mut self, change: impl FnOnce(&mut Rules<B>)) -> Self {
        change(&mut self.rules);
        self.rules.id = Id::new();
        self
    }
}

impl<S, C: Clone, B> Layer<S> for ConcurrencyLayer<C, B> {
    type Service = Concurrency<S, C, B>;

    fn layer(&self, inner: S) -> Self::Service {
        Concurrency::new(inner, self.limiter.clone(), self.rules.clone(), self.places.clone())
    }
}

impl<C: Clone, B> Clone for ConcurrencyLayer<C, B> {
    fn clone(&self) -> Self {
        let (limiter, rules) = (self.limiter.clone(), self.rules.clone());
        Self { limiter, rules, places: self.places.clone() }
    }
}

impl<C, B> fmt::Debug for ConcurrencyLayer<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLayer").field("places", &self.places).finish_non_exhaustive()
    }
}
