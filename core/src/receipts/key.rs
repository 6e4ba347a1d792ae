//! Receipts as whoever has a key's limiters sees them.

use super::group::KnownCall;
use super::{ChargeId, Item, Ledger, NewReceipt, Note, Settlement};
use crate::limiters::Limiters;
use crate::now::Now;

impl Limiters {
    /// Whether calls without an id alone could have left the key so: it holds no receipt, and no
    /// settle left anything unusual. Such a key is written as bytes by its limiters alone; any
    /// other by [`Limiters::put_receipted`].
    #[inline]
    #[must_use]
    pub fn is_plain(&self) -> bool {
        match self {
            Self::Receipted(ledger) => ledger.is_plain(),
            _ => true,
        }
    }

    /// How many receipts the key holds, known or not.
    #[must_use]
    pub fn receipts(&self) -> usize {
        match self {
            Self::Receipted(ledger) => ledger.receipts(),
            _ => 0,
        }
    }

    /// When all receipts are forgotten, in ms since 1970; 0 if there is none.
    #[inline]
    pub(crate) fn forgotten_at_ms(&self) -> u64 {
        match self {
            Self::Receipted(ledger) => ledger.shelf.forgotten_at_ms(),
            _ => 0,
        }
    }

    /// The call of that id, if it is known.
    #[inline]
    pub(super) fn known_call(&self, id: &ChargeId, now: Now) -> Option<KnownCall<'_>> {
        match self {
            Self::Receipted(ledger) => ledger.known_call(id.as_bytes(), now),
            _ => None,
        }
    }

    /// What it would do to settle the call `id` as one of `cost`. Where that
    /// [is a change](Settlement::is_change), [`Limiters::note`] of [`Note::Settle`] does it.
    #[must_use]
    pub fn settlement(&self, id: &ChargeId, cost: u64, now: Now) -> Settlement {
        match self {
            Self::Receipted(ledger) => ledger.settlement(id.as_bytes(), cost, now),
            _ => Settlement::Unknown,
        }
    }

    /// Puts `note` in place; of a call that was charged, after its changes. How many receipts that
    /// were still known it pushed out.
    pub fn note(&mut self, note: &Note, now: Now) -> usize {
        match note {
            Note::Receipt(new) => {
                if let Self::Receipted(ledger) = self {
                    // No call leaves one of an id that is known; what arrives from elsewhere may.
                    ledger.forget(new.id.as_bytes(), now);
                }
                self.leave_receipt(new, now)
            }
            Note::Settle { id, cost } => {
                if let Self::Receipted(ledger) = self {
                    ledger.settle(id.as_bytes(), *cost, now);
                }
                0
            }
        }
    }

    /// Puts a receipt in place whose id is not known. How many that were still known it pushed out.
    pub(super) fn leave_receipt(&mut self, new: &NewReceipt, now: Now) -> usize {
        self.ledger().map_or(0, |ledger| ledger.add(new, now))
    }

    /// The key with a ledger, made if there is none.
    fn ledger(&mut self) -> Option<&mut Ledger> {
        if let Self::One(_) | Self::Many(_) = self {
            let limiters = match std::mem::replace(self, Self::Many(Vec::new())) {
                Self::One(limiter) => vec![limiter],
                Self::Many(limiters) => limiters,
                Self::Receipted(_) => Vec::new(),
            };
            *self = Self::Receipted(Box::new(Ledger::new(limiters)));
        }
        match self {
            Self::Receipted(ledger) => Some(ledger),
            _ => None,
        }
    }

    /// Becomes limiters alone if nothing more is needed.
    pub(crate) fn shed_receipts(&mut self) {
        if let Self::Receipted(ledger) = self
            && ledger.is_plain()
            && let Some(plain) = Self::from_sorted(ledger.take_limiters())
        {
            *self = plain;
        }
    }

    /// Whether what arrived from elsewhere can be put in place here: it leaves every recorded
    /// number in its range.
    #[must_use]
    pub fn can_record(&self, item: &Item, now: Now) -> bool {
        match item {
            Item::Change(change) => self.can_apply(change, now),
            Item::Note(Note::Receipt(_)) => true,
            Item::Note(Note::Settle { id, cost }) => {
                self.settlement(id, *cost, now) != Settlement::Unknown
            }
        }
    }

    /// Puts in place, in their order, all the items of one call or settle that arrived from
    /// elsewhere.
    pub fn record_all(&mut self, items: &[Item], now: Now) {
        // They may leave what only a ledger holds, though no receipt is among them.
        self.ledger();
        for item in items {
            match item {
                Item::Change(change) => self.apply(*change, now),
                Item::Note(note) => {
                    self.note(note, now);
                }
            }
        }
        self.shed_receipts();
    }

    /// What `items` make of a key that does not exist; nothing if they charge nothing.
    #[must_use]
    pub fn from_items(items: &[Item], now: Now) -> Option<Self> {
        let is_change = |item: &&Item| matches!(item, Item::Change(_));
        let changes = items.iter().take_while(is_change).filter_map(|item| match item {
            Item::Change(change) => Some(*change),
            Item::Note(_) => None,
        });
        let mut made = Self::from_changes(changes, now)?;
        let count = items.iter().take_while(is_change).count();
        made.record_all(items.get(count..).unwrap_or_default(), now);
        Some(made)
    }

    /// When the key is to expire, if it must be another time than `standing_ms`. Both in ms since
    /// 1970.
    #[must_use]
    pub fn new_expiry_ms(&self, standing_ms: Option<u64>, now: Now) -> Option<u64> {
        crate::expiry::moved(self.unused_at_ms(), standing_ms, now)
    }

    /// Whether both hold the same receipts of the same limiters.
    pub(crate) fn same_receipts(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Receipted(one), Self::Receipted(other)) => one.same_receipts(other),
            (Self::Receipted(ledger), _) | (_, Self::Receipted(ledger)) => ledger.is_plain(),
            _ => true,
        }
    }
}
