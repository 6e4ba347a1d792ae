//! The answer to what a call asks of one key, and what to record there.

use super::barred::Barred;
use super::group::Group;
use super::leased::Leased;
use super::refused::Refused;
use super::tried::{Trial, Tried};
use crate::algorithm::Algorithm;
use crate::bounds::MAX_LIMITERS;
use crate::holdings::{Dropped, Holdings, Item, Note};
use crate::limiters::Limiters;
use crate::now::Now;
use crate::outcome::Outcome;
use crate::receipts::NewReceipt;
use crate::verdict::{Verdict, Wait};

/// The answer to what a call asks of one key, in up to `N` clauses, and what to record there.
///
/// ```
/// use rl_core::{Charge, ChargeId, Clause, Group, GroupOutcome, Now};
///
/// let charge = Charge { id: ChargeId::new(b"order-1").unwrap(), keep_ms: 60_000, receipts_max: 10 };
/// let clauses = [Clause::fixed(2, 60_000)];
/// let now = Now::from_unix_ms(1_000);
///
/// let mut first = GroupOutcome::<1>::undecided();
/// let group = Group {
///     clauses: &clauses,
///     cost: 1,
///     charge: Some(&charge),
///     ..Group::default()
/// };
/// first.decide(&group, now).unwrap();
/// let stored = first.make(now).unwrap();
///
/// let mut again = GroupOutcome::<1>::undecided();
/// again.decide(&Group { stored: Some(&stored), ..group }, now).unwrap();
/// assert!(again.repeat && again.outcome.allowed && !again.is_write());
/// assert_eq!(again.outcome.verdicts[0].remaining, 1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GroupOutcome<const N: usize> {
    /// What the call is told of this key's limits, and the changes of its limiters.
    pub outcome: Outcome<N>,
    /// Whether it is a call that was made before: nothing is charged again.
    pub repeat: bool,
    /// Whether this key lets the call pass, whatever other keys say.
    pub admits: bool,
    /// Whether its limits alone do.
    limits_admit: bool,
    /// Whether it would put too many limiters in use, which matters if it is allowed.
    too_many: bool,
    receipt: Option<NewReceipt>,
    leased: Leased,
    barred: Barred,
    tried: Tried<N>,
}

impl<const N: usize> GroupOutcome<N> {
    /// That of no clause.
    #[must_use]
    pub fn undecided() -> Self {
        Self {
            outcome: Outcome::undecided(),
            repeat: false,
            admits: true,
            limits_admit: true,
            too_many: false,
            receipt: None,
            leased: Leased::NONE,
            barred: Barred::NONE,
            tried: Tried::NONE,
        }
    }

    /// Decides what `group` asks. Nothing of `group` has to be kept for what follows.
    ///
    /// # Errors
    /// Those of [`Refused`]; nothing is to be recorded then.
    #[inline]
    pub fn decide(&mut self, group: &Group<'_>, now: Now) -> Result<(), Refused> {
        self.weigh(group, now)?;
        if self.admits {
            return self.grant(group, now);
        }
        self.deny(group, !self.is_barred(), now);
        Ok(())
    }

    /// Finds out whether this key lets the call pass. What is told holds if all others do.
    #[inline]
    pub(super) fn weigh(&mut self, group: &Group<'_>, now: Now) -> Result<(), Refused> {
        let Group { stored, clauses, cost, charge, .. } = *group;
        (self.repeat, self.receipt, self.too_many) = (false, None, false);
        let ask = group.lease.as_ref();
        self.leased = ask.map_or(Leased::NONE, |ask| Leased::weigh(ask, stored, now));
        let ban = group.ban.as_ref();
        self.barred = ban.map_or(Barred::NONE, |ban| Barred::weigh(ban, stored, now));
        self.tried.clear();
        let charge = charge.filter(|_| cost > 0);
        if charge.is_some_and(|charge| charge.receipts_max == 0) && !clauses.is_empty() {
            return Err(Refused::NoReceipts);
        }
        let known = charge.zip(stored).and_then(|(charge, all)| all.known_call(&charge.id, now));
        if let Some(known) = known {
            if !known.is_of(clauses) {
                return Err(Refused::AnotherCall);
            }
            self.too_many = self.outcome.decide(stored, clauses, 0, now).is_err();
            self.outcome.repeat(|place| {
                clauses.get(place).map_or(0, |clause| known.hold_left_ms(clause, now))
            });
            self.barred.pass();
            self.repeat = true;
        } else {
            self.too_many = self.outcome.decide(stored, clauses, cost, now).is_err();
        }
        self.limits_admit = self.outcome.allowed;
        self.admits = self.limits_admit && self.leased.admits() && self.barred.admits();
        Ok(())
    }

    /// Whether a ban is in force here for this call.
    pub(super) fn is_barred(&self) -> bool {
        !self.barred.admits()
    }

    /// Becomes the answer to a call that all admit.
    #[inline]
    pub(super) fn grant(&mut self, group: &Group<'_>, now: Now) -> Result<(), Refused> {
        if self.too_many {
            return Err(Refused::TooManyLimiters);
        }
        if let Some(charge) = group.charge
            && group.cost > 0
            && !group.clauses.is_empty()
            && !self.repeat
        {
            let (id, keep_ms, most) = (charge.id, charge.keep_ms, charge.receipts_max);
            self.receipt = Some(NewReceipt::new(id, keep_ms, most, group.clauses, group.cost));
        }
        if self.leased.grows || !group.shadows.is_empty() {
            return self.grant_more(group, now);
        }
        Ok(())
    }

