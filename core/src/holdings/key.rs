//! What whoever has a key's limiters can ask of all that it holds.

use super::held::Holdings;
use super::note::{Item, Note};
use crate::bans::{Ban, BanClause};
use crate::ids::ChargeId;
use crate::leases::{LeaseClause, Leases};
use crate::limiter::Limiter;
use crate::limiters::Limiters;
use crate::now::Now;
use crate::receipts::{KnownCall, Settlement};
use crate::verdict::Verdict;

impl Limiters {
    pub(crate) fn mixed(&self) -> Option<&Holdings> {
        match self {
            Self::Mixed(holdings) => Some(holdings),
            _ => None,
        }
    }

    /// Whether calls of real clauses without an id alone could have left the key so: it holds
    /// nothing but limiters, and no settle left anything unusual. Such a key is written as bytes by
    /// its limiters alone; any other by [`Limiters::put_mixed`].
    #[inline]
    #[must_use]
    pub fn is_plain(&self) -> bool {
        match self {
            Self::Mixed(holdings) => holdings.is_plain(),
            _ => true,
        }
    }

    /// Whether the key holds nothing, the last of its leases having been released. It is to be
    /// removed then: it has no encoding.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mixed().is_some_and(Holdings::is_empty)
    }

    /// When all beside the limiters is unused and forgotten, in ms since 1970; 0 if there is
    /// nothing.
    #[inline]
    pub(crate) fn forgotten_at_ms(&self) -> u64 {
        self.mixed().map_or(0, Holdings::forgotten_at_ms)
    }

    /// How many receipts the key holds, known or not.
    #[must_use]
    pub fn receipts(&self) -> usize {
        self.mixed().map_or(0, |holdings| holdings.ledger().receipts())
    }

    /// How many leases the key holds, those that have ended and are not forgotten included.
    #[must_use]
    pub fn leases(&self) -> usize {
        self.held().map_or(0, Leases::len)
    }

    /// How many leases have run out that were not counted yet: those that no write has forgotten.
    /// They are counted with this, and will not be by the write that forgets them.
    pub fn count_ended_leases(&mut self, now: Now) -> usize {
        match self {
            Self::Mixed(holdings) => {
                holdings.leases.as_deref_mut().map_or(0, |leases| leases.count_ended(now))
            }
            _ => 0,
        }
    }

    /// The limiters of limits on trial, in the order of their ids.
    #[must_use]
    pub fn shadows(&self) -> &[Limiter] {
        self.mixed().map_or(&[], |holdings| holdings.shadows().as_slice())
    }

    pub(crate) fn held(&self) -> Option<&Leases> {
        self.mixed().and_then(Holdings::leases)
    }

    pub(crate) fn ban(&self) -> Option<&Ban> {
        self.mixed().and_then(Holdings::ban)
    }

    /// The call of that id, if it is known.
    #[inline]
    pub(crate) fn known_call(&self, id: &ChargeId, now: Now) -> Option<KnownCall<'_>> {
        self.mixed()?.ledger().known_call(id.as_bytes(), now)
    }

    /// What it would do to settle the call `id` as one of `cost`. Where that
    /// [is a change](Settlement::is_change), [`Limiters::note`] of [`Note::Settle`] does it.
    #[must_use]
    pub fn settlement(&self, id: &ChargeId, cost: u64, now: Now) -> Settlement {
        self.mixed().map_or(Settlement::Unknown, |holdings| {
            holdings.ledger().settlement(id.as_bytes(), cost, now)
        })
    }

    /// What it takes for those of `ids` that hold a lease to hold it for `duration_ms` from now:
    /// one item for each of them, an id that is named twice being one. [`Limiters::record_all`]
    /// does it.
    #[must_use]
    pub fn renewals(&self, ids: &[ChargeId], duration_ms: u64, now: Now) -> Vec<Item> {
        self.of_holders(ids, |id| Note::Renew { id, duration_ms }, now)
    }

    /// What it takes for those of `ids` that hold a lease to give it back: one item for each of
    /// them, an id that is named twice being one. [`Limiters::record_all`] does it, and may leave
    /// the key [empty](Limiters::is_empty).
    #[must_use]
    pub fn releases(&self, ids: &[ChargeId], now: Now) -> Vec<Item> {
        self.of_holders(ids, |id| Note::Release { id }, now)
    }

    fn of_holders(&self, ids: &[ChargeId], note: impl Fn(ChargeId) -> Note, now: Now) -> Vec<Item> {
        let holders = self.held().map(|leases| leases.holders(ids, now)).unwrap_or_default();
        holders.into_iter().map(|id| Item::Note(note(*id))).collect()
    }

    /// The numbers of the last call that took places, and the verdict on one more by them; nothing
    /// if none is held.
    #[must_use]
    pub fn peek_leases(&self, now: Now) -> Option<(LeaseClause, Verdict)> {
        self.held()?.peek(now)
    }

    /// The numbers by which refusals are counted, and the verdict by them; nothing if all is
    /// forgotten.
    #[must_use]
    pub fn peek_ban(&self, now: Now) -> Option<(BanClause, Verdict)> {
        self.ban()?.peek(now)
    }

    /// When the key is to expire, if it must be another time than `standing_ms`. Both in ms since
    /// 1970.
    #[must_use]
    pub fn new_expiry_ms(&self, standing_ms: Option<u64>, now: Now) -> Option<u64> {
        crate::expiry::moved(self.unused_at_ms(), standing_ms, now)
    }
}
