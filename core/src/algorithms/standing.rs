//! What every algorithm can tell of a limiter at one moment, and the verdict made of it.

use super::State;
use crate::clause::Clause;
use crate::verdict::{Verdict, Wait};

/// A limiter as it stands now, under the numbers of one clause.
///
/// The recorded use is already brought to the present: windows that are over are gone, a bucket
/// has leaked, a time from the future is read as now.
pub(crate) trait Standing {
    /// What is recorded of such a limiter.
    type State: State;

    /// Whether `cost` more fits.
    fn admits(&self, cost: u64) -> bool;

    /// Milliseconds until `cost` fits if nothing else comes, at most `u64::MAX`. Asked only where it does not fit
    /// now and is not above the limit.
    fn wait_ms(&self, cost: u64) -> u64;

    /// Milliseconds to hold a request that is let in.
    fn hold_ms(&self) -> u64 {
        0
    }

    /// Adds `cost` to the use.
    fn charge(&mut self, cost: u64);

    /// How much cost still fits, rounded down.
    fn remaining(&self) -> u64;

    /// Milliseconds until the limiter is as if never used.
    fn reset_ms(&self) -> u64;

    /// What to record, after [`Standing::charge`] of `cost`.
    fn record(&self, cost: u64) -> ChangeOf<Self>;
}

/// What a call changes of the limiter that `S` shows.
pub(crate) type ChangeOf<S> = <<S as Standing>::State as State>::Change;

/// The verdict on `cost`, which is charged if `others_admit` it too.
#[inline(always)]
pub(crate) fn judge<S: Standing>(
    mut standing: S,
    clause: &Clause,
    cost: u64,
    others_admit: bool,
) -> (Verdict, Option<ChangeOf<S>>) {
    let allowed = standing.admits(cost);
    let wait = if allowed {
        Wait::Ms(standing.hold_ms())
    } else if cost > clause.limit {
        Wait::Never
    } else {
        Wait::Ms(standing.wait_ms(cost))
    };
    let change = (allowed && others_admit && cost > 0).then(|| {
        standing.charge(cost);
        standing.record(cost)
    });
    let verdict = Verdict {
        allowed,
        limit: clause.limit,
        remaining: standing.remaining(),
        wait,
        reset_ms: standing.reset_ms(),
    };
    (verdict, change)
}
