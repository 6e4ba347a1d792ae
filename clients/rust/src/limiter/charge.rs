//! Charges that are settled when it is known what they cost.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redis::Value;
use redis::aio::ConnectionLike;
use tokio::runtime::Handle;

use super::Limiter;
use crate::limits::MAX_NUMBER;
use crate::outcome::{Outcome, Source};
use crate::wire::command;
use crate::wire::id::Id;

const NOT_YET: u64 = u64::MAX;

type Settling = Pin<Box<dyn Future<Output = bool> + Send>>;

/// A charge that was made. A clone is the same.
#[derive(Clone)]
pub(crate) struct Charge(Arc<Made>);

struct Made {
    /// Over whatever connection it was made.
    settle: Box<dyn Fn(u64) -> Settling + Send + Sync>,
    /// What it was settled as.
    settled: AtomicU64,
}

impl Charge {
    /// The charge of this id; nothing where nothing was charged.
    pub(super) fn of<C>(limiter: &Limiter<C>, outcome: &Outcome, id: Id) -> Option<Self>
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        if !outcome.allowed || outcome.source != Source::Server || outcome.cost == 0 {
            return None;
        }
        let charged = |outcome: &Outcome| (outcome.cost > 0).then(|| outcome.key.clone());
        let mut keys: Vec<_> = outcome.all().filter_map(|(_, one)| charged(one)).collect();
        if outcome.all().len() == 0 {
            keys.extend(charged(outcome));
        }
        let limiter = limiter.clone();
        let settle = Box::new(move |actual| -> Settling {
            let limiter = limiter.clone();
            let keys = keys.clone();
            Box::pin(async move {
                let mut known = true;
                for key in keys {
                    known &= limiter.settle(&key, id, actual).await;
                }
                known
            })
        });
        Some(Self(Arc::new(Made { settle, settled: AtomicU64::new(NOT_YET) })))
    }

    /// Make it what it really cost; whether it was still known.
    pub(crate) async fn settle(&self, actual: u64) -> bool {
        let actual = actual.min(MAX_NUMBER);
        let known = (self.0.settle)(actual).await;
        if known {
            self.0.settled.store(actual, Ordering::Release);
        }
        known
    }

    /// Give it back without waiting for it. It counts as settled at once.
    pub(crate) fn give_back(&self) {
        self.0.settled.store(0, Ordering::Release);
        // Without a runtime the charge stands.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn((self.0.settle)(0));
        }
    }

    /// What it was settled as, if it was.
    pub(crate) fn settled(&self) -> Option<u64> {
        Some(self.0.settled.load(Ordering::Acquire)).filter(|settled| *settled != NOT_YET)
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Charge").field("settled", &self.settled()).finish_non_exhaustive()
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Limiter<C> {
    /// Settle a charge; whether it was known. A failure is logged: the charge stands.
    async fn settle(&self, key: &str, id: Id, actual: u64) -> bool {
        let settled = self.repeatable(&command::settle(key, id, actual)).await;
        self.forget_refusals(key);
        match settled {
            Ok(reply) => reply == Value::Int(1),
            Err(_error) => {
                #[cfg(feature = "tracing")]
                self.shared.log.unsettled(&_error);
                false
            }
        }
    }
}
