//! How a call is decided.

use std::fmt;

use crate::algorithm::Algorithm;
use crate::algorithms::bucket::{LeakyStanding, TokenStanding};
use crate::algorithms::fixed::FixedStanding;
use crate::algorithms::log::LogStanding;
use crate::algorithms::sliding::SlidingStanding;
use crate::algorithms::{Standing, judge};
use crate::bounds::{MAX_CLAUSES, MAX_EXPIRY_MS, MAX_LIMITERS};
use crate::clause::Clause;
use crate::for_each_algorithm;
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
    /// How many clauses were asked.
    len: usize,
    /// Whether the changes are charges, and not mere moves to now.
    charged: bool,
}

impl<const N: usize> Outcome<N> {
    /// What to record. Nothing if the call is denied or costs 0, unless the clock stepped back.
    #[inline]
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.changes.iter().take(self.len).filter_map(|change| *change)
    }

    /// When the key may go, the changes being applied to `limiters`: the same as
    /// [`Limiters::expire_at_ms`], which the verdict of a lone limiter already tells.
    #[inline]
    #[must_use]
    pub fn expire_at_ms(&self, limiters: &Limiters, now: Now) -> u64 {
        match (limiters, self.verdicts.first()) {
            (Limiters::One(_), Some(verdict)) if self.charged => {
                now.ms().saturating_add(verdict.reset_ms.min(MAX_EXPIRY_MS))
            }
            _ => limiters.expire_at_ms(now),
        }
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
#[inline(always)]
pub fn decide<const N: usize>(
    limiters: Option<&Limiters>,
    clauses: &[Clause],
    cost: u64,
    now: Now,
) -> Result<Outcome<N>, TooManyLimiters> {
    let stored = |clause: &Clause| limiters.and_then(|all| all.find(clause.id()));
    let all_admit = clauses.len() == 1
        || clauses.iter().all(|clause| admits(stored(clause), clause, cost, now));
    let mut outcome = Outcome {
        allowed: true,
        grows: false,
        verdicts: [NO_VERDICT; N],
        changes: [None; N],
        len: clauses.len(),
        charged: false,
    };
    let answers = outcome.verdicts.iter_mut().zip(outcome.changes.iter_mut());
    for (clause, (verdict, change)) in clauses.iter().zip(answers) {
        let stored = stored(clause);
        (*verdict, *change) = judge_limiter(stored, clause, cost, now, all_admit);
        outcome.allowed &= verdict.allowed;
        if change.is_none() {
            *change = stored.and_then(|limiter| limiter.move_from_future(now));
        } else if stored.is_none_or(|limiter| limiter.grows(now)) {
            outcome.grows = true;
        }
    }
    if outcome.allowed && cost > 0 {
        outcome.charged = true;
        check_room(limiters, clauses, now)?;
    }
    Ok(outcome)
}

macro_rules! define {
    ($(
        $(#[$doc:meta])*
        $algorithm:ident $name:literal $word:literal ($($argument:ident)*)
            tag $tag:literal holds $stored:ty, changes by $change:ty, stands as $standing:ident;
    )*) => {
        /// Whether `clause` alone lets `cost` pass, given what is recorded of its limiter.
        #[inline]
        fn admits(stored: Option<&Limiter>, clause: &Clause, cost: u64, now: Now) -> bool {
            match clause.algorithm {
                $(Algorithm::$algorithm => {
                    standing!($algorithm $standing, stored, clause, now).admits(cost)
                })*
            }
        }

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
                    let standing = standing!($algorithm $standing, stored, clause, now);
                    let (verdict, change) = judge(standing, clause, cost, others_admit);
                    (verdict, change.map(Change::$algorithm))
                })*
            }
        }
    };
}

/// The limiter of a clause as it stands now.
macro_rules! standing {
    ($algorithm:ident $standing:ident, $stored:expr, $clause:expr, $now:expr) => {
        $standing::new(
            match $stored {
                Some(Limiter::$algorithm(state)) => Some(state),
                _ => None,
            },
            $clause,
            $now,
        )
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
