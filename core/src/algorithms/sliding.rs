//! SLIDING: two counters, the older one weighted by what is left of it.
//!
//! Windows are aligned to multiples of the period P. At e = now mod P the weighted use is
//! U = previous * (P - e) + current * P, in parts of 1/P; a call passes if U + c * P <= L * P.

use super::Standing;
use super::state::{PlainState, Record, record};
use crate::algorithm::Algorithm;
use crate::bounds::{MAX_NUMBER, MAX_TIME_MS, is_number, is_period};
use crate::clause::Clause;
use crate::math::{div_floor, product, to_u64};
use crate::now::Now;
use crate::packed::{U40, U48};

record! {
    /// The recorded pair of windows.
    pub struct Sliding {
        /// Length of a window, in ms.
        pub period_ms: U40,
        /// The limit of the last call that was charged.
        pub limit: U40,
        /// Which window is the current one: its start is this many periods after 1970.
        pub window: U48,
        /// Cost admitted in that window; 0 only where it was given back.
        pub current: U40,
        /// Cost admitted in the window before it.
        pub previous: U40,
    }
}

impl Record for Sliding {
    #[inline]
    fn period_ms(&self) -> u64 {
        self.period_ms.get()
    }

    fn is_valid(&self) -> bool {
        is_period(self.period_ms.get())
            && is_number(self.limit.get())
            && (1..=self.limit.get()).contains(&self.current.get())
            && self.previous.get() <= MAX_NUMBER
            && product(self.window.get(), self.period_ms.get()) <= u128::from(MAX_TIME_MS)
    }

    fn is_settled(&self) -> bool {
        is_period(self.period_ms.get())
            && is_number(self.limit.get())
            && self.current.get() <= MAX_NUMBER
            && self.previous.get() <= MAX_NUMBER
            && product(self.window.get(), self.period_ms.get()) <= u128::from(MAX_TIME_MS)
    }
}

impl PlainState for Sliding {
    fn clause(&self, algorithm: Algorithm) -> Clause {
        Clause::window(algorithm, self.limit.get(), self.period_ms.get())
    }

    #[inline]
    fn unused_at_ms(&self) -> u64 {
        let windows = match (self.current.get(), self.previous.get()) {
            (0, 0) => return 0,
            (0, _) => 1,
            _ => 2,
        };
        let end = self.window.get().saturating_add(windows);
        to_u64(product(end, self.period_ms.get()))
    }

    /// Whether the current window is later than the one of `now`.
    #[inline]
    fn is_ahead(&self, now: Now) -> bool {
        self.window.get() > window_of(now, self.period_ms.get())
    }

    /// The same use, as if in the window of now and the one before.
    fn moved_to(&self, now: Now) -> Self {
        Self { window: U48::new(window_of(now, self.period_ms.get())), ..*self }
    }
}

impl Sliding {
    /// How many windows it is ahead of `now`.
    pub(crate) fn windows_ahead(&self, now: Now) -> u64 {
        self.window.get().saturating_sub(window_of(now, self.period_ms.get()))
    }

    /// The counter of the window that ends where window `end` begins, if it still counts at `now`.
    fn counter(&mut self, end: u64, now: Now) -> Option<&mut U40> {
        let now_in = window_of(now, self.period_ms.get());
        let recorded = self.window.get();
        if end == recorded.saturating_add(1) && now_in <= end {
            Some(&mut self.current)
        } else if end == recorded && now_in <= end {
            Some(&mut self.previous)
        } else {
            None
        }
    }

    /// What a charge of `cost` in the window that ends where window `end` begins becomes if it is
    /// to be one of `asked`: as much of that as fits, or `cost` still if it is of the past.
    pub(crate) fn settled(&self, end: u64, cost: u64, asked: u64, now: Now) -> u64 {
        let mut looked_at = *self;
        looked_at.counter(end, now).map_or(cost, |counter| {
            let others = counter.get().saturating_sub(cost);
            asked.min(MAX_NUMBER.saturating_sub(others))
        })
    }

