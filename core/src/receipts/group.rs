//! How a call with an id is decided, and a call on several keys.

use std::fmt;

use super::receipt::Receipt;
use super::{ChargeId, Item, Ledger, NewReceipt, Note};
use crate::algorithm::Algorithm;
use crate::clause::Clause;
use crate::limiter::Limiter;
use crate::limiters::Limiters;
use crate::now::Now;
use crate::outcome::{Outcome, TooManyLimiters};

/// The id that a call gives its charge, and how it is to be remembered.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// By what it is known.
    pub id: ChargeId,
    /// For how long, in ms: 1 to [`MAX_KEEP_MS`](crate::bounds::MAX_KEEP_MS).
    pub keep_ms: u64,
    /// How many receipts there may be at a key, at most
    /// [`MAX_RECEIPTS`](crate::bounds::MAX_RECEIPTS); with 0 a charge cannot have an id.
    pub receipts_max: usize,
}

/// What a call asks of one key.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// What the key holds; nothing if it does not exist.
    pub stored: Option<&'a Limiters>,
    /// No two of the same limiter.
    pub clauses: &'a [Clause],
    /// The cost to each of them.
    pub cost: u64,
    /// The id of the charge, if it has one.
    pub charge: Option<&'a Charge>,
}

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
/// let group = Group { stored: None, clauses: &clauses, cost: 1, charge: Some(&charge) };
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
    /// What the call is told of this key, and the changes of its limiters.
    pub outcome: Outcome<N>,
    /// Whether it is a call that was made before: nothing is charged again.
    pub repeat: bool,
    /// Whether this key lets the call pass, whatever other keys say.
    pub admits: bool,
    receipt: Option<NewReceipt>,
}

impl<const N: usize> GroupOutcome<N> {
    /// That of no clause.
    #[must_use]
    pub fn undecided() -> Self {
        Self { outcome: Outcome::undecided(), repeat: false, admits: true, receipt: None }
    }

    /// Decides what `group` asks. Nothing of `group` has to be kept for what follows.
    ///
    /// # Errors
    /// Those of [`Refused`]; nothing is to be recorded then.
    #[inline]
    pub fn decide(&mut self, group: &Group<'_>, now: Now) -> Result<(), Refused> {
        let Group { stored, clauses, cost, charge } = *group;
        (self.repeat, self.receipt) = (false, None);
        let Some(charge) = charge.filter(|_| cost > 0) else {
            let decided = self.outcome.decide(stored, clauses, cost, now);
            self.admits = self.outcome.allowed;
            return decided.map_err(Refused::from);
        };
        if charge.receipts_max == 0 {
            return Err(Refused::NoReceipts);
        }
        if let Some(known) = stored.and_then(|stored| stored.known_call(&charge.id, now)) {
            if !known.is_of(clauses) {
                return Err(Refused::AnotherCall);
            }
            self.outcome.decide(stored, clauses, 0, now)?;
            self.outcome.repeat(|place| {
                clauses.get(place).map_or(0, |clause| known.hold_left_ms(clause, now))
            });
            (self.repeat, self.admits) = (true, true);
            return Ok(());
        }
        let decided = self.outcome.decide(stored, clauses, cost, now);
        self.admits = self.outcome.allowed;
        decided?;
        if self.outcome.allowed {
            let Charge { id, keep_ms, receipts_max } = *charge;
            self.receipt = Some(NewReceipt::new(id, keep_ms, receipts_max, clauses, cost));
        }
        Ok(())
    }

    /// Becomes the answer to a call that another key denies: each clause tells whether it alone
    /// would have allowed it, and nothing is charged.
    fn withhold(&mut self, group: &Group<'_>, now: Now) {
        if self.repeat {
            self.outcome.allowed = false;
        } else if self.admits {
            let stored = group.stored.map_or(&[][..], Limiters::as_slice);
            self.outcome.deny(stored, group.clauses, group.cost, now);
            self.receipt = None;
        }
    }

