//! The answer to a call, and what to record of it.

use std::fmt;

use crate::algorithms::State;
use crate::bounds::MAX_LIMITERS;
use crate::expiry;
use crate::limiter::Change;
use crate::limiters::Limiters;
use crate::now::Now;
use crate::verdict::{Verdict, Wait};

/// The answer to a call of up to `N` clauses, and what to record of it.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<const N: usize> {
    /// Whether every clause lets the call pass.
    pub allowed: bool,
    /// Whether recording needs memory that is not there yet: a new limiter, or a longer log.
    pub grows: bool,
    /// One verdict per clause, in the order asked; the rest is filler.
    pub verdicts: [Verdict; N],
    changes: [Option<Change>; N],
    /// Where in the key each clause's limiter stands; [`NOWHERE`] if it is new.
    places: [u8; N],
    /// How many clauses were asked.
    len: usize,
    /// Where the next clause's limiter is looked for first.
    next_place: usize,
    /// Whether the changes are charges, and not mere moves to now.
    pub(crate) charged: bool,
    /// Whether a limiter's recorded time was later than now.
    stepped_back: bool,
}

const NO_VERDICT: Verdict =
    Verdict { allowed: false, limit: 0, remaining: 0, wait: Wait::Never, reset_ms: 0 };

const NOWHERE: u8 = u8::MAX;

const _: () = assert!(MAX_LIMITERS < NOWHERE as usize);

impl<const N: usize> Outcome<N> {
    /// That of no clause.
    #[inline(always)]
    #[must_use]
    pub fn undecided() -> Self {
        Self {
            allowed: true,
            grows: false,
            verdicts: [NO_VERDICT; N],
            changes: [None; N],
            places: [NOWHERE; N],
            len: 0,
            next_place: 0,
            charged: false,
            stepped_back: false,
        }
    }

    /// Begins with `len` clauses: allowed, until one of them denies it.
    #[inline(always)]
    pub(crate) fn begin(&mut self, len: usize) {
        self.allowed = true;
        self.grows = false;
        self.len = len;
        self.next_place = 0;
        self.stepped_back = false;
    }

    /// Where the next clause's limiter is to be looked for first.
    #[inline(always)]
    pub(crate) fn next_place(&self) -> usize {
        self.next_place
    }

    /// Takes down what the clause at `place` is answered, its limiter being `found` somewhere in
    /// the key or new, and what of it is to be recorded: the charge, or that it is moved to now.
    #[inline(always)]
    pub(crate) fn put<S: State>(
        &mut self,
        place: usize,
        found: Option<(usize, &S)>,
        verdict: Verdict,
        charge: Option<Change>,
        move_to_now: impl Fn(&S) -> Change,
        now: Now,
    ) {
        let (Some(verdict_slot), Some(change_slot), Some(place_slot)) =
            (self.verdicts.get_mut(place), self.changes.get_mut(place), self.places.get_mut(place))
        else {
            return;
        };
        *verdict_slot = verdict;
        *change_slot = None;
        *place_slot = NOWHERE;
        if let Some((at, state)) = found {
            *place_slot = u8::try_from(at).unwrap_or(NOWHERE);
            self.next_place = at.saturating_add(1);
            if state.is_ahead(now) {
                self.stepped_back = true;
                *change_slot = Some(move_to_now(state));
            }
        }
        if charge.is_some() {
            self.grows |= found.is_none_or(|(_, state)| state.grows(now));
            *change_slot = charge;
        }
    }

    /// Becomes the answer to a call that was made before: allowed, with `hold_ms` of each clause
    /// to wait, and nothing to record.
    pub(crate) fn repeat(&mut self, hold_ms: impl Fn(usize) -> u64) {
        self.allowed = true;
        self.grows = false;
        self.charged = false;
        self.changes = [None; N];
        for (place, verdict) in self.verdicts.iter_mut().take(self.len).enumerate() {
            verdict.allowed = true;
            verdict.wait = Wait::Ms(hold_ms(place));
        }
    }

    /// What to record. Nothing if the call is denied or costs 0, unless the clock stepped back.
    #[inline]
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.changes.iter().take(self.len).filter_map(|change| *change)
    }

    /// Whether a limiter's recorded time was later than now.
    pub(crate) fn stepped_back(&self) -> bool {
        self.stepped_back
    }

    /// Records the changes in the limiters that were decided on.
    #[inline(always)]
    pub fn record(&self, limiters: &mut Limiters, now: Now) {
        if let Limiters::Mixed(_) = limiters {
            return self.record_by_id(limiters, now);
        }
        self.record_in_place(limiters, now);
    }

    #[inline(always)]
    fn record_in_place(&self, limiters: &mut Limiters, now: Now) {
        let mut any_new = false;
        for (change, place) in self.changes.iter().zip(self.places).take(self.len) {
            let Some(change) = *change else { continue };
            match limiters.get_mut(place.into()) {
                Some(limiter) => limiter.apply(change, now),
                None => any_new = true,
            }
        }
        if any_new {
            self.record_new(limiters, now);
        }
    }

    /// Where there is more than limiters, a change means something to what is beside them.
    #[inline(never)]
    fn record_by_id(&self, limiters: &mut Limiters, now: Now) {
        self.changes().for_each(|change| limiters.apply(change, now));
        limiters.end_write(now);
    }

    /// The same as [`Outcome::record`], where the write goes on with notes.
    pub(crate) fn record_changes(&self, limiters: &mut Limiters, now: Now) {
        match limiters {
            Limiters::Mixed(_) => self.changes().for_each(|change| limiters.apply(change, now)),
            _ => self.record_in_place(limiters, now),
        }
    }

    /// Those that are new come last: they push others out of their places.
    #[inline(never)]
    fn record_new(&self, limiters: &mut Limiters, now: Now) {
        let all = self.changes.iter().zip(self.places).take(self.len);
        let new = all.filter(|(_, place)| *place == NOWHERE).filter_map(|(change, _)| *change);
        new.for_each(|change| limiters.apply(change, now));
    }

    /// When the key is to expire, the changes being recorded in `limiters`, if it must be another
    /// time than `standing_ms`. Both in ms since 1970.
    #[inline]
    #[must_use]
    pub fn new_expiry_ms(
        &self,
        limiters: &Limiters,
        standing_ms: Option<u64>,
        now: Now,
    ) -> Option<u64> {
        let told = self.charged && limiters.as_slice().len() == self.len;
        let unused_at_ms = if told {
            // The call named them all, so its verdicts tell, without a division.
            let resets_ms = self.verdicts.iter().take(self.len).map(|verdict| verdict.reset_ms);
            let unused_at_ms = now.ms().saturating_add(resets_ms.max().unwrap_or(0));
            unused_at_ms.max(limiters.forgotten_at_ms())
        } else {
            limiters.unused_at_ms()
        };
        // Times that moved back take the expiry with them.
        let standing_ms = standing_ms.filter(|_| !self.stepped_back);
        expiry::moved(unused_at_ms, standing_ms, now)
    }
}

/// The call would put more than [`MAX_LIMITERS`] limiters in use at one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyLimiters;

impl fmt::Display for TooManyLimiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key holds at most {MAX_LIMITERS} limiters in use")
    }
}

impl std::error::Error for TooManyLimiters {}
