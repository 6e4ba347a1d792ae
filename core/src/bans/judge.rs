//! What a call is told of a ban.

use super::ban::Ban;
use super::clause::BanClause;
use crate::now::Now;
use crate::verdict::{Verdict, Wait};

/// The verdict of the ban that stands, if one does.
pub(crate) fn judge(ban: Option<&Ban>, clause: &BanClause, now: Now) -> Verdict {
    let Some(ban) = ban.map(|ban| ban.moved_to(now)) else {
        let remaining = clause.refusals;
        return Verdict {
            allowed: true,
            limit: remaining,
            remaining,
            wait: Wait::Ms(0),
            reset_ms: 0,
        };
    };
    let left_ms = ban.ends_ms().saturating_sub(now.ms());
    let remaining = if left_ms > 0 {
        0
    } else if now.ms() < ban.closes_ms() {
        u64::from(ban.refusals.get().saturating_sub(ban.count.get()))
    } else {
        clause.refusals
    };
    Verdict {
        allowed: left_ms == 0,
        limit: clause.refusals,
        remaining,
        wait: Wait::Ms(left_ms),
        reset_ms: ban.unused_at_ms().saturating_sub(now.ms()),
    }
}

impl Ban {
    /// The recorded refusals and period, and the verdict by them; nothing if all is forgotten.
    pub(crate) fn peek(&self, now: Now) -> Option<(BanClause, Verdict)> {
        let clause = BanClause {
            refusals: self.refusals.get().into(),
            period_ms: self.period_ms.get(),
            ban_ms: self.ban_ms.get(),
            max_ms: self.max_ms.get(),
        };
        let verdict = judge(Some(self), &clause, now);
        (verdict.reset_ms > 0).then_some((clause, verdict))
    }
}
