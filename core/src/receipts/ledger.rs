//! The limiters of a key at which there are receipts.

use super::lows::Lows;
use super::new::NewReceipt;
use super::receipt::{OF_THE_PAST, Part, Receipt};
use super::shelf::Shelf;
use crate::algorithm::Algorithm;
use crate::bounds::MAX_CLAUSES;
use crate::limiter::{Change, Limiter};
use crate::now::Now;
use crate::packed::{U40, U56};
use crate::relocate::Relocate;
use crate::unused::drop_unused;

/// The limiters of a key, and the receipts of what they were charged.
///
/// Every write passes through here, since some of them concern receipts: each forgets those that
/// are not known, one of a TOKEN tells how low its level has been, and one that finds the clock
/// stepped back moves what a receipt knows along.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    /// In the order of their ids.
    pub(super) limiters: Vec<Limiter>,
    pub(super) shelf: Shelf,
    /// Of each TOKEN that was charged.
    pub(super) lows: Vec<Lows>,
    /// The number of the last charge.
    pub(super) charges: u64,
    /// When the key was last written, in ms since 1970.
    pub(super) written_ms: u64,
}

impl Ledger {
    /// That of `limiters`, without a receipt.
    pub(crate) fn new(limiters: Vec<Limiter>) -> Self {
        Self { limiters, shelf: Shelf::default(), lows: Vec::new(), charges: 0, written_ms: 0 }
    }

    #[inline]
    pub(crate) fn limiters(&self) -> &[Limiter] {
        &self.limiters
    }

    #[inline]
    pub(crate) fn limiters_mut(&mut self) -> &mut [Limiter] {
        &mut self.limiters
    }

    /// How many receipts there are.
    pub(crate) fn receipts(&self) -> usize {
        self.shelf.len()
    }

