//! What a refusal changes.

use super::ban::Ban;
use super::clause::BanClause;
use crate::bounds::MAX_REFUSALS;
use crate::now::Now;
use crate::packed::{U24, U40, U48, U56};

/// What `ban` becomes with a refusal that told to wait for `wait_ms`, none being in force; and
/// whether one begins.
pub(crate) fn refused(
    ban: Option<&Ban>,
    clause: &BanClause,
    wait_ms: u64,
    now: Now,
) -> (Ban, bool) {
    let last = ban.map(|ban| ban.moved_to(now));
    let counts = last.is_some_and(|last| now.ms() < last.told_until_ms());
    let mut ban = last.map_or_else(|| unheard_of(clause), |last| last.tidied(now));
    if ban.count.get() == 0 {
        ban.refusals = packed_refusals(clause.refusals);
        ban.period_ms = U40::new(clause.period_ms);
    }
    let mut begins = false;
    if counts {
        if ban.count.get() == 0 {
            ban.opened_ms = U48::new(now.ms());
        }
        ban.count = U24::new(ban.count.get().saturating_add(1));
        begins = ban.count.get() >= ban.refusals.get();
    }
    if begins {
        ban.ban_ms = U40::new(next_ban_ms(&ban, clause, now));
        ban.close_window();
        ban.began_ms = U48::new(now.ms());
        ban.max_ms = U40::new(clause.max_ms);
    }
    ban.refused_ms = U48::new(now.ms());
    // That a ban tells to wait as well makes no difference: nothing counts before it is over.
    ban.told_ms = U56::new(wait_ms.max(1));
    (ban, begins)
}

/// How long a ban lasts that begins now: twice as long as the last one if that ended not long ago.
fn next_ban_ms(last: &Ban, clause: &BanClause, now: Now) -> u64 {
    let repeats = last.ban_ms.get() > 0 && now.ms().saturating_sub(last.ends_ms()) < clause.max_ms;
    let ban_ms = if repeats { last.ban_ms.get().saturating_mul(2) } else { clause.ban_ms };
    ban_ms.min(clause.max_ms)
}

fn unheard_of(clause: &BanClause) -> Ban {
    Ban {
        refusals: packed_refusals(clause.refusals),
        period_ms: U40::new(clause.period_ms),
        refused_ms: U48::new(0),
        told_ms: U56::new(1),
        count: U24::new(0),
        opened_ms: U48::new(0),
        began_ms: U48::new(0),
        ban_ms: U40::new(0),
        max_ms: U40::new(0),
    }
}

fn packed_refusals(refusals: u64) -> U24 {
    U24::new(u32::try_from(refusals.clamp(1, MAX_REFUSALS)).unwrap_or(1))
}