    /// Whether there is anything to record.
    #[inline]
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.receipt.is_some() || self.outcome.changes().next().is_some()
    }

    /// Whether recording needs memory that is not there yet: a receipt always does.
    #[inline]
    #[must_use]
    pub fn grows(&self) -> bool {
        self.receipt.is_some() || self.outcome.grows
    }

    /// What to record, in this order: what replicas are told.
    pub fn items(&self) -> impl Iterator<Item = Item> + '_ {
        let note = self.receipt.iter().map(|receipt| Item::Note(Note::Receipt(*receipt)));
        self.outcome.changes().map(Item::Change).chain(note)
    }

    /// Records it in the key that was decided on. How many receipts that were still known are
    /// dropped for it.
    pub fn record(&self, limiters: &mut Limiters, now: Now) -> usize {
        self.outcome.record(limiters, now);
        self.receipt.as_ref().map_or(0, |receipt| limiters.leave_receipt(receipt, now))
    }

    /// What it makes of a key that does not exist; nothing if it charges nothing.
    #[must_use]
    pub fn make(&self, now: Now) -> Option<Limiters> {
        let mut made = Limiters::from_changes(self.outcome.changes(), now)?;
        if let Some(receipt) = &self.receipt {
            made.leave_receipt(receipt, now);
        }
        Some(made)
    }
}

/// Decides a call on several keys, one group each, into as many of `outcomes`: only if all of them
/// admit it is anything charged, at any. Whether they do. A group whose id is known is a repeat;
/// the others are decided.
///
/// # Errors
/// Those of [`Refused`]; nothing is to be recorded at any key then.
pub fn decide_all<const N: usize>(
    groups: &[Group<'_>],
    outcomes: &mut [GroupOutcome<N>],
    now: Now,
) -> Result<bool, Refused> {
    let (mut all_admit, mut too_many) = (true, false);
    for (group, outcome) in groups.iter().zip(outcomes.iter_mut()) {
        match outcome.decide(group, now) {
            // It matters only to a call that is allowed.
            Err(Refused::TooManyLimiters) => too_many = true,
            decided => decided?,
        }
        all_admit &= outcome.admits;
    }
    if all_admit {
        return if too_many { Err(Refused::TooManyLimiters) } else { Ok(true) };
    }
    for (group, outcome) in groups.iter().zip(outcomes.iter_mut()) {
        outcome.withhold(group, now);
    }
    Ok(false)
}

/// A call that was made before, and is known.
pub(super) struct KnownCall<'a> {
    receipt: &'a Receipt,
    limiters: &'a [Limiter],
}

impl Ledger {
    /// The call of that id, if it is known.
    #[inline]
    pub(super) fn known_call(&self, id: &[u8], now: Now) -> Option<KnownCall<'_>> {
        let receipt = self.shelf.get(self.shelf.find(id, now)?)?;
        Some(KnownCall { receipt, limiters: &self.limiters })
    }
}

impl KnownCall<'_> {
    /// Whether it charged the limiters of `clauses`, in any order, and no other.
    fn is_of(&self, clauses: &[Clause]) -> bool {
        let is_named = |limiter: u8| {
            let limiter = self.limiters.get(usize::from(limiter));
            limiter.is_some_and(|one| clauses.iter().any(|clause| clause.id() == one.id()))
        };
        self.receipt.limiters().count() == clauses.len() && self.receipt.limiters().all(is_named)
    }

    /// What is left of the time that `clause` told to hold.
    fn hold_left_ms(&self, clause: &Clause, now: Now) -> u64 {
        if clause.algorithm != Algorithm::Leaky {
            return 0;
        }
        let id_of = |limiter: u8| self.limiters.get(usize::from(limiter)).map(Limiter::id);
        let mut parts = self.receipt.parts().iter();
        let part = parts.find(|part| id_of(part.limiter) == Some(clause.id()));
        let held_ms = now.ms().saturating_sub(self.receipt.time_ms());
        part.map_or(0, |part| part.trace.get()).saturating_sub(held_ms)
    }
}

/// Why a call is refused that no limit denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It would put too many limiters in use at one key.
    TooManyLimiters,
    /// Its id is known, but names a call of other clauses.
    AnotherCall,
    /// There may be no receipts, so a charge cannot have an id.
    NoReceipts,
}

impl From<TooManyLimiters> for Refused {
    fn from(_: TooManyLimiters) -> Self {
        Self::TooManyLimiters
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyLimiters => TooManyLimiters.fmt(f),
            Self::AnotherCall => f.write_str("the id names another call"),
            Self::NoReceipts => {
                f.write_str("a charge cannot have an id where no receipts are kept")
            }
        }
    }
}

impl std::error::Error for Refused {}
