//! How a call is decided.

use crate::algorithm::Algorithm;
use crate::algorithms::*;
use crate::bounds::MAX_LIMITERS;
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
    let mut outcome = Outcome::undecided();
    outcome.decide(limiters, clauses, cost, now)?;
    Ok(outcome)
}

impl<const N: usize> Outcome<N> {
    /// The same as [`decide`], in place: an outcome is long enough for its copies to be seen in a
    /// call's cost.
    ///
    /// # Errors
    /// As those of [`decide`].
    #[inline(always)]
    pub fn decide(
        &mut self,
        limiters: Option<&Limiters>,
        clauses: &[Clause],
        cost: u64,
        now: Now,
    ) -> Result<(), TooManyLimiters> {
        let stored = limiters.map_or(&[][..], Limiters::as_slice);
        // Most calls are allowed, so each clause is judged as if all the others admitted the call.
        self.begin(clauses.len());
        for (place, clause) in clauses.iter().enumerate() {
            // A copy: the compiler no longer knows what a clause says whose address somebody had,
            // and so forgets an algorithm that the caller named.
            let allowed = self.judge(place, stored, &{ *clause }, cost, now, true);
            self.allowed &= allowed;
            if N > 1 && !allowed {
                self.deny(stored, clauses, cost, now);
                break;
            }
        }
        self.charged = self.allowed && cost > 0;
        if self.charged { check_room::<N>(limiters, clauses, now) } else { Ok(()) }
    }

    /// The same for one clause, given what is `stored` of such limiters, wherever that is.
    pub(crate) fn decide_alone(
        &mut self,
        stored: &[Limiter],
        clause: &Clause,
        cost: u64,
        now: Now,
    ) {
        self.begin(1);
        self.allowed = self.judge(0, stored, clause, cost, now, true);
        self.charged = self.allowed && cost > 0;
    }

    /// What a call is told that one of several clauses denies: each clause's own verdict, and
    /// moves.
    #[inline(never)]
    pub(crate) fn deny(&mut self, stored: &[Limiter], clauses: &[Clause], cost: u64, now: Now) {
        self.begin(clauses.len());
        for (place, clause) in clauses.iter().enumerate() {
            self.judge(place, stored, clause, cost, now, false);
        }
        self.allowed = false;
        self.charged = false;
    }
}

macro_rules! define {
    ($(
        $(#[$doc:meta])*
        $algorithm:ident $name:literal $word:literal ($($argument:ident)*)
            tag $tag:literal holds $stored:ty, changes by $change:ty, stands as $standing:ty;
    )*) => {
        impl<const N: usize> Outcome<N> {
            /// Takes down the verdict of the clause at `place` on `cost`, given what is recorded
            /// of its limiter, and what is to be recorded: the charge if the others admit it too.
            /// Whether the clause allows the call.
            #[inline(always)]
            fn judge(
                &mut self,
                place: usize,
                stored: &[Limiter],
                clause: &Clause,
                cost: u64,
                now: Now,
                others_admit: bool,
            ) -> bool {
                match clause.algorithm {
                    $(Algorithm::$algorithm => {
                        let found = find(stored, self.next_place(), |limiter| match limiter {
                            Limiter::$algorithm(state)
                                if state.period_ms() == clause.period_ms => Some(state),
                            _ => None,
                        });
                        let state = found.map(|(_, state)| state);
                        let standing = <$standing>::new(state, clause, now);
                        let (verdict, charge) = judge(standing, clause, cost, others_admit);
                        self.put(place, found, verdict, charge.map(Change::$algorithm), |state| {
                            Change::$algorithm(state.move_to(now))
                        }, now);
                        verdict.allowed
                    })*
                }
            }
        }

        /// What a call of `clause`, which names this limiter, would be told if it consumed nothing.
        pub(crate) fn verdict_on(
            limiter: &Limiter,
            clause: &Clause,
            cost: u64,
            now: Now,
        ) -> Verdict {
            match limiter {
                $(Limiter::$algorithm(state) => {
                    judge(<$standing>::new(Some(state), clause, now), clause, cost, false).0
                })*
            }
        }
    };
}

for_each_algorithm!(define);

/// The limiter that `pick` takes, and its place. Calls mostly name limiters in the order of the
/// key, so it is looked for at `likely` first.
#[inline(always)]
fn find<'a, S>(
    stored: &'a [Limiter],
    likely: usize,
    pick: impl Fn(&'a Limiter) -> Option<&'a S>,
) -> Option<(usize, &'a S)> {
    match stored.get(likely).and_then(&pick) {
        Some(state) => Some((likely, state)),
        None => stored
            .iter()
            .enumerate()
            .find_map(|(place, limiter)| pick(limiter).map(|state| (place, state))),
    }
}

/// An error if an allowed call would make a limiter too many. Only ids leave here, since the
/// clauses' addresses must not.
#[inline(always)]
fn check_room<const N: usize>(
    limiters: Option<&Limiters>,
    clauses: &[Clause],
    now: Now,
) -> Result<(), TooManyLimiters> {
    match limiters {
        Some(limiters) if limiters.places().saturating_add(clauses.len()) > MAX_LIMITERS => {
            let mut ids = [(Algorithm::Fixed, 0); N];
            for (id, clause) in ids.iter_mut().zip(clauses) {
                *id = clause.id();
            }
            check_room_in_use(limiters, ids.get(..clauses.len()).unwrap_or(&ids), now)
        }
        _ => Ok(()),
    }
}

#[cold]
fn check_room_in_use(
    limiters: &Limiters,
    ids: &[(Algorithm, u64)],
    now: Now,
) -> Result<(), TooManyLimiters> {
    let makes_one = ids.iter().any(|id| limiters.find(*id).is_none());
    if makes_one && !limiters.has_room_for(ids, now) { Err(TooManyLimiters) } else { Ok(()) }
}
