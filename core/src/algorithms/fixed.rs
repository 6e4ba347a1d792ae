//! FIXED: a window opened by its first request.
//!
//! State: when the window opened, and how much was used in it. With L the limit, P the period
//! and c the cost, a call passes if used + c <= L; the window is over at start + P.

use super::Standing;
use super::state::{PlainState, Record, record};
use crate::algorithm::Algorithm;
use crate::bounds::{MAX_NUMBER, is_number, is_period};
use crate::clause::Clause;
use crate::now::Now;
use crate::packed::{U40, U48};

record! {
    /// The recorded window.
    pub struct Fixed {
        /// Length of the window, in ms.
        pub period_ms: U40,
        /// The limit of the last call that was charged.
        pub limit: U40,
        /// When the window opened, in ms since 1970.
        pub start_ms: U48,
        /// Cost admitted since then; 0 only where it was given back.
        pub used: U40,
    }
}

impl Record for Fixed {
    #[inline]
    fn period_ms(&self) -> u64 {
        self.period_ms.get()
    }

    fn is_valid(&self) -> bool {
        is_period(self.period_ms.get())
            && is_number(self.limit.get())
            && (1..=self.limit.get()).contains(&self.used.get())
    }

    fn is_settled(&self) -> bool {
        is_period(self.period_ms.get())
            && is_number(self.limit.get())
            && self.used.get() <= MAX_NUMBER
    }
}

impl PlainState for Fixed {
    fn clause(&self, algorithm: Algorithm) -> Clause {
        Clause::window(algorithm, self.limit.get(), self.period_ms.get())
    }

    #[inline]
    fn unused_at_ms(&self) -> u64 {
        self.start_ms.get().saturating_add(self.period_ms.get())
    }

    #[inline]
    fn is_ahead(&self, now: Now) -> bool {
        self.start_ms.get() > now.ms()
    }

    fn moved_to(&self, now: Now) -> Self {
        Self { start_ms: U48::new(now.ms()), ..*self }
    }
}

impl Fixed {
    /// What a charge of `cost` in the window that opened at `start_ms` becomes if it is to be one
    /// of `asked`: as much of that as fits, or `cost` still if that window is of the past.
    pub(crate) fn settled(&self, start_ms: u64, cost: u64, asked: u64, now: Now) -> u64 {
        let stands = self.start_ms.get() == start_ms && now.ms() < self.unused_at_ms();
        let others = self.used.get().saturating_sub(cost);
        if stands { asked.min(MAX_NUMBER.saturating_sub(others)) } else { cost }
    }

    /// Has a charge in the window be one of `settled` instead of `cost`.
    pub(crate) fn settle(&mut self, cost: u64, settled: u64) {
        self.used = U40::new(self.used.get().saturating_sub(cost).saturating_add(settled));
    }
}

/// A window at one moment.
pub(crate) struct FixedStanding<'a> {
    clause: &'a Clause,
    now_ms: u64,
    start_ms: u64,
    used: u64,
}

impl<'a> FixedStanding<'a> {
    #[inline]
    pub(crate) fn new(stored: Option<&Fixed>, clause: &'a Clause, now: Now) -> Self {
        let now_ms = now.ms();
        let (start_ms, used) = stored
            .map(|fixed| (fixed.start_ms.get().min(now_ms), fixed.used.get()))
            .filter(|(start_ms, _)| now_ms.saturating_sub(*start_ms) < clause.period_ms)
            .unwrap_or((now_ms, 0));
        Self { clause, now_ms, start_ms, used }
    }

    #[inline]
    fn left_ms(&self) -> u64 {
        let end = self.start_ms.saturating_add(self.clause.period_ms);
        end.saturating_sub(self.now_ms)
    }
}

impl Standing for FixedStanding<'_> {
    type State = Fixed;

    #[inline]
    fn admits(&self, cost: u64) -> bool {
        self.used.saturating_add(cost) <= self.clause.limit
    }

    #[inline]
    fn wait_ms(&self, _cost: u64) -> u64 {
        self.left_ms()
    }

    #[inline]
    fn charge(&mut self, cost: u64) {
        self.used = self.used.saturating_add(cost);
    }

    #[inline]
    fn remaining(&self) -> u64 {
        self.clause.limit.saturating_sub(self.used)
    }

    #[inline]
    fn reset_ms(&self) -> u64 {
        if self.used == 0 { 0 } else { self.left_ms() }
    }

    #[inline]
    fn record(&self, _cost: u64) -> Fixed {
        Fixed {
            period_ms: U40::new(self.clause.period_ms),
            limit: U40::new(self.clause.limit),
            start_ms: U48::new(self.start_ms),
            used: U40::new(self.used),
        }
    }
}