    /// Has a charge in that window be one of `settled` instead of `cost`.
    pub(crate) fn settle(&mut self, end: u64, cost: u64, settled: u64, now: Now) {
        if let Some(counter) = self.counter(end, now) {
            *counter = U40::new(counter.get().saturating_sub(cost).saturating_add(settled));
        }
    }
}

#[inline]
fn window_of(now: Now, period_ms: u64) -> u64 {
    now.ms().checked_div(period_ms).unwrap_or(0)
}

/// The two windows at one moment.
pub(crate) struct SlidingStanding<'a> {
    clause: &'a Clause,
    window: u64,
    /// What is left of the current window, 1 to the period.
    left_ms: u64,
    current: u64,
    previous: u64,
}

impl<'a> SlidingStanding<'a> {
    #[inline]
    pub(crate) fn new(stored: Option<&Sliding>, clause: &'a Clause, now: Now) -> Self {
        let window = window_of(now, clause.period_ms);
        let elapsed_ms = now.ms().saturating_sub(window.saturating_mul(clause.period_ms));
        let (current, previous) = match stored {
            Some(sliding) => match window.saturating_sub(sliding.window.get()) {
                0 => (sliding.current.get(), sliding.previous.get()),
                1 => (0, sliding.current.get()),
                _ => (0, 0),
            },
            None => (0, 0),
        };
        Self {
            clause,
            window,
            left_ms: clause.period_ms.saturating_sub(elapsed_ms),
            current,
            previous,
        }
    }

    /// Weighted use, in parts of 1/P.
    #[inline]
    fn use_parts(&self) -> u128 {
        product(self.previous, self.left_ms)
            .saturating_add(product(self.current, self.clause.period_ms))
    }

    #[inline]
    fn limit_parts(&self) -> u128 {
        product(self.clause.limit, self.clause.period_ms)
    }

    /// How much of a window must be left, at most, for `fading * left` to fit in `room` whole
    /// units: the first moment at which it does is the window's length less this.
    #[inline]
    fn left_when_fits_ms(&self, fading: u64, room: u64) -> u64 {
        let room_parts = product(room, self.clause.period_ms);
        to_u64(div_floor(room_parts, fading)).min(self.clause.period_ms)
    }
}

impl Standing for SlidingStanding<'_> {
    type State = Sliding;

    #[inline]
    fn admits(&self, cost: u64) -> bool {
        let asked = product(cost, self.clause.period_ms);
        self.use_parts().saturating_add(asked) <= self.limit_parts()
    }

    fn wait_ms(&self, cost: u64) -> u64 {
        let room = self.clause.limit.saturating_sub(cost);
        match room.checked_sub(self.current) {
            // Within this window, as the previous one fades.
            Some(room) => self.left_ms.saturating_sub(self.left_when_fits_ms(self.previous, room)),
            // Only in the next one, as what is now the current one fades.
            None => self
                .left_ms
                .saturating_add(self.clause.period_ms)
                .saturating_sub(self.left_when_fits_ms(self.current, room)),
        }
    }

    #[inline]
    fn charge(&mut self, cost: u64) {
        self.current = self.current.saturating_add(cost);
    }

    #[inline]
    fn remaining(&self) -> u64 {
        let free = self.limit_parts().saturating_sub(self.use_parts());
        to_u64(div_floor(free, self.clause.period_ms))
    }

    #[inline]
    fn reset_ms(&self) -> u64 {
        match (self.current, self.previous) {
            (0, 0) => 0,
            (0, _) => self.left_ms,
            _ => self.left_ms.saturating_add(self.clause.period_ms),
        }
    }

    #[inline]
    fn record(&self, _cost: u64) -> Sliding {
        Sliding {
            period_ms: U40::new(self.clause.period_ms),
            limit: U40::new(self.clause.limit),
            window: U48::new(self.window),
            current: U40::new(self.current),
            previous: U40::new(self.previous),
        }
    }
}
