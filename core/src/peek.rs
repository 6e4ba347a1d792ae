//! What stands at a key, for who only looks.

use crate::clause::Clause;
use crate::decide::verdict_on;
use crate::limiter::Limiter;
use crate::limiters::Limiters;
use crate::now::Now;
use crate::verdict::Verdict;

/// A limiter in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// The numbers of its last charged call.
    pub clause: Clause,
    /// What a call of cost 1 with these numbers would be told now, were it not to consume.
    pub verdict: Verdict,
}

/// The real limiters in use, in the order of their algorithms and periods.
pub fn peek(limiters: &Limiters, now: Now) -> impl Iterator<Item = Peeked> + '_ {
    in_use(limiters.as_slice(), now)
}

fn in_use(limiters: &[Limiter], now: Now) -> impl Iterator<Item = Peeked> + '_ {
    limiters.iter().filter_map(move |limiter| {
        let clause = limiter.clause();
        let verdict = verdict_on(limiter, &clause, 1, now);
        (verdict.reset_ms > 0).then_some(Peeked { clause, verdict })
    })
}

/// Anything in use at a key, as RL.PEEK lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is: `fixed`, `shadow-fixed`, `lease`, `ban`.
    pub name: &'static str,
    /// The limit or capacity; a ban's refusals.
    pub limit: u64,
    /// The refill or leak; equal to the limit where there is none.
    pub refill: u64,
    /// The period; of leases the duration.
    pub period_ms: u64,
    /// What remains, how long to wait, and when all is forgotten.
    pub verdict: Verdict,
}

/// All that is in use: the real limiters, those on trial, the leases, the ban.
pub fn rows(limiters: &Limiters, now: Now) -> impl Iterator<Item = Row> + '_ {
    let row = |name, Peeked { clause, verdict }: Peeked| Row {
        name,
        limit: clause.limit,
        refill: clause.refill,
        period_ms: clause.period_ms,
        verdict,
    };
    let real = peek(limiters, now).map(move |one| row(one.clause.algorithm.name(), one));
    let tried = in_use(limiters.shadows(), now);
    let tried = tried.map(move |one| row(one.clause.algorithm.shadow_name(), one));
    let leases = limiters.peek_leases(now).map(|(clause, verdict)| Row {
        name: "lease",
        limit: clause.limit,
        refill: clause.limit,
        period_ms: clause.duration_ms,
        verdict,
    });
    let ban = limiters.peek_ban(now).map(|(clause, verdict)| Row {
        name: "ban",
        limit: clause.refusals,
        refill: clause.refusals,
        period_ms: clause.period_ms,
        verdict,
    });
    real.chain(tried).chain(leases).chain(ban)
}
