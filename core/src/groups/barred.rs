//! The part of a BAN in what a call is told, and what to record of it.

use crate::bans::{Ban, BanClause, judge, refused};
use crate::bounds::MAX_LIMITERS;
use crate::holdings::Holdings;
use crate::limiters::Limiters;
use crate::now::Now;
use crate::verdict::{Verdict, Wait};

/// What the ban of a key says to a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Barred {
    /// Nothing if the call names no BAN.
    pub(super) verdict: Option<Verdict>,
    pub(super) note: Option<Ban>,
    /// Whether nothing was recorded, so that a refusal needs memory.
    pub(super) grows: bool,
    /// Whether a ban begins with this call.
    pub(super) begins: bool,
    /// Whether the last refusal is later than now.
    pub(super) stepped_back: bool,
}

impl Barred {
    pub(super) const NONE: Self =
        Self { verdict: None, note: None, grows: false, begins: false, stepped_back: false };

    /// What a call is told that nothing refuses, or that a ban does.
    pub(super) fn weigh(clause: &BanClause, stored: Option<&Limiters>, now: Now) -> Self {
        let ban = stored.and_then(Limiters::ban);
        let ahead = ban.filter(|ban| ban.is_ahead(now));
        Self {
            verdict: Some(judge(ban, clause, now)),
            note: ahead.map(|ban| ban.moved_to(now)),
            stepped_back: ahead.is_some(),
            ..Self::NONE
        }
    }

    pub(super) fn admits(&self) -> bool {
        self.verdict.is_none_or(|verdict| verdict.allowed)
    }

    /// Lets a call pass that was made before.
    pub(super) fn pass(&mut self) {
        (self.note, self.stepped_back) = (None, false);
        if let Some(verdict) = &mut self.verdict {
            (verdict.allowed, verdict.wait) = (true, Wait::Ms(0));
        }
    }

    /// Takes down a refusal that told to wait for `wait_ms`, where no ban is in force.
    pub(super) fn refuse(
        &mut self,
        clause: &BanClause,
        wait_ms: u64,
        stored: Option<&Limiters>,
        now: Now,
    ) {
        let ban = stored.and_then(Limiters::ban);
        let is_in_use =
            stored.and_then(Limiters::mixed).is_some_and(|all| Holdings::has_ban(all, now));
        if !is_in_use && stored.is_some_and(|stored| is_full(stored, now)) {
            return;
        }
        let (ban_after, begins) = refused(ban, clause, wait_ms, now);
        self.verdict = Some(judge(Some(&ban_after), clause, now));
        (self.note, self.begins, self.grows) = (Some(ban_after), begins, ban.is_none());
    }

    /// Leaves a refusal uncounted that needs memory.
    pub(super) fn skip_growth(&mut self) {
        if !std::mem::take(&mut self.grows) {
            return;
        }
        self.note = None;
        if let Some(verdict) = &mut self.verdict {
            (verdict.remaining, verdict.reset_ms) = (verdict.limit, 0);
        }
    }
}

/// Whether there is no room for one more among the limiters that a key may hold.
fn is_full(stored: &Limiters, now: Now) -> bool {
    stored.places() >= MAX_LIMITERS && stored.in_use_beside(&[], now) >= MAX_LIMITERS
}
