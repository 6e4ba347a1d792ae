//! What stands at a key, for who only looks.

use crate::clause::Clause;
use crate::decide::verdict_on;
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

/// The limiters in use, in the order of their algorithms and periods.
pub fn peek(limiters: &Limiters, now: Now) -> impl Iterator<Item = Peeked> + '_ {
    limiters.as_slice().iter().filter_map(move |limiter| {
        let clause = limiter.clause();
        let verdict = verdict_on(limiter, &clause, 1, now);
        (verdict.reset_ms > 0).then_some(Peeked { clause, verdict })
    })
}
