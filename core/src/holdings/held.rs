//! The limiters of a key at which there is more than limiters.

use crate::bans::Ban;
use crate::leases::Leases;
use crate::limiter::{Change, Limiter};
use crate::now::Now;
use crate::receipts::Ledger;
use crate::relocate::Relocate;
use crate::shadows::Shadows;

/// All that a key holds. Only the limiters and their receipts know of one another.
#[derive(Clone, Debug)]
pub struct Holdings {
    pub(super) ledger: Ledger,
    pub(super) shadows: Shadows,
    /// None where no place is held.
    pub(super) leases: Option<Box<Leases>>,
    pub(super) ban: Option<Box<Ban>>,
}

impl Holdings {
    /// Those of `limiters` alone.
    pub(crate) fn new(limiters: Vec<Limiter>) -> Self {
        Self::of_ledger(Ledger::new(limiters))
    }

    pub(super) fn of_ledger(ledger: Ledger) -> Self {
        Self { ledger, shadows: Shadows::default(), leases: None, ban: None }
    }

    #[inline]
    pub(crate) fn limiters(&self) -> &[Limiter] {
        self.ledger.limiters()
    }

    #[inline]
    pub(crate) fn limiters_mut(&mut self) -> &mut [Limiter] {
        self.ledger.limiters_mut()
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    #[inline]
    pub(crate) fn shadows(&self) -> &Shadows {
        &self.shadows
    }

    #[inline]
    pub(crate) fn leases(&self) -> Option<&Leases> {
        self.leases.as_deref()
    }

    #[inline]
    pub(crate) fn ban(&self) -> Option<&Ban> {
        self.ban.as_deref()
    }

    /// Whether there is nothing beside the limiters and their receipts.
    fn is_ledger_only(&self) -> bool {
        self.leases.is_none() && self.ban.is_none() && self.shadows.as_slice().is_empty()
    }

    /// Whether nothing here needs more than limiters alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_ledger_only() && self.ledger.is_plain()
    }

    /// Whether there is nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_ledger_only() && self.ledger.limiters().is_empty()
    }

    /// How many of the limiters that a key may hold these take beside the real ones, used or not.
    pub(crate) fn others(&self) -> usize {
        let more = usize::from(self.leases.is_some()).saturating_add(self.ban.is_some().into());
        self.shadows.as_slice().len().saturating_add(more)
    }

    /// How many of those are in use.
    pub(crate) fn others_in_use(&self, now: Now) -> usize {
        let more = usize::from(self.has_leases(now)).saturating_add(self.has_ban(now).into());
        self.shadows.in_use(now).saturating_add(more)
    }

    /// Whether a place is held.
    pub(crate) fn has_leases(&self, now: Now) -> bool {
        self.leases().is_some_and(|leases| leases.unused_at_ms() > now.ms())
    }

    /// Whether a refusal or a ban is remembered.
    pub(crate) fn has_ban(&self, now: Now) -> bool {
        self.ban().is_some_and(|ban| ban.unused_at_ms() > now.ms())
    }

    /// Puts `change` of a real limiter in place.
    #[inline]
    pub(crate) fn apply(&mut self, change: Change, now: Now) {
        self.forget_ban(now);
        self.ledger.apply(change, now);
    }

    /// What every write does first, but for one of limits on trial alone: without these there would
    /// be none, and what is told of all else must be the same. Leases are forgotten by what changes
    /// them.
    pub(super) fn begin_write(&mut self, now: Now) {
        self.forget_ban(now);
        self.ledger.begin_write(now);
    }

    /// Forgets refusals and bans once all of them are over.
    #[inline]
    fn forget_ban(&mut self, now: Now) {
        if self.ban.is_some() && !self.has_ban(now) {
            self.ban = None;
        }
    }

    /// What every write does last: forgets limits on trial that are over.
    #[inline]
    pub(super) fn end_write(&mut self, now: Now) {
        self.shadows.shed(now);
    }

    /// Its limiters, all else being dropped.
    pub(crate) fn take_limiters(&mut self) -> Vec<Limiter> {
        self.ledger.take_limiters()
    }

    /// When nothing of it is in use or remembered any more, in ms since 1970.
    pub(crate) fn unused_at_ms(&self) -> u64 {
        self.ledger.unused_at_ms().max(self.forgotten_at_ms())
    }

    /// The same, the real limiters aside.
    pub(crate) fn forgotten_at_ms(&self) -> u64 {
        let receipts_ms = self.ledger.forgotten_at_ms();
        if self.is_ledger_only() {
            return receipts_ms;
        }
        let leases_ms = self.leases().map_or(0, Leases::unused_at_ms);
        let ban_ms = self.ban().map_or(0, Ban::unused_at_ms);
        receipts_ms.max(self.shadows.unused_at_ms()).max(leases_ms).max(ban_ms)
    }

    /// Bytes on the heap, those of the real limiters themselves aside.
    pub(crate) fn heap_bytes(&self) -> usize {
        let leases = self
            .leases()
            .map_or(0, |leases| size_of::<Leases>().saturating_add(leases.heap_bytes()));
        let ban = self.ban().map_or(0, size_of_val);
        [size_of::<Self>(), self.ledger.heap_bytes(), self.shadows.heap_bytes(), leases, ban]
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// Allocations on the heap, those of the real limiters themselves aside: this, the value that
    /// holds it, and what is in it.
    pub(crate) fn allocations(&self) -> usize {
        let leases = self.leases().map_or(0, |leases| leases.allocations().saturating_add(1));
        let parts = [self.ledger.allocations(), self.shadows.allocations(), leases];
        parts.into_iter().fold(2, usize::saturating_add).saturating_add(self.ban.is_some().into())
    }

    /// Offers every allocation to `relocate`, those of the real limiters themselves aside.
    pub(crate) fn relocate(&mut self, relocate: &mut impl Relocate) {
        self.ledger.relocate(relocate);
        self.shadows.relocate(relocate);
        if let Some(leases) = &mut self.leases {
            relocate.boxed(leases);
            leases.relocate(relocate);
        }
        if let Some(ban) = &mut self.ban {
            relocate.boxed(ban);
        }
    }
}
