//! What a call asks of one limiter.

use crate::algorithm::Algorithm;

/// One limit as a call states it. Which limiter it means is told by [`Clause::algorithm`] and
/// [`Clause::period_ms`] alone; the other numbers are applied to what that limiter has recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// How to count.
    pub algorithm: Algorithm,
    /// Limit of a window, capacity of a bucket: 0 to 10^12.
    pub limit: u64,
    /// What a bucket regains in one period, 1 to 10^12; equal to `limit` for the windows.
    pub refill: u64,
    /// The period, 1 ms to 366 days.
    pub period_ms: u64,
}

impl Clause {
    /// At most `limit` in a window of `period_ms` that its first request opens.
    #[must_use]
    pub const fn fixed(limit: u64, period_ms: u64) -> Self {
        Self::window(Algorithm::Fixed, limit, period_ms)
    }

    /// At most `limit` in any `period_ms`, estimated from two counters.
    #[must_use]
    pub const fn sliding(limit: u64, period_ms: u64) -> Self {
        Self::window(Algorithm::Sliding, limit, period_ms)
    }

    /// At most `limit` in any `period_ms`, exactly.
    #[must_use]
    pub const fn log(limit: u64, period_ms: u64) -> Self {
        Self::window(Algorithm::Log, limit, period_ms)
    }

    /// A bucket of `capacity` tokens that regains `refill` every `period_ms`.
    #[must_use]
    pub const fn token(capacity: u64, refill: u64, period_ms: u64) -> Self {
        Self::bucket(Algorithm::Token, capacity, refill, period_ms)
    }

    /// A queue of `capacity` that leaks `leak` every `period_ms`.
    #[must_use]
    pub const fn leaky(capacity: u64, leak: u64, period_ms: u64) -> Self {
        Self::bucket(Algorithm::Leaky, capacity, leak, period_ms)
    }

    /// A clause of one of the three windows.
    #[must_use]
    pub const fn window(algorithm: Algorithm, limit: u64, period_ms: u64) -> Self {
        Self { algorithm, limit, refill: limit, period_ms }
    }

    /// A clause of one of the two buckets.
    #[must_use]
    pub const fn bucket(algorithm: Algorithm, limit: u64, refill: u64, period_ms: u64) -> Self {
        Self { algorithm, limit, refill, period_ms }
    }

    /// Whether both mean the same limiter of a key.
    #[inline]
    #[must_use]
    pub fn names_same_limiter(&self, other: &Self) -> bool {
        self.id() == other.id()
    }

    /// Which limiter of a key is meant.
    #[inline]
    #[must_use]
    pub fn id(&self) -> (Algorithm, u64) {
        (self.algorithm, self.period_ms)
    }
}