    /// Whether nothing here needs more than the limiters alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.shelf.is_empty() && self.limiters.iter().all(Limiter::is_plain)
    }

    /// Its limiters, the receipts being dropped.
    pub(crate) fn take_limiters(&mut self) -> Vec<Limiter> {
        std::mem::take(&mut self.limiters)
    }

    pub(super) fn place_of(&self, id: (Algorithm, u64)) -> Option<usize> {
        self.limiters.iter().position(|limiter| limiter.id() == id)
    }

    /// Puts `change` in place.
    pub(crate) fn apply(&mut self, change: Change, now: Now) {
        self.begin_write(now);
        match self.place_of(change.id()) {
            Some(place) => {
                self.take_note_of(place, &change, now);
                if let Some(limiter) = self.limiters.get_mut(place) {
                    limiter.apply(change, now);
                }
            }
            None => self.insert(change, now),
        }
    }

    /// What every write at the key does first.
    #[inline]
    pub(crate) fn begin_write(&mut self, now: Now) {
        if now.ms() != self.written_ms {
            self.begin_later_write(now);
        }
    }

    /// The same where it was not done in this very millisecond.
    fn begin_later_write(&mut self, now: Now) {
        let lows = &mut self.lows;
        let limiters = &self.limiters;
        self.shelf.forget(now, |receipt| leave(receipt, limiters, lows));
        if self.shelf.is_empty() {
            self.lows.clear();
        }
        if now.ms() < self.written_ms {
            self.give_up_dropped_entries(now);
        }
        self.written_ms = now.ms();
    }

    /// Once the clock has stepped back, an entry of a log that was forgotten could be made again
    /// in its very millisecond. It would be another one.
    fn give_up_dropped_entries(&mut self, now: Now) {
        let limiters = &self.limiters;
        for part in self.shelf.iter_mut().flat_map(Receipt::parts_mut) {
            if let Some(Limiter::Log(log)) = limiters.get(usize::from(part.limiter))
                && part.cost.get() > 0
                && part.trace.get() <= now.ms()
                && !log.has_entry(part.trace.get())
            {
                part.trace = U56::new(OF_THE_PAST);
            }
        }
    }

    /// What a change of the limiter at `place`, about to be applied, means to receipts.
    fn take_note_of(&mut self, place: usize, change: &Change, now: Now) {
        let Some(limiter) = self.limiters.get(place) else { return };
        if let (Limiter::Token(bucket), Change::Token(changed)) = (limiter, change) {
            let level = bucket.level_at(changed.refill.get(), now).min(changed.level.get());
            let period_ms = bucket.period_ms.get();
            if let Some(lows) = self.lows.iter_mut().find(|lows| lows.period_ms == period_ms) {
                lows.fall_to(level);
            }
        }
        if limiter.is_ahead(now) {
            self.follow_to_now(place, now);
        }
    }

    pub(super) fn is_ahead(&self, place: usize, now: Now) -> bool {
        self.limiters.get(place).is_some_and(|limiter| limiter.is_ahead(now))
    }

    /// Has receipts follow the limiter at `place`, which is moved from the future to now.
    pub(super) fn follow_to_now(&mut self, place: usize, now: Now) {
        let windows = match self.limiters.get(place) {
            // Receipts that are still known are of windows before.
            Some(Limiter::Fixed(_)) => None,
            Some(Limiter::Sliding(sliding)) => Some(sliding.windows_ahead(now)),
            _ => return,
        };
        let parts = self.shelf.iter_mut().flat_map(Receipt::parts_mut);
        for part in parts.filter(|part| usize::from(part.limiter) == place) {
            let trace = part.trace.get();
            let moved = windows.filter(|_| trace != OF_THE_PAST);
            let moved = moved.and_then(|windows| trace.checked_sub(windows));
            part.trace = U56::new(moved.unwrap_or(OF_THE_PAST));
        }
    }

    /// Adds the limiter that `change` makes, which pushes out those that are unused.
    fn insert(&mut self, change: Change, now: Now) {
        let Some(new) = change.into_limiter(now) else { return };
        let before: Vec<_> = self.limiters.iter().map(Limiter::id).collect();
        let named = self.named(now);
        drop_unused(&mut self.limiters, named, now);
        let place = self.limiters.partition_point(|limiter| limiter.id() < new.id());
        self.limiters.reserve_exact(1);
        self.limiters.insert(place, new);
        self.renumber(&before);
    }

    /// Has receipts name limiters by where they stand now; `before` are the ids in their old order.
    fn renumber(&mut self, before: &[(Algorithm, u64)]) {
        let places: Vec<_> = before.iter().map(|id| self.place_of(*id)).collect();
        for part in self.shelf.iter_mut().flat_map(Receipt::parts_mut) {
            let place = places.get(usize::from(part.limiter)).copied().flatten();
            part.limiter = place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX);
        }
    }

    /// Which limiters the receipts that are known at `now` name: a bit for each place.
    pub(crate) fn named(&self, now: Now) -> u64 {
        let known = self.shelf.iter().filter(|receipt| receipt.is_known(now.ms()));
        let bit = |limiter: u8| 1_u64.checked_shl(limiter.into()).unwrap_or(0);
        known.flat_map(Receipt::limiters).map(bit).fold(0, |all, bit| all | bit)
    }

    /// Takes down what the call with this id, which is not known, charged to each of its limiters.
    /// How many receipts that are known it pushes out, for there to be no more than there may be.
    pub(crate) fn add(&mut self, new: &NewReceipt, now: Now) -> usize {
        self.begin_write(now);
        let mut parts = [Part::none(); MAX_CLAUSES];
        let mut count = 0_usize;
        for id in new.limiters() {
            if let Some(place) = self.place_of(id)
                && let Some(part) = self.charged(place, new.cost, now)
                && let Some(slot) = parts.get_mut(count)
            {
                *slot = part;
                count = count.saturating_add(1);
            }
        }
        let dropped = self.trim(new.receipts_max.saturating_sub(1));
        if let Some(parts @ [_, ..]) = parts.get(..count) {
            let receipt = Receipt::new(new.id.as_bytes(), now.ms(), new.keep_ms, parts);
            self.shelf.insert(receipt, new.receipts_max);
        }
        dropped
    }

    /// Forgets the call of that id, if it is known.
    pub(crate) fn forget(&mut self, id: &[u8], now: Now) {
        let known = self.shelf.find(id, now);
        if let Some(receipt) = known.and_then(|place| self.shelf.remove(place)) {
            leave(&receipt, &self.limiters, &mut self.lows);
        }
    }

    /// What to remember of a charge of `cost` to the limiter at `place`, which is its last.
    fn charged(&mut self, place: usize, cost: u64, now: Now) -> Option<Part> {
        let trace = match self.limiters.get(place)? {
            // Only what arrived from elsewhere can be charged in a window to come.
            Limiter::Fixed(_) | Limiter::Sliding(_) if self.is_ahead(place, now) => OF_THE_PAST,
            Limiter::Fixed(fixed) => fixed.start_ms.get(),
            Limiter::Sliding(sliding) => sliding.window.get().saturating_add(1),
            Limiter::Log(_) => now.ms(),
            Limiter::Token(bucket) => {
                let (period_ms, level) = (bucket.period_ms.get(), bucket.level.get());
                self.charges = self.charges.saturating_add(1);
                lows_of(&mut self.lows, period_ms)?.charge(self.charges, level);
                self.charges
            }
            Limiter::Leaky(bucket) => bucket.hold_of_last_ms(cost),
        };
        let limiter = u8::try_from(place).ok()?;
        Some(Part { limiter, cost: U40::new(cost), trace: U56::new(trace) })
    }

    /// Pushes receipts out until there are no more than `most`. How many.
    fn trim(&mut self, most: usize) -> usize {
        let mut dropped = 0_usize;
        while self.shelf.len() > most {
            if let Some(receipt) = self.shelf.pop() {
                leave(&receipt, &self.limiters, &mut self.lows);
            }
            dropped = dropped.saturating_add(1);
        }
        dropped
    }

    /// When all limiters are unused and all receipts forgotten, in ms since 1970.
    pub(crate) fn unused_at_ms(&self) -> u64 {
        let limiters = self.limiters.iter().map(Limiter::unused_at_ms).max();
        limiters.unwrap_or(0).max(self.shelf.forgotten_at_ms())
    }

    /// When all receipts are forgotten, in ms since 1970; 0 if there is none.
    pub(crate) fn forgotten_at_ms(&self) -> u64 {
        self.shelf.forgotten_at_ms()
    }

    /// Bytes on the heap, those of the limiters themselves aside.
    pub(crate) fn heap_bytes(&self) -> usize {
        let limiters = self.limiters.capacity().saturating_mul(size_of::<Limiter>());
        let lows = self.lows.capacity().saturating_mul(size_of::<Lows>());
        let steps = self.lows.iter().map(Lows::heap_bytes).fold(0, usize::saturating_add);
        [limiters, lows, steps, self.shelf.heap_bytes()].into_iter().fold(0, usize::saturating_add)
    }

    /// Allocations on the heap, those of the limiters themselves aside: two lists, and what they
    /// hold.
    pub(crate) fn allocations(&self) -> usize {
        self.shelf.allocations().saturating_add(self.lows.len()).saturating_add(2)
    }

    /// Offers every allocation to `relocate`, those of the limiters themselves aside.
    pub(crate) fn relocate(&mut self, relocate: &mut impl Relocate) {
        relocate.vec(&mut self.limiters);
        relocate.vec(&mut self.lows);
        self.lows.iter_mut().for_each(|lows| lows.relocate(relocate));
        self.shelf.relocate(relocate);
    }
}

/// The lows of the TOKEN of that period.
pub(super) fn lows_of(all: &mut Vec<Lows>, period_ms: u64) -> Option<&mut Lows> {
    let place = all.iter().position(|lows| lows.period_ms == period_ms);
    let place = place.unwrap_or(all.len());
    if place == all.len() {
        all.reserve_exact(1);
        all.push(Lows::new(period_ms));
    }
    all.get_mut(place)
}

/// Has the lows forget what `receipt` charged.
fn leave(receipt: &Receipt, limiters: &[Limiter], lows: &mut [Lows]) {
    for part in receipt.parts() {
        if let Some(Limiter::Token(bucket)) = limiters.get(usize::from(part.limiter))
            && let Some(lows) =
                lows.iter_mut().find(|lows| lows.period_ms == bucket.period_ms.get())
        {
            lows.leave(part.trace.get());
        }
    }
}
