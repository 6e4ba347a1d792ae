//! The answer to what a call asks of one key, and what to record there.

use super::group::Group;
use super::more::More;
use super::refused::Refused;
use super::tried::Trial;
use crate::holdings::{Dropped, Item, Note};
use crate::limiters::Limiters;
use crate::now::Now;
use crate::outcome::Outcome;
use crate::receipts::NewReceipt;
use crate::verdict::Verdict;

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
    /// What there is to a call that asks for more than limits: most do not pay for it.
    more: Option<More<N>>,
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
            more: None,
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
        (self.repeat, self.receipt, self.more) = (false, None, None);
        let known = match charge.filter(|_| cost > 0) {
            Some(charge) if charge.receipts_max == 0 && !clauses.is_empty() => {
                return Err(Refused::NoReceipts);
            }
            Some(charge) => stored.and_then(|stored| stored.known_call(&charge.id, now)),
            None => None,
        };
        if let Some(known) = known {
            if !known.is_of(clauses) {
                return Err(Refused::AnotherCall);
            }
            self.too_many = self.outcome.decide(stored, clauses, 0, now).is_err();
            self.outcome.repeat(|place| {
                clauses.get(place).map_or(0, |clause| known.hold_left_ms(clause, now))
            });
            self.repeat = true;
        } else {
            self.too_many = self.outcome.decide(stored, clauses, cost, now).is_err();
        }
        self.limits_admit = self.outcome.allowed;
        self.admits = self.limits_admit;
        if group.asks_more() {
            let more = More::weigh(group, self.repeat, now);
            self.admits &= more.admits();
            self.more = Some(more);
        }
        Ok(())
    }

    /// Whether a ban is in force here for this call.
    #[inline]
    pub(super) fn is_barred(&self) -> bool {
        self.more.as_ref().is_some_and(More::is_barred)
    }

    /// Becomes the answer to a call that all admit.
    #[inline]
    pub(super) fn grant(&mut self, group: &Group<'_>, now: Now) -> Result<(), Refused> {
        let Group { clauses, cost, charge, .. } = *group;
        if self.too_many {
            return Err(Refused::TooManyLimiters);
        }
        if let Some(charge) = charge.filter(|_| cost > 0 && !clauses.is_empty() && !self.repeat) {
            let (id, keep_ms, most) = (charge.id, charge.keep_ms, charge.receipts_max);
            self.receipt = Some(NewReceipt::new(id, keep_ms, most, clauses, cost));
        }
        match &mut self.more {
            Some(more) => more.grant(group, self.outcome.charged, self.repeat, now),
            None => Ok(()),
        }
    }

    /// Becomes the answer to a call that is denied, here or at another key: each clause tells
    /// whether it alone would have allowed it, and nothing is charged. A refusal by the limits of
    /// this key may count here.
    #[inline]
    pub(super) fn deny(&mut self, group: &Group<'_>, counts: bool, now: Now) {
        let Group { stored, clauses, cost, .. } = *group;
        if !self.repeat && self.limits_admit {
            let limiters = stored.map_or(&[][..], Limiters::as_slice);
            self.outcome.deny(limiters, clauses, cost, now);
        }
        self.outcome.allowed = false;
        if let Some(more) = &mut self.more {
            let verdicts = self.outcome.verdicts.get(..clauses.len()).unwrap_or_default();
            more.deny(group, verdicts, counts && cost > 0 && !self.limits_admit, now);
        }
    }

    /// The verdict of the LEASE, if one was asked.
    #[must_use]
    pub fn lease(&self) -> Option<Verdict> {
        self.more.as_ref()?.lease()
    }

    /// The verdict of the BAN, if one was asked.
    #[must_use]
    pub fn ban(&self) -> Option<Verdict> {
        self.more.as_ref()?.ban()
    }

    /// Whether a ban begins with this call.
    #[must_use]
    pub fn ban_begins(&self) -> bool {
        self.more.as_ref().is_some_and(More::ban_begins)
    }

    /// What each limit on trial says, in the order asked: none of them where the call is denied or
    /// was made before.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        self.more.as_ref().map_or(&[], More::trials)
    }

    /// Whether there is anything to record.
    #[inline]
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.has_notes() || self.outcome.changes().next().is_some()
    }

    #[inline]
    fn has_notes(&self) -> bool {
        self.receipt.is_some() || self.more.as_ref().is_some_and(More::is_write)
    }

    /// Whether recording needs memory that is not there yet: a receipt and a new lease always do.
    #[inline]
    #[must_use]
    pub fn grows(&self) -> bool {
        self.receipt.is_some() || self.outcome.grows || self.more.as_ref().is_some_and(More::grows)
    }

    /// Whether something needs memory that the call can do without: a limit on trial, or a first
    /// refusal. Where memory is full, that is what [`GroupOutcome::skip_growth`] is for.
    #[inline]
    #[must_use]
    pub fn grows_aside(&self) -> bool {
        self.more.as_ref().is_some_and(More::grows_aside)
    }

    /// Leaves out what needs memory that the call can do without. What is told of the ban may
    /// change.
    pub fn skip_growth(&mut self) {
        self.more.iter_mut().for_each(More::skip_growth);
    }

    fn notes(&self) -> impl Iterator<Item = Note> + '_ {
        let receipt = self.receipt.iter().map(|receipt| Note::Receipt(*receipt));
        receipt.chain(self.more.iter().flat_map(More::notes))
    }

    /// What to record, in this order: what replicas are told.
    pub fn items(&self) -> impl Iterator<Item = Item> + '_ {
        self.outcome.changes().map(Item::Change).chain(self.notes().map(Item::Note))
    }

    /// Records it in the key that was decided on. What was dropped for it.
    #[inline]
    pub fn record(&self, limiters: &mut Limiters, now: Now) -> Dropped {
        if !self.has_notes() {
            self.outcome.record(limiters, now);
            return Dropped::default();
        }
        self.outcome.record_changes(limiters, now);
        self.record_notes(limiters, now)
    }

    fn record_notes(&self, limiters: &mut Limiters, now: Now) -> Dropped {
        let mut dropped = Dropped::default();
        if let Some(receipt) = &self.receipt {
            dropped.receipts = limiters.leave_receipt(receipt, now);
        }
        if let Some(more) = &self.more {
            more.notes().for_each(|note| dropped.add(limiters.put_note(&note, now)));
        }
        limiters.end_write(now);
        dropped
    }

    /// What it makes of a key that does not exist; nothing if there is nothing to record.
    #[must_use]
    pub fn make(&self, now: Now) -> Option<Limiters> {
        if !self.has_notes() {
            return Limiters::from_changes(self.outcome.changes(), now);
        }
        let changed = Limiters::from_changes(self.outcome.changes(), now);
        let mut made = changed.unwrap_or_else(Limiters::of_nothing);
        self.record_notes(&mut made, now);
        (!made.is_empty()).then_some(made)
    }

    /// When the key is to expire, all being recorded in `limiters`, if it must be another time than
    /// `standing_ms`. Both in ms since 1970.
    #[inline]
    #[must_use]
    pub fn new_expiry_ms(
        &self,
        limiters: &Limiters,
        standing_ms: Option<u64>,
        now: Now,
    ) -> Option<u64> {
        // Times that moved back take the expiry with them.
        let stepped_back = self.more.as_ref().is_some_and(More::stepped_back);
        self.outcome.new_expiry_ms(limiters, standing_ms.filter(|_| !stepped_back), now)
    }
}
