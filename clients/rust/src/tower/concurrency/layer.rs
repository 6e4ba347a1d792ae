//! The layer: makes services of which so many requests run at once.

use std::fmt;

use http::request::Parts;
use http::{Request, Response};
use tower_layer::Layer;

use super::service::Concurrency;
use crate::config_error::ConfigError;
use crate::limiter::{Limiter, OnError};
use crate::limits::{LimitSet, Places};
use crate::tower::answers::Refusal;
use crate::tower::layer::RateLimitLayer;
use crate::tower::who::KeyFor;

/// Lets so many requests of a subject run at once, in all processes together. `C` is the
/// connection, `B` the body of requests.
///
/// A request takes a place before the service is called. It is renewed while the request lasts, and
/// given back when the body of the response has ended, when the service fails or panics, or when
/// the client goes away. A process that is killed leaves its places until their leases end. Places
/// are named and counted as the limits of a [`RateLimitLayer`] are.
///
/// ```
/// # use redis_rl::{Limiter, Places, tower::ConcurrencyLayer};
/// # fn f(limiter: Limiter) -> Result<ConcurrencyLayer<redis_rl::Connection, ()>, redis_rl::ConfigError> {
/// let uploads = ConcurrencyLayer::new(limiter, Places::new(3, "30s")?.named("uploads")?);
/// # Ok(uploads) }
/// ```
pub struct ConcurrencyLayer<C, B> {
    /// What they have in common.
    layer: RateLimitLayer<C, B>,
    places: Places,
}

impl<C, B> ConcurrencyLayer<C, B> {
    /// A layer with so many places for each client's address.
    pub fn new(limiter: Limiter<C>, places: Places) -> Self
    where
        B: 'static,
    {
        Self { layer: RateLimitLayer::new(limiter, LimitSet::of_places(&places)), places }
    }

    /// Give places to whom this tells, instead of each address:
    /// [`ClientIp::behind`](super::super::ClientIp::behind) proxies, or a closure.
    #[must_use]
    pub fn key(self, key: impl KeyFor<B> + 'static) -> Self {
        self.with(|layer| layer.key(key))
    }

    /// Which requests need no place.
    #[must_use]
    pub fn exempt(self, exempt: impl Fn(&Request<B>) -> bool + Send + Sync + 'static) -> Self {
        self.with(|layer| layer.exempt(exempt))
    }

    /// Limit these methods only; see [`RateLimitLayer::methods`].
    ///
    /// # Errors
    /// When there are none, or one is not a method.
    pub fn methods<T: AsRef<str>>(
        self,
        methods: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        Ok(Self { layer: self.layer.methods(methods)?, places: self.places })
    }

    /// Answer refusals in a way of your own; see [`RateLimitLayer::reject`].
    #[must_use]
    pub fn reject(
        self,
        reject: impl Fn(&Refusal<'_>, &Parts) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        self.with(|layer| layer.reject(reject))
    }

    /// Whether the service is one of gRPC; see [`RateLimitLayer::grpc`].
    #[must_use]
    pub fn grpc(self, grpc: bool) -> Self {
        self.with(|layer| layer.grpc(grpc))
    }

    /// What happens here while Redis cannot answer, whatever the limiter does elsewhere.
    #[must_use]
    pub fn on_error(self, on_error: OnError) -> Self {
        self.with(|layer| layer.on_error(on_error))
    }

    fn with(self, change: impl FnOnce(RateLimitLayer<C, B>) -> RateLimitLayer<C, B>) -> Self {
        Self { layer: change(self.layer), places: self.places }
    }
}

impl<S, C: Clone, B> Layer<S> for ConcurrencyLayer<C, B> {
    type Service = Concurrency<S, C, B>;

    fn layer(&self, inner: S) -> Self::Service {
        Concurrency::new(inner, self.layer.guard(), self.places.clone())
    }
}

impl<C: Clone, B> Clone for ConcurrencyLayer<C, B> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), places: self.places.clone() }
    }
}

impl<C, B> fmt::Debug for ConcurrencyLayer<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLayer").field("places", &self.places).finish_non_exhaustive()
    }
}
