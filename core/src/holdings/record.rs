//! How what calls change is put in place: by the same functions where it was decided, and where it
//! arrives from elsewhere.

use std::slice;

use super::held::Holdings;
use super::note::{Item, Note};
use crate::bounds::MAX_LIMITERS;
use crate::ids::ChargeId;
use crate::leases::{LeaseClause, Leases};
use crate::limiters::Limiters;
use crate::now::Now;
use crate::receipts::{NewReceipt, Settlement};

/// What a write dropped beside what it changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Receipts that were still known, pushed out by a new one.
    pub receipts: usize,
    /// Leases that ran out: nobody had released them.
    pub leases: usize,
}

impl Dropped {
    pub(crate) fn add(&mut self, more: Self) {
        self.receipts = self.receipts.saturating_add(more.receipts);
        self.leases = self.leases.saturating_add(more.leases);
    }
}

impl Holdings {
    fn note(&mut self, note: &Note, now: Now) -> Dropped {
        if !matches!(note, Note::Shadow(_)) {
            self.begin_write(now);
        }
        let mut dropped = Dropped::default();
        match note {
            Note::Receipt(new) => {
                // No call leaves one of an id that is known; what arrives from elsewhere may.
                self.ledger.forget(new.id.as_bytes(), now);
                dropped.receipts = self.ledger.add(new, now);
            }
            Note::Settle { id, cost } => self.ledger.settle(id.as_bytes(), *cost, now),
            Note::Lease { id, places, clause } => {
                dropped.leases = self.take_lease(id, *places, *clause, now);
            }
            Note::Renew { id, duration_ms } => {
                let id = slice::from_ref(id);
                dropped.leases = self.with_leases(|leases| leases.renew(id, *duration_ms, now));
            }
            Note::Release { id } => {
                let id = slice::from_ref(id);
                dropped.leases = self.with_leases(|leases| leases.release(id, now));
            }
            Note::LeasesMoved => {
                dropped.leases = self.with_leases(|leases| leases.begin_write(now));
            }
            Note::Shadow(change) => self.shadows.apply(*change, now),
            Note::Ban(ban) => match &mut self.ban {
                Some(standing) => **standing = *ban,
                None => self.ban = Some(Box::new(*ban)),
            },
        }
        dropped
    }

    /// Puts `item` in place.
    pub(super) fn record(&mut self, item: &Item, now: Now) -> Dropped {
        match item {
            Item::Change(change) => {
                self.apply(*change, now);
                Dropped::default()
            }
            Item::Note(note) => self.note(note, now),
        }
    }

    fn take_lease(&mut self, id: &ChargeId, places: u64, clause: LeaseClause, now: Now) -> usize {
        let leases = self.leases.get_or_insert_with(|| Box::new(Leases::new(clause)));
        leases.take(id, places, clause, now)
    }

    /// Has `change` change the leases, if there are any. The set goes with the last of them.
    pub(super) fn with_leases(&mut self, change: impl FnOnce(&mut Leases) -> usize) -> usize {
        let ended = self.leases.as_deref_mut().map_or(0, change);
        if self.leases().is_some_and(Leases::is_empty) {
            self.leases = None;
        }
        ended
    }

    fn can_take(&self, note: &Note, now: Now) -> bool {
        match note {
            Note::Receipt(_) | Note::Ban(_) => true,
            Note::Settle { id, cost } => {
                self.ledger.settlement(id.as_bytes(), *cost, now) != Settlement::Unknown
            }
            Note::Lease { id, places, .. } => {
                self.leases().is_none_or(|leases| leases.accepts(id, *places, now))
            }
            Note::Renew { id, .. } | Note::Release { id } => {
                self.leases().is_some_and(|leases| leases.find(id.as_bytes(), now).is_some())
            }
            Note::LeasesMoved => self.leases.is_some(),
            Note::Shadow(change) => {
                let limiter = self.shadows.find(change.id());
                limiter.is_none_or(|limiter| limiter.accepts(change, now))
            }
        }
    }
}

