//! The answer to a call, and what to record of it.

use std::fmt;

use crate::bounds::MAX_LIMITERS;
use crate::clause::Clause;
use crate::expiry;
use crate::limiter::{Change, Limiter};
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

/// A clause's limiter, and where it stands in the key; or that it is new.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a>(Option<(usize, &'a Limiter)>);

impl<'a> Found<'a> {
    #[inline(always)]
    pub(crate) fn limiter(self) -> Option<&'a Limiter> {
        self.0.map(|(_, limiter)| limiter)
    }
}

impl<const N: usize> Outcome<N> {
    /// Allowed, until a clause denies it.
    #[inline(always)]
    pub(crate) fn new(len: usize) -> Self {
        Self {
            allowed: true,
            grows: false,
            verdicts: [NO_VERDICT; N],
            changes: [None; N],
            places: [NOWHERE; N],
            len,
            next_place: 0,
            charged: false,
            stepped_back: false,
        }
    }

    /// Finds the limiter of `clause`: calls mostly name limiters in the order of the key.
    #[inline(always)]
    pub(crate) fn find<'a>(&self, limiters: Option<&'a Limiters>, clause: &Clause) -> Found<'a> {
        Found(limiters.and_then(|limiters| limiters.find_from(self.next_place, clause.id())))
    }

    /// Takes down what the clause at `place` is answered, and what of it is to be recorded.
    #[inline(always)]
    pub(crate) fn put(
        &mut self,
        place: usize,
        found: Found<'_>,
        verdict: Verdict,
        charge: Option<Change>,
        now: Now,
    ) {
        let stored = found.limiter();
        let ahead = stored.filter(|limiter| limiter.is_ahead(now));
        self.stepped_back |= ahead.is_some();
        self.grows |= charge.is_some() && stored.is_none_or(|limiter| limiter.grows(now));
        if let Some(slot) = self.verdicts.get_mut(place) {
            *slot = verdict;
        }
        if let Some(slot) = self.changes.get_mut(place) {
            *slot = match charge {
                Some(charge) => Some(charge),
                None => ahead.map(|limiter| limiter.move_to(now)),
            };
        }
        if let (Some((at, _)), Some(slot)) = (found.0, self.places.get_mut(place)) {
            *slot = u8::try_from(at).unwrap_or(NOWHERE);
            self.next_place = at.saturating_add(1);
        }
    }

    /// What to record. Nothing if the call is denied or costs 0, unless the clock stepped back.
    #[inline]
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.changes.iter().take(self.len).filter_map(|change| *change)
    }

    /// Records the changes in the limiters that were decided on.
    #[inline(always)]
    pub fn record(&self, limiters: &mut Limiters, now: Now) {
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
        let unused_at_ms = match (limiters, self.verdicts.first()) {
            // The verdict of a lone limiter tells, without a division.
            (Limiters::One(_), Some(verdict)) if self.charged => {
                now.ms().saturating_add(verdict.reset_ms)
            }
            _ => limiters.unused_at_ms(),
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
