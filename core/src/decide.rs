//! How a call is decided.

use crate::algorithm::Algorithm;
use crate::algorithms::bucket::{LeakyStanding, TokenStanding};
use crate::algorithms::fixed::FixedStanding;
use crate::algorithms::judge;
use crate::algorithms::log::LogStanding;
use crate::algorithms::sliding::SlidingStanding;
use crate::bounds::{MAX_CLAUSES, MAX_LIMITERS};
use crate::clause::Clause;
use crate::for_each_algorithm;
use crate::limiter::{Change, Limiter};
use crate::limiters::Limiters;
use crate::now::Now;
use crate::outcome::{Outcome, TooManyLimiters};
use crate::verdict::Verdict;

/// Decides a call of `cost` against `clauses`, at most `N` and no two of the same limiter: it is
/// allowed if each of them allows it, and only then is anything consumed.
///
/// # Errors
/// [`TooManyLimiters`] where an allowed call would exceed them; nothing is to be recorded then.
#[inline(always)]
pub fn decide<const N: usize>(
    limiters: Option<&Limiters>,
    clauses: &[Clause],
    cost: u64,
    now: Now,
) -> Result<Outcome<N>, TooManyLimiters> {
    let mut outcome = Outcome::new(clauses.len());
    // Most calls are allowed, so each clause is judged as if all the others admitted the call.
    judge_all(&mut outcome, limiters, clauses, cost, now);
    if !outcome.allowed && N > 1 {
        outcome = denied(limiters, clauses, cost, now);
    }
    if outcome.allowed && cost > 0 {
        outcome.charged = true;
        check_room(limiters, clauses, now)?;
    }
    Ok(outcome)
}

/// Judges one clause after the other, up to the first that denies.
#[inline(always)]
fn judge_all<const N: usize>(
    outcome: &mut Outcome<N>,
    limiters: Option<&Limiters>,
    clauses: &[Clause],
    cost: u64,
    now: Now,
) {
    for (place, clause) in clauses.iter().enumerate() {
        let found = outcome.find(limiters, clause);
        let (verdict, change) = judge_limiter(found.limiter(), clause, cost, now, true);
        outcome.allowed &= verdict.allowed;
        outcome.put(place, found, verdict, change, now);
        if N > 1 && !outcome.allowed {
            return;
        }
    }
}

/// What a call is told that one of several clauses denies: each clause's own verdict, and moves.
#[inline(never)]
fn denied<const N: usize>(
    limiters: Option<&Limiters>,
    clauses: &[Clause],
    cost: u64,
    now: Now,
) -> Outcome<N> {
    let mut outcome = Outcome::new(clauses.len());
    for (place, clause) in clauses.iter().enumerate() {
        let found = outcome.find(limiters, clause);
        let (verdict, change) = judge_limiter(found.limiter(), clause, cost, now, false);
        outcome.put(place, found, verdict, change, now);
    }
    outcome.allowed = false;
    outcome
}

macro_rules! define {
    ($(
        $(#[$doc:meta])*
        $algorithm:ident $name:literal $word:literal ($($argument:ident)*)
            tag $tag:literal holds $stored:ty, changes by $change:ty, stands as $standing:ident;
    )*) => {
        /// The verdict of `clause` on `cost`, given what is recorded of its limiter, and the
        /// charge if the others admit it too.
        #[inline(always)]
        pub(crate) fn judge_limiter(
            stored: Option<&Limiter>,
            clause: &Clause,
            cost: u64,
            now: Now,
            others_admit: bool,
        ) -> (Verdict, Option<Change>) {
            match clause.algorithm {
                $(Algorithm::$algorithm => {
                    let standing = $standing::new(
                        match stored {
                            Some(Limiter::$algorithm(state)) => Some(state),
                            _ => None,
                        },
                        clause,
                        now,
                    );
                    let (verdict, change) = judge(standing, clause, cost, others_admit);
                    (verdict, change.map(Change::$algorithm))
                })*
            }
        }
    };
}

for_each_algorithm!(define);

#[inline]
fn check_room(
    limiters: Option<&Limiters>,
    clauses: &[Clause],
    now: Now,
) -> Result<(), TooManyLimiters> {
    match limiters {
        Some(limiters)
            if limiters.as_slice().len().saturating_add(clauses.len()) > MAX_LIMITERS =>
        {
            check_room_in_use(limiters, clauses, now)
        }
        _ => Ok(()),
    }
}

#[cold]
fn check_room_in_use(
    limiters: &Limiters,
    clauses: &[Clause],
    now: Now,
) -> Result<(), TooManyLimiters> {
    let mut ids = [(Algorithm::Fixed, 0); MAX_CLAUSES];
    for (id, clause) in ids.iter_mut().zip(clauses) {
        *id = clause.id();
    }
    let ids = ids.get(..clauses.len()).unwrap_or(&ids);
    let makes_one = ids.iter().any(|id| limiters.find(*id).is_none());
    if makes_one && !limiters.has_room_for(ids, now) { Err(TooManyLimiters) } else { Ok(()) }
}
