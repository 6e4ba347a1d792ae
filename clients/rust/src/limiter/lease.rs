//! Places that are held while work goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use redis::Value;
use redis::aio::ConnectionLike;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Limiter;
use super::asking::outcome_of;
use crate::error::Error;
use crate::limits::Places;
use crate::outcome::Outcome;
use crate::wire::id::Id;
use crate::wire::places;
use crate::wire::reply::Decided;

/// Renewals in the time of a lease.
const RENEWALS: f32 = 3.0;

/// A place that [`Limiter::lease`](crate::Limiter::lease) has taken, or its denial. It is renewed
/// every third of the lease, and given back when it is dropped, which nobody waits for.
#[derive(Debug)]
#[must_use = "a place that is dropped is given back"]
pub struct Lease {
    outcome: Arc<Outcome>,
    held: Option<Held>,
}

impl Lease {
    pub(super) fn without_place(outcome: Outcome) -> Self {
        Self { outcome: Arc::new(outcome), held: None }
    }

    /// What was decided: whether there was a place. `remaining` are the places that were left.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    #[cfg(feature = "tower")]
    pub(crate) fn shared_outcome(&self) -> Arc<Outcome> {
        Arc::clone(&self.outcome)
    }

    /// Give the place back, and wait until that is done. Dropping does the same without waiting.
    pub async fn release(mut self) {
        if let Some(held) = self.held.take().and_then(Held::ended) {
            held.await;
        }
    }
}

type Releasing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A place that is held, or may be.
struct Held {
    /// Gives it back, over whatever connection it was taken.
    release: Option<Box<dyn FnOnce() -> Releasing + Send + Sync>>,
    renewing: Option<AbortHandle>,
    runtime: Handle,
}

impl Held {
    fn ended(mut self) -> Option<Releasing> {
        self.end()
    }

    fn end(&mut self) -> Option<Releasing> {
        // The last renewal must not come after the end.
        if let Some(renewing) = self.renewing.take() {
            renewing.abort();
        }
        self.release.take().map(|release| release())
    }

    /// It was not taken.
    fn forget(mut self) {
        self.release = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(releasing) = self.end() {
            self.runtime.spawn(releasing);
        }
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Limiter<C> {
    /// Take a place at a key as Redis has it.
    pub(crate) async fn lease_at(&self, key: String, places: &Places) -> Result<Lease, Error> {
        let Some(id) = Id::new() else {
            return Err(Error::Configuration("the system must have random bytes".to_owned()));
        };
        let cache = self.shared.settings.deny_cache.as_ref();
        let call = cache.map(|_| places::call(&key, places)).unwrap_or_default();
        if let Some(refusal) = cache.and_then(|cache| cache.get(&call)) {
            return Ok(Lease::without_place(self.told(refusal)));
        }
        let sent = Instant::now();
        // From here on: whoever gives up while it is being taken gives it back.
        let mut held = self.held(&key, id);
        let outcome = match self.take(&key, places, id).await {
            Ok(decided) if decided.allowed => {
                let outcome = self.told(outcome_of(decided, key.clone(), 1));
                let renewing = tokio::spawn(self.clone().renew(key, places.clone(), id));
                held.renewing = Some(renewing.abort_handle());
                return Ok(Lease { outcome: Arc::new(outcome), held: Some(held) });
            }
            Ok(decided) => {
                held.forget();
                let refusal = outcome_of(decided, key.clone(), 1);
                if let Some(cache) = cache {
                    cache.put(call, vec![key], false, sent, &refusal);
                }
                Ok(refusal)
            }
            // Where the answer is missing, there may be a place: it goes back.
            Err(error) => {
                if !error.is_missing_answer() && !matches!(error, Error::Late(_)) {
                    held.forget();
                }
                self.excuse(key, 1, error)
            }
        };
        outcome.map(|outcome| Lease::without_place(self.told(outcome)))
    }

    async fn take(&self, key: &str, places: &Places, id: Id) -> Result<Decided, Error> {
        let permit = self.enter()?;
        let reply = self.repeatable(&places::take(key, places, id)).await;
        match reply.and_then(|reply| places::read(&reply, places)) {
            Ok(decided) => {
                permit.succeeded();
                Ok(decided)
            }
            Err(error) => Err(permit.failed(error)),
        }
    }

    fn held(&self, key: &str, id: Id) -> Held {
        let (limiter, key) = (self.clone(), key.to_owned());
        let release = Box::new(move || -> Releasing {
            Box::pin(async move {
                let _released = limiter.repeatable(&places::release(&key, id)).await;
                limiter.forget_refusals(&key);
                #[cfg(feature = "tracing")]
                if let Err(error) = _released {
                    limiter.shared.log.unreleased(&error);
                }
            })
        });
        Held { release: Some(release), renewing: None, runtime: Handle::current() }
    }

    /// Hold a place until this is aborted. One that is gone is asked for again; who has it works on
    /// either way.
    async fn renew(self, key: String, places: Places, id: Id) {
        let third = places.lease().duration().div_f32(RENEWALS);
        loop {
            tokio::time::sleep(third).await;
            let renewed = self.repeatable(&places::renew(&key, &places, id)).await;
            if matches!(renewed, Ok(Value::Int(0))) {
                let _taken = self.repeatable(&places::take(&key, &places, id)).await;
            }
        }
    }
}
