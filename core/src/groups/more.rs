//! All that a call may ask for beside limits: a lease, limits on trial, a ban.

use super::barred::Barred;
use super::group::Group;
use super::leased::Leased;
use super::refused::Refused;
use super::tried::{Trial, Tried};
use crate::algorithm::Algorithm;
use crate::bounds::MAX_LIMITERS;
use crate::holdings::{Holdings, Note};
use crate::limiters::Limiters;
use crate::now::Now;
use crate::verdict::{Verdict, Wait};

/// What a key says to it, and what to record there.
#[derive(Clone, Copy, Debug)]
pub(super) struct More<const N: usize> {
    leased: Leased,
    barred: Barred,
    tried: Tried<N>,
}

impl<const N: usize> More<N> {
    /// What a call is told that all limits admit, if all else does; it may be one that was made
    /// before.
    #[inline(never)]
    pub(super) fn weigh(group: &Group<'_>, repeat: bool, now: Now) -> Self {
        let (stored, lease, ban) = (group.stored, group.lease.as_ref(), group.ban.as_ref());
        let mut barred = ban.map_or(Barred::NONE, |ban| Barred::weigh(ban, stored, now));
        if repeat {
            barred.pass();
        }
        let leased = lease.map_or(Leased::NONE, |ask| Leased::weigh(ask, stored, now));
        Self { leased, barred, tried: Tried::NONE }
    }

    pub(super) fn admits(&self) -> bool {
        self.leased.admits() && self.barred.admits()
    }

    pub(super) fn is_barred(&self) -> bool {
        !self.barred.admits()
    }

    /// Becomes the answer to a call that all admit: finds room for a lease, and asks the limits on
    /// trial. `charged` is whether the real ones are.
    #[inline(never)]
    pub(super) fn grant(
        &mut self,
        group: &Group<'_>,
        charged: bool,
        repeat: bool,
        now: Now,
    ) -> Result<(), Refused> {
        let Group { stored, shadows, cost, .. } = *group;
        let holdings = stored.and_then(Limiters::mixed);
        let has_leases = holdings.is_some_and(|all| Holdings::has_leases(all, now));
        let makes_set = self.leased.grows() && !has_leases;
        if !makes_set && shadows.is_empty() {
            return Ok(());
        }
        let mut room = room_beside::<N>(group, charged, now);
        if makes_set {
            room = room.checked_sub(1).ok_or(Refused::TooManyLimiters)?;
        }
        if !repeat {
            let limiters = stored.map_or(&[][..], Limiters::shadows);
            self.tried.judge(shadows, limiters, cost, room, now);
        }
        Ok(())
    }

    /// Becomes the answer to a call that is denied. It counts as a refusal by the limits, whose
    /// verdicts these are, or it does not.
    #[inline(never)]
    pub(super) fn deny(&mut self, group: &Group<'_>, verdicts: &[Verdict], counts: bool, now: Now) {
        if let Some(ask) = group.lease.as_ref().filter(|_| self.leased.takes()) {
            self.leased = Leased::without_taking(ask, group.stored, now);
        }
        if let Some(ban) = group.ban.as_ref().filter(|_| counts) {
            let refusals = verdicts.iter().filter(|verdict| !verdict.allowed);
            let waits_ms = refusals.map(|verdict| match verdict.wait {
                Wait::Ms(ms) => ms,
                Wait::Never => ban.period_ms,
            });
            self.barred.refuse(ban, waits_ms.max().unwrap_or(0), group.stored, now);
        }
    }

    pub(super) fn lease(&self) -> Option<Verdict> {
        self.leased.verdict
    }

    pub(super) fn ban(&self) -> Option<Verdict> {
        self.barred.verdict
    }

    pub(super) fn ban_begins(&self) -> bool {
        self.barred.begins
    }

    pub(super) fn trials(&self) -> &[Trial] {
        self.tried.trials()
    }

    pub(super) fn is_write(&self) -> bool {
        self.leased.is_write()
            || self.barred.note.is_some()
            || self.tried.changes().next().is_some()
    }

    pub(super) fn grows(&self) -> bool {
        self.leased.grows()
    }

    pub(super) fn grows_aside(&self) -> bool {
        self.barred.grows || self.tried.grows()
    }

    pub(super) fn skip_growth(&mut self) {
        self.barred.skip_growth();
        self.tried.skip_growth();
    }

    /// What to record, in this order.
    pub(super) fn notes(&self) -> impl Iterator<Item = Note> + '_ {
        let shadows = self.tried.changes().map(Note::Shadow);
        self.leased.note().into_iter().chain(shadows).chain(self.barred.note.map(Note::Ban))
    }

    /// Whether any recorded time is later than now.
    pub(super) fn stepped_back(&self) -> bool {
        self.leased.stepped_back || self.barred.stepped_back || self.tried.stepped_back
    }
}

/// How many limiters more there is room for at the key, beside those of `group`'s real clauses if
/// they are charged.
fn room_beside<const N: usize>(group: &Group<'_>, charged: bool, now: Now) -> usize {
    let clauses = if charged { group.clauses } else { &[] };
    let mut ids = [(Algorithm::Fixed, 0); N];
    for (id, clause) in ids.iter_mut().zip(clauses) {
        *id = clause.id();
    }
    let ids = ids.get(..clauses.len()).unwrap_or(&ids);
    let others = group.stored.map_or(0, |stored| stored.in_use_beside(ids, now));
    MAX_LIMITERS.saturating_sub(others).saturating_sub(ids.len())
}