impl Limiters {
    /// Puts `note` in place as a write of its own.
    pub fn note(&mut self, note: &Note, now: Now) -> Dropped {
        let dropped = self.put_note(note, now);
        self.end_write(now);
        dropped
    }

    pub(crate) fn put_note(&mut self, note: &Note, now: Now) -> Dropped {
        self.holdings().map_or_else(Dropped::default, |holdings| holdings.note(note, now))
    }

    /// Puts a receipt in place whose id is not known. How many that were still known it pushed out.
    pub(crate) fn leave_receipt(&mut self, new: &NewReceipt, now: Now) -> usize {
        self.holdings().map_or(0, |holdings| holdings.ledger.add(new, now))
    }

    /// The key with holdings, made if there are none.
    pub(super) fn holdings(&mut self) -> Option<&mut Holdings> {
        if let Self::One(_) | Self::Many(_) = self {
            let limiters = match std::mem::replace(self, Self::Many(Vec::new())) {
                Self::One(limiter) => vec![limiter],
                Self::Many(limiters) => limiters,
                Self::Mixed(_) => Vec::new(),
            };
            *self = Self::Mixed(Box::new(Holdings::new(limiters)));
        }
        match self {
            Self::Mixed(holdings) => Some(holdings),
            _ => None,
        }
    }

    /// What every write does last: forgets what is over, and becomes limiters alone if nothing more
    /// is needed.
    pub(crate) fn end_write(&mut self, now: Now) {
        if let Self::Mixed(holdings) = self {
            holdings.end_write(now);
            if holdings.is_plain()
                && let Some(plain) = Self::from_sorted(holdings.take_limiters())
            {
                *self = plain;
            }
        }
    }

    /// Whether what arrived from elsewhere can be put in place here: it leaves every recorded
    /// number in its range.
    #[must_use]
    pub fn can_record(&self, item: &Item, now: Now) -> bool {
        match (item, self) {
            (Item::Change(change), _) => self.can_apply(change, now),
            (Item::Note(note), Self::Mixed(holdings)) => {
                holdings.can_take(note, now) && self.has_room_for_note(note, now)
            }
            (Item::Note(note), _) => can_begin(note) && self.has_room_for_note(note, now),
        }
    }

    /// Whether there is room for what `note` makes among the limiters that a key may hold.
    fn has_room_for_note(&self, note: &Note, now: Now) -> bool {
        let is_in_use = match (note, self) {
            (Note::Lease { .. }, Self::Mixed(holdings)) => holdings.has_leases(now),
            (Note::Ban(_), Self::Mixed(holdings)) => holdings.has_ban(now),
            (Note::Shadow(change), Self::Mixed(holdings)) => {
                holdings.shadows.find(change.id()).is_some()
            }
            (Note::Lease { .. } | Note::Ban(_) | Note::Shadow(_), _) => false,
            _ => true,
        };
        is_in_use || self.in_use_beside(&[], now) < MAX_LIMITERS
    }

    /// What `items` make of a key that does not exist; nothing if there is nothing to hold then.
    #[must_use]
    pub fn from_items(items: &[Item], now: Now) -> Option<Self> {
        let changes = items.iter().map_while(|item| match item {
            Item::Change(change) => Some(*change),
            Item::Note(_) => None,
        });
        let count = changes.clone().count();
        let mut made = Self::from_changes(changes, now).unwrap_or_else(Self::of_nothing);
        made.record_all(items.get(count..).unwrap_or_default(), now);
        (!made.is_empty()).then_some(made)
    }

    /// A key that holds nothing yet.
    pub(crate) fn of_nothing() -> Self {
        Self::Mixed(Box::new(Holdings::new(Vec::new())))
    }
}

/// Whether `note` can be put in place where there are limiters alone.
fn can_begin(note: &Note) -> bool {
    match note {
        Note::Lease { .. } | Note::Ban(_) | Note::Receipt(_) | Note::Shadow(_) => true,
        Note::Settle { .. } | Note::Renew { .. } | Note::Release { .. } | Note::LeasesMoved => {
            false
        }
    }
}
