//! How a call is decided.

use std::fmt;

use crate::bounds::{MAX_CLAUSES, MAX_LIMITERS};
use crate::bucket::BucketStanding;
use crate::clause::{Algorithm, Clause};
use crate::fixed::FixedStanding;
use crate::limiter::{Change, Limiter};
use crate::limiters::Limiters;
use crate::log::LogStanding;
use crate::now::Now;
use crate::sliding::SlidingStanding;
use crate::standing::judge;
use crate::verdict::{Verdict, Wait};

/// The answer to a call of up to `N` clauses, and what to record of it.
#[derive(Clone, Debug)]
pub struct Decision<const N: usize> {
    /// Whether every clause lets the call pass.
    pub allowed: bool,
    /// One verdict per clause, in the order asked; the rest is filler.
    pub verdicts: [Verdict; N],
    changes: [Option<Change>; N],
}

impl<const N: usize> Decision<N> {
    /// What to record. Nothing if the call is denied or costs 0, unless the clock stepped back.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.changes.iter().flatten().cloned()
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

const NO_VERDICT: Verdict =
    Verdict { allowed: false, limit: 0, remaining: 0, wait: Wait::Never, reset_ms: 0 };

/// Decides a call of `cost` against `clauses`, at most `N` and no two of the same limiter: it is
/// allowed if each of them allows it, and only then is anything consumed.
///
/// # Errors
/// [`TooManyLimiters`] where an allowed call would exceed them; nothing is to be recorded then.
#[inline]
pub fn decide<const N: usize>(
    limiters: Option<&Limiters>,
    clauses: &[Clause],
    cost: u64,
    now: Now,
) -> Result<Decision<N>, TooManyLimiters> {
    let all_admit = clauses.len() == 1
        || clauses.iter().all(|clause| judge_clause(limiters, clause, cost, now, false).0.allowed);
    let mut decision =
        Decision { allowed: true, verdicts: [NO_VERDICT; N], changes: [const { None }; N] };
    let answers = decision.verdicts.iter_mut().zip(decision.changes.iter_mut());
    for (clause, (verdict, change)) in clauses.iter().zip(answers) {
        (*verdict, *change) = judge_clause(limiters, clause, cost, now, all_admit);
        decision.allowed &= verdict.allowed;
    }
    if decision.allowed && cost > 0 {
        check_room(limiters, clauses, now)?;
    }
    Ok(decision)
}

/// One clause's verdict, and the change that it makes: the charge, or else the move to now.
#[inline]
fn judge_clause(
    limiters: Option<&Limiters>,
    clause: &Clause,
    cost: u64,
    now: Now,
    others_admit: bool,
) -> (Verdict, Option<Change>) {
    let stored = limiters.and_then(|all| all.find((clause.algorithm, clause.period_ms)));
    let (verdict, charge) = judge_limiter(stored, clause, cost, now, others_admit);
    let change = charge.or_else(|| stored.and_then(|limiter| limiter.move_from_future(now)));
    (verdict, change)
}

/// The verdict of `clause` on `cost`, given what is recorded of its limiter.
#[inline]
pub(crate) fn judge_limiter(
    stored: Option<&Limiter>,
    clause: &Clause,
    cost: u64,
    now: Now,
    others_admit: bool,
) -> (Verdict, Option<Change>) {
    macro_rules! judge_as {
        ($standing:ty, $variant:ident($recorded:ident) => $state:expr) => {{
            let state = match stored {
                Some(Limiter::$variant($recorded)) => Some($state),
                _ => None,
            };
            judge(<$standing>::new(state, clause, now), clause, cost, others_admit)
        }};
    }
    match clause.algorithm {
        Algorithm::Fixed => judge_as!(FixedStanding, Fixed(fixed) => fixed),
        Algorithm::Sliding => judge_as!(SlidingStanding, Sliding(sliding) => sliding),
        Algorithm::Log => judge_as!(LogStanding<'_>, Log(log) => log.as_ref()),
        Algorithm::Token => judge_as!(BucketStanding<false>, Token(bucket) => bucket),
        Algorithm::Leaky => judge_as!(BucketStanding<true>, Leaky(bucket) => bucket),
    }
}

#[inline]
fn check_room(
    limiters: Option<&Limiters>,
    clauses: &[Clause],
    now: Now,
) -> Result<(), TooManyLimiters> {
    let Some(limiters) = limiters else { return Ok(()) };
    if limiters.as_slice().len().saturating_add(clauses.len()) <= MAX_LIMITERS {
        return Ok(());
    }
    let mut ids = [(Algorithm::Fixed, 0); MAX_CLAUSES];
    for (id, clause) in ids.iter_mut().zip(clauses) {
        *id = (clause.algorithm, clause.period_ms);
    }
    let ids = ids.get(..clauses.len()).unwrap_or(&ids);
    let makes_one = ids.iter().any(|id| limiters.find(*id).is_none());
    if makes_one && !limiters.has_room_for(ids, now) { Err(TooManyLimiters) } else { Ok(()) }
}