    /// Finds room for a lease, and asks the limits on trial.
    fn grant_more(&mut self, group: &Group<'_>, now: Now) -> Result<(), Refused> {
        let Group { stored, shadows, cost, .. } = *group;
        let mut room = room_beside::<N>(group, self.outcome.charged, now);
        let holdings = stored.and_then(Limiters::mixed);
        if self.leased.grows && !holdings.is_some_and(|all| Holdings::has_leases(all, now)) {
            room = room.checked_sub(1).ok_or(Refused::TooManyLimiters)?;
        }
        if !self.repeat {
            let limiters = stored.map_or(&[][..], Limiters::shadows);
            self.tried.judge(shadows, limiters, cost, room, now);
        }
        Ok(())
    }

    /// Becomes the answer to a call that is denied, here or at another key: each clause tells
    /// whether it alone would have allowed it, and nothing is charged. A refusal by the limits of
    /// this key may count here.
    pub(super) fn deny(&mut self, group: &Group<'_>, counts: bool, now: Now) {
        let Group { stored, clauses, cost, .. } = *group;
        if !self.repeat && self.limits_admit {
            let limiters = stored.map_or(&[][..], Limiters::as_slice);
            self.outcome.deny(limiters, clauses, cost, now);
        }
        self.outcome.allowed = false;
        if let Some(ask) = &group.lease {
            self.leased = Leased::without_taking(ask, stored, now);
        }
        if let Some(ban) = &group.ban
            && counts
            && cost > 0
            && !self.limits_admit
        {
            let refusals = self.outcome.verdicts.iter().take(clauses.len());
            let waits = refusals.filter(|verdict| !verdict.allowed).map(|verdict| verdict.wait);
            let waits_ms = waits.map(|wait| match wait {
                Wait::Ms(ms) => ms,
                Wait::Never => ban.period_ms,
            });
            self.barred.refuse(ban, waits_ms.max().unwrap_or(0), stored, now);
        }
    }

    /// The verdict of the LEASE, if one was asked.
    #[must_use]
    pub fn lease(&self) -> Option<Verdict> {
        self.leased.verdict
    }

    /// The verdict of the BAN, if one was asked.
    #[must_use]
    pub fn ban(&self) -> Option<Verdict> {
        self.barred.verdict
    }

    /// Whether a ban begins with this call.
    #[must_use]
    pub fn ban_begins(&self) -> bool {
        self.barred.begins
    }

    /// What each limit on trial says, in the order asked: none of them where the call is denied or
    /// was made before.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        self.tried.trials()
    }

    /// Whether there is anything to record.
    #[inline]
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.outcome.changes().next().is_some() || self.notes().next().is_some()
    }

    /// Whether recording needs memory that is not there yet: a receipt and a new lease always do.
    #[inline]
    #[must_use]
    pub fn grows(&self) -> bool {
        self.receipt.is_some() || self.outcome.grows || self.leased.grows
    }

    /// Whether something needs memory that the call can do without: a limit on trial, or a first
    /// refusal. Where memory is full, that is what [`GroupOutcome::skip_growth`] is for.
    #[inline]
    #[must_use]
    pub fn grows_aside(&self) -> bool {
        self.barred.grows || self.tried.grows()
    }

    /// Leaves out what needs memory that the call can do without. What is told of the ban may
    /// change.
    pub fn skip_growth(&mut self) {
        self.barred.skip_growth();
        self.tried.skip_growth();
    }

    fn notes(&self) -> impl Iterator<Item = Note> + '_ {
        let receipt = self.receipt.iter().map(|receipt| Note::Receipt(*receipt));
        let shadows = self.tried.changes().map(Note::Shadow);
        let ban = self.barred.note.map(Note::Ban);
        receipt.chain(self.leased.note).chain(shadows).chain(ban)
    }

    /// What to record, in this order: what replicas are told.
    pub fn items(&self) -> impl Iterator<Item = Item> + '_ {
        self.outcome.changes().map(Item::Change).chain(self.notes().map(Item::Note))
    }

    /// Records it in the key that was decided on. What was dropped for it.
    pub fn record(&self, limiters: &mut Limiters, now: Now) -> Dropped {
        if self.notes().next().is_none() {
            self.outcome.record(limiters, now);
            return Dropped::default();
        }
        self.outcome.record_changes(limiters, now);
        limiters.end_call(self.notes(), now)
    }

    /// What it makes of a key that does not exist; nothing if there is nothing to record.
    #[must_use]
    pub fn make(&self, now: Now) -> Option<Limiters> {
        Limiters::from_parts(self.outcome.changes(), self.notes(), now)
    }

    /// When the key is to expire, all being recorded in `limiters`, if it must be another time than
    /// `standing_ms`. Both in ms since 1970.
    #[must_use]
    pub fn new_expiry_ms(
        &self,
        limiters: &Limiters,
        standing_ms: Option<u64>,
        now: Now,
    ) -> Option<u64> {
        // Times that moved back take the expiry with them.
        let stepped_back =
            self.leased.stepped_back || self.barred.stepped_back || self.tried.stepped_back;
        self.outcome.new_expiry_ms(limiters, standing_ms.filter(|_| !stepped_back), now)
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
