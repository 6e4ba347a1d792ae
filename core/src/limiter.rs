//! One limiter of a key.

use crate::bucket::Bucket;
use crate::clause::{Algorithm, Clause};
use crate::fixed::Fixed;
use crate::log::{Append, Log};
use crate::now::Now;
use crate::sliding::Sliding;

/// What is recorded of one limiter, with the numbers of its last charged call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limiter<L = Box<Log>> {
    /// A window opened by its first request.
    Fixed(Fixed),
    /// Two windows, the older one weighted.
    Sliding(Sliding),
    /// All that was admitted in a period.
    Log(L),
    /// A bucket of tokens.
    Token(Bucket),
    /// A bucket as a queue.
    Leaky(Bucket),
}

/// What a call changes: the limiter as it is from now on, or what to append to a log.
pub type Change = Limiter<Append>;

/// The period of a log, or of what is appended to it.
pub(crate) trait HasPeriod {
    fn period_ms(&self) -> u64;
}

impl HasPeriod for Box<Log> {
    #[inline]
    fn period_ms(&self) -> u64 {
        self.period_ms
    }
}

impl HasPeriod for Append {
    #[inline]
    fn period_ms(&self) -> u64 {
        self.period_ms
    }
}

#[expect(private_bounds, reason = "there are two kinds of limiter, and both are here")]
impl<L: HasPeriod> Limiter<L> {
    /// How it counts.
    #[inline]
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Fixed(_) => Algorithm::Fixed,
            Self::Sliding(_) => Algorithm::Sliding,
            Self::Log(_) => Algorithm::Log,
            Self::Token(_) => Algorithm::Token,
            Self::Leaky(_) => Algorithm::Leaky,
        }
    }

    /// Its period, in ms.
    #[inline]
    #[must_use]
    pub fn period_ms(&self) -> u64 {
        match self {
            Self::Fixed(fixed) => fixed.period_ms.get(),
            Self::Sliding(sliding) => sliding.period_ms.get(),
            Self::Log(log) => log.period_ms(),
            Self::Token(bucket) | Self::Leaky(bucket) => bucket.period_ms.get(),
        }
    }

    /// What tells limiters of a key apart, and orders them.
    #[inline]
    #[must_use]
    pub fn id(&self) -> (Algorithm, u64) {
        (self.algorithm(), self.period_ms())
    }
}

impl Limiter {
    /// The numbers recorded with it.
    #[must_use]
    pub fn clause(&self) -> Clause {
        match self {
            Self::Fixed(fixed) => Clause::fixed(fixed.limit.get(), fixed.period_ms.get()),
            Self::Sliding(sliding) => Clause::sliding(sliding.limit.get(), sliding.period_ms.get()),
            Self::Log(log) => Clause::log(log.limit, log.period_ms),
            Self::Token(bucket) | Self::Leaky(bucket) => Clause::bucket(
                self.algorithm(),
                bucket.capacity.get(),
                bucket.refill.get(),
                bucket.period_ms.get(),
            ),
        }
    }

    /// When it is as if never used by its recorded numbers, in ms since 1970.
    #[inline]
    #[must_use]
    pub fn unused_at_ms(&self) -> u64 {
        match self {
            Self::Fixed(fixed) => fixed.unused_at_ms(),
            Self::Sliding(sliding) => sliding.unused_at_ms(),
            Self::Log(log) => log.unused_at_ms(),
            Self::Token(bucket) | Self::Leaky(bucket) => bucket.unused_at_ms(),
        }
    }

    /// Whether it is in use by its recorded numbers.
    #[inline]
    #[must_use]
    pub fn is_in_use(&self, now: Now) -> bool {
        self.unused_at_ms() > now.ms()
    }

    /// The change that brings a recorded time from the future to now, if there is one: after the
    /// clock stepped back, use is neither forgotten nor kept longer than the limiter would.
    #[inline]
    pub(crate) fn move_from_future(&self, now: Now) -> Option<Change> {
        match self {
            Self::Fixed(fixed) => fixed.is_ahead(now).then(|| Limiter::Fixed(fixed.moved_to(now))),
            Self::Sliding(sliding) => {
                sliding.is_ahead(now).then(|| Limiter::Sliding(sliding.moved_to(now)))
            }
            Self::Log(log) => log.is_ahead(now).then_some({
                Limiter::Log(Append { period_ms: log.period_ms, limit: log.limit, cost: 0 })
            }),
            Self::Token(bucket) => {
                bucket.is_ahead(now).then(|| Limiter::Token(bucket.moved_to(now)))
            }
            Self::Leaky(bucket) => {
                bucket.is_ahead(now).then(|| Limiter::Leaky(bucket.moved_to(now)))
            }
        }
    }

    /// Whether a charge now needs memory that is not there yet: only a log may.
    #[inline]
    pub(crate) fn grows(&self, now: Now) -> bool {
        matches!(self, Self::Log(log) if log.grows(now))
    }

    /// Puts `change`, which is of this limiter, in place.
    #[inline(always)]
    pub(crate) fn apply(&mut self, change: Change, now: Now) {
        match (self, change) {
            (Self::Log(log), Limiter::Log(append)) => log.append(&append, now),
            (slot, change) => {
                if let Some(limiter) = change.into_limiter(now) {
                    *slot = limiter;
                }
            }
        }
    }
}

impl Change {
    /// Whether every number is one that [`decide`](crate::decide) could have made.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Fixed(fixed) => fixed.is_valid(),
            Self::Sliding(sliding) => sliding.is_valid(),
            Self::Log(append) => append.is_valid(),
            Self::Token(bucket) | Self::Leaky(bucket) => bucket.is_valid(),
        }
    }

    /// The limiter itself, if the change is all there is to know of it: not for a log.
    #[must_use]
    pub fn try_into_limiter(self) -> Option<Limiter> {
        match self {
            Self::Log(_) => None,
            // The time matters to logs only.
            other => other.into_limiter(Now::from_unix_ms(0)),
        }
    }

    /// The limiter that the change makes where there was none.
    #[inline(always)]
    pub(crate) fn into_limiter(self, now: Now) -> Option<Limiter> {
        Some(match self {
            Self::Fixed(fixed) => Limiter::Fixed(fixed),
            Self::Sliding(sliding) => Limiter::Sliding(sliding),
            Self::Log(append) => Limiter::Log(Box::new(append.into_log(now)?)),
            Self::Token(bucket) => Limiter::Token(bucket),
            Self::Leaky(bucket) => Limiter::Leaky(bucket),
        })
    }
}
