//! Layers of several subjects.

use std::sync::Arc;

use http::Request;

use super::layer::RateLimitLayer;
use super::met::Id;
use super::rules::{Cost, Other};
use super::who::KeyFor;
use crate::limits::LimitSet;

impl<C, B> RateLimitLayer<C, B> {
    /// Ask for another subject along with the first, such as a user's team: all are charged, or
    /// none, in one command. The name of its limits is its scope, by which
    /// [`Outcome::each`](crate::Outcome::each) finds it. Its cost is that of the layer.
    ///
    /// ```
    /// # use redis_rl::{Limiter, LimitSet, Subject, tower::RateLimitLayer};
    /// # type Request = http::Request<String>;
    /// # fn f(limiter: Limiter) -> Result<RateLimitLayer<redis_rl::Connection, String>, redis_rl::ConfigError> {
    /// let layer = RateLimitLayer::new(limiter, LimitSet::named("user", "10/minute")?)
    ///     .key(|request: &Request| Subject::user(request.body()))
    ///     .and(LimitSet::named("team", "15/minute")?, |_: &Request| Subject::other("team", "red"))
    ///     .slot(|_: &Request| "red".to_owned()); // in a cluster
    /// # Ok(layer) }
    /// ```
    #[must_use]
    pub fn and(self, limits: LimitSet, key: impl KeyFor<B> + 'static) -> Self {
        self.with_other(Other { id: Id::new(), limits, key: Arc::new(key), cost: None })
    }

    /// The same for a subject whom the request costs something else.
    #[must_use]
    pub fn and_at_cost(
        self,
        limits: LimitSet,
        key: impl KeyFor<B> + 'static,
        cost: impl Fn(&Request<B>) -> u64 + Send + Sync + 'static,
    ) -> Self {
        let cost: Arc<Cost<B>> = Arc::new(cost);
        self.with_other(Other { id: Id::new(), limits, key: Arc::new(key), cost: Some(cost) })
    }

    /// What chooses the slot of a cluster that all subjects of a request share, such as a tenant's
    /// id. A layer with several subjects must have it in a cluster.
    #[must_use]
    pub fn slot(self, slot: impl Fn(&Request<B>) -> String + Send + Sync + 'static) -> Self {
        self.with(|rules| rules.slot = Some(Arc::new(slot)))
    }

    fn with_other(self, other: Other<B>) -> Self {
        self.with(|rules| rules.others.push(other))
    }
}
