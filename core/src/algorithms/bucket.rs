//! TOKEN and LEAKY: a bucket with a level that falls continuously.
//!
//! The level is what is out: tokens taken, or requests queued. It is kept as an exact fraction,
//! in parts of 1/P of a token, P being the period in ms; so it falls by the refill R each ms, and
//! a cost of c raises it by c * P. A call passes if level + c * P <= C * P, C being the capacity.

use super::Standing;
use super::state::{PlainState, Record, record};
use crate::algorithm::Algorithm;
use crate::bounds::{MAX_NUMBER, is_number, is_period};
use crate::clause::Clause;
use crate::math::{div_ceil, div_floor, product, to_u64};
use crate::now::Now;
use crate::packed::{U40, U48, U80};

record! {
    /// The recorded bucket.
    pub struct Bucket {
        /// The period P in which the refill comes, in ms.
        pub period_ms: U40,
        /// The capacity of the last call that was charged.
        pub capacity: U40,
        /// The refill, or leak, of that call.
        pub refill: U40,
        /// What was out after that call, in parts of 1/P; 0 only where it was given back.
        pub level: U80,
        /// When that call was, in ms since 1970.
        pub time_ms: U48,
    }
}

impl Record for Bucket {
    #[inline]
    fn period_ms(&self) -> u64 {
        self.period_ms.get()
    }

    fn is_valid(&self) -> bool {
        is_period(self.period_ms.get())
            && is_number(self.capacity.get())
            && is_number(self.refill.get())
            && (1..=product(self.capacity.get(), self.period_ms.get())).contains(&self.level.get())
    }

    fn is_settled(&self) -> bool {
        is_period(self.period_ms.get())
            && is_number(self.capacity.get())
            && is_number(self.refill.get())
            && self.level.get() <= self.full_parts()
    }
}

impl Bucket {
    /// The highest level that there is, whatever the capacity.
    fn full_parts(&self) -> u128 {
        product(MAX_NUMBER, self.period_ms.get())
    }

    /// The level at `now` by `refill`, in parts of 1/P.
    pub(crate) fn level_at(&self, refill: u64, now: Now) -> u128 {
        level_of(self, refill, now.ms()).0
    }

    /// The level at `now` by the recorded refill.
    pub(crate) fn level_now(&self, now: Now) -> u128 {
        self.level_at(self.refill.get(), now)
    }

    /// What a charge of `cost` becomes if it is to be one of `asked`: as much of that as fits.
    pub(crate) fn settled(&self, cost: u64, asked: u64, now: Now) -> u64 {
        let room = self.full_parts().saturating_sub(self.level_now(now));
        let more = to_u64(div_floor(room, self.period_ms.get()));
        asked.min(cost.saturating_add(more))
    }

    /// Has the level be that, as of now.
    pub(crate) fn set_level(&mut self, level: u128, now: Now) {
        self.level = U80::new(level);
        self.time_ms = U48::new(now.ms());
    }

    /// How long the charge of `cost`, which is the last, is to hold: until what came before it has
    /// leaked.
    pub(crate) fn hold_of_last_ms(&self, cost: u64) -> u64 {
        let before = self.level.get().saturating_sub(product(cost, self.period_ms.get()));
        to_u64(div_ceil(before, self.refill.get()))
    }
}

impl PlainState for Bucket {
    fn clause(&self, algorithm: Algorithm) -> Clause {
        let (capacity, refill) = (self.capacity.get(), self.refill.get());
        Clause::bucket(algorithm, capacity, refill, self.period_ms.get())
    }

    #[inline(always)]
    fn unused_at_ms(&self) -> u64 {
        let falls_for = to_u64(div_ceil(self.level.get(), self.refill.get()));
        self.time_ms.get().saturating_add(falls_for)
    }

    #[inline(always)]
    fn is_ahead(&self, now: Now) -> bool {
        self.time_ms.get() > now.ms()
    }

    fn moved_to(&self, now: Now) -> Self {
        Self { time_ms: U48::new(now.ms()), ..*self }
    }
}

/// A bucket at one moment, read as tokens to take.
pub(crate) struct TokenStanding<'a> {
    clause: &'a Clause,
    now_ms: u64,
    /// In parts of 1/P.
    level: u128,
    /// The bucket is new after this many ms by its recorded numbers, whatever the call's say.
    new_in_ms: u64,
}

impl<'a> TokenStanding<'a> {
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

impl Standing for TokenStanding<'_> {
    type State = Bucket;

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
    fn record(&self, _cost: u64) -> Bucket {
        Bucket {
            period_ms: U40::new(self.clause.period_ms),
            capacity: U40::new(self.clause.limit),
            refill: U40::new(self.clause.refill),
            level: U80::new(self.level),
            time_ms: U48::new(self.now_ms),
        }
    }
}

/// A bucket at one moment, read as a queue: an admitted call is also told to hold until what came
/// before it has leaked.
pub(crate) struct LeakyStanding<'a>(TokenStanding<'a>);

impl<'a> LeakyStanding<'a> {
    #[inline(always)]
    pub(crate) fn new(stored: Option<&Bucket>, clause: &'a Clause, now: Now) -> Self {
        Self(TokenStanding::new(stored, clause, now))
    }
}

impl Standing for LeakyStanding<'_> {
    type State = Bucket;

    #[inline(always)]
    fn admits(&self, cost: u64) -> bool {
        self.0.admits(cost)
    }

    #[inline(always)]
    fn wait_ms(&self, cost: u64) -> u64 {
        self.0.wait_ms(cost)
    }

    #[inline(always)]
    fn hold_ms(&self) -> u64 {
        to_u64(div_ceil(self.0.level, self.0.clause.refill))
    }

    #[inline(always)]
    fn charge(&mut self, cost: u64) {
        self.0.charge(cost);
    }

    #[inline(always)]
    fn remaining(&self) -> u64 {
        self.0.remaining()
    }

    #[inline(always)]
    fn reset_ms(&self) -> u64 {
        self.0.reset_ms()
    }

    #[inline(always)]
    fn record(&self, cost: u64) -> Bucket {
        self.0.record(cost)
    }
}
