//! TOKEN and LEAKY: a bucket with a level that falls continuously.
//!
//! The level is what is out: tokens taken, or requests queued. It is kept as an exact fraction,
//! in parts of 1/P of a token, P being the period in ms; so it falls by the refill R each ms, and
//! a cost of c raises it by c * P. A call passes if level + c * P <= C * P, C being the capacity.

use crate::bounds::{is_number, is_period};
use crate::clause::Clause;
use crate::limiter::{Change, Limiter};
use crate::math::{div_ceil, div_floor, product, to_u64};
use crate::now::Now;
use crate::packed::{U40, U48, U80};
use crate::standing::Standing;

/// The recorded bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The period P in which the refill comes, in ms.
    pub period_ms: U40,
    /// The capacity of the last call that was charged.
    pub capacity: U40,
    /// The refill, or leak, of that call.
    pub refill: U40,
    /// What was out after that call, in parts of 1/P; never 0.
    pub level: U80,
    /// When that call was, in ms since 1970.
    pub time_ms: U48,
}

impl Bucket {
    /// When the limiter is as if never used by its own numbers, in ms since 1970.
    #[inline(always)]
    #[must_use]
    pub fn unused_at_ms(&self) -> u64 {
        let falls_for = to_u64(div_ceil(self.level.get(), self.refill.get()));
        self.time_ms.get().saturating_add(falls_for)
    }

    /// Whether every number is one that a call could have recorded.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        is_period(self.period_ms.get())
            && is_number(self.capacity.get())
            && is_number(self.refill.get())
            && (1..=product(self.capacity.get(), self.period_ms.get())).contains(&self.level.get())
    }

    /// Whether the last charge is later than `now`: the clock stepped back.
    #[inline(always)]
    pub(crate) fn is_ahead(&self, now: Now) -> bool {
        self.time_ms.get() > now.ms()
    }

    /// The same level, as of now.
    pub(crate) fn moved_to(&self, now: Now) -> Self {
        Self { time_ms: U48::new(now.ms()), ..*self }
    }
}

/// A bucket at one moment. A queue (LEAKY) also tells an admitted call to hold until what came
/// before it has leaked.
pub(crate) struct BucketStanding<'a, const QUEUE: bool> {
    clause: &'a Clause,
    now_ms: u64,
    /// In parts of 1/P.
    level: u128,
    /// The bucket is new after this many ms by its recorded numbers, whatever the call's say.
    new_in_ms: u64,
}

/// A bucket read as tokens to take.
pub(crate) type TokenStanding<'a> = BucketStanding<'a, false>;

/// A bucket read as a queue.
pub(crate) type LeakyStanding<'a> = BucketStanding<'a, true>;

impl<'a, const QUEUE: bool> BucketStanding<'a, QUEUE> {
    #[inline(always)]
    pub(crate) fn new(stored: Option<&Bucket>, clause: &'a Clause, now: Now) -> Self {
        let now_ms = now.ms();
        let (level, new_in_ms) =
            stored.map_or((0, u64::MAX), |bucket| level_of(bucket, clause.refill, now_ms));
        Self { clause, now_ms, level, new_in_ms }
    }

    #[inline(always)]
    fn falls_to_ms(&self, level: u128) -> u64 {
        let ms = div_ceil(self.level.saturating_sub(level), self.clause.refill);
        to_u64(ms).min(self.new_in_ms)
    }

    #[inline(always)]
    fn capacity_parts(&self) -> u128 {
        product(self.clause.limit, self.clause.period_ms)
    }
}

/// The level at `now_ms` if it fell by `refill` all along, and when the bucket is new anyway.
#[inline]
fn level_of(bucket: &Bucket, refill: u64, now_ms: u64) -> (u128, u64) {
    let elapsed_ms = now_ms.saturating_sub(bucket.time_ms.get());
    let (level, recorded) = (bucket.level.get(), bucket.refill.get());
    let by_record = level.saturating_sub(product(recorded, elapsed_ms));
    if by_record == 0 {
        return (0, u64::MAX);
    }
    if refill == recorded {
        return (by_record, u64::MAX);
    }
    (level.saturating_sub(product(refill, elapsed_ms)), to_u64(div_ceil(by_record, recorded)))
}

impl<const QUEUE: bool> Standing for BucketStanding<'_, QUEUE> {
    #[inline(always)]
    fn admits(&self, cost: u64) -> bool {
        let asked = product(cost, self.clause.period_ms);
        self.level.saturating_add(asked) <= self.capacity_parts()
    }

    #[inline(always)]
    fn wait_ms(&self, cost: u64) -> u64 {
        let room = self.clause.limit.saturating_sub(cost);
        self.falls_to_ms(product(room, self.clause.period_ms))
    }

    #[inline(always)]
    fn hold_ms(&self) -> u64 {
        if QUEUE { to_u64(div_ceil(self.level, self.clause.refill)) } else { 0 }
    }

    #[inline(always)]
    fn charge(&mut self, cost: u64) {
        self.level = self.level.saturating_add(product(cost, self.clause.period_ms));
        self.new_in_ms = u64::MAX;
    }

    #[inline(always)]
    fn remaining(&self) -> u64 {
        let free = self.capacity_parts().saturating_sub(self.level);
        to_u64(div_floor(free, self.clause.period_ms))
    }

    #[inline(always)]
    fn reset_ms(&self) -> u64 {
        self.falls_to_ms(0)
    }

    #[inline(always)]
    fn record(&self, _cost: u64) -> Change {
        let bucket = Bucket {
            period_ms: U40::new(self.clause.period_ms),
            capacity: U40::new(self.clause.limit),
            refill: U40::new(self.clause.refill),
            level: U80::new(self.level),
            time_ms: U48::new(self.now_ms),
        };
        if QUEUE { Limiter::Leaky(bucket) } else { Limiter::Token(bucket) }
    }
}
