//! The leases of one key, the one that ends first in front; of equals the one that was taken first.

use std::collections::VecDeque;

use super::clause::LeaseClause;
use super::lease::Lease;
use crate::bounds::MAX_LEASE_LIMIT;
use crate::ids::{ChargeId, Marks};
use crate::now::Now;
use crate::queue;
use crate::relocate::Relocate;

/// Leases in the order in which they end. Those that have ended are forgotten by the next write.
#[derive(Clone, Debug)]
pub(crate) struct Leases {
    pub(super) leases: VecDeque<Lease>,
    pub(super) marks: Marks,
    /// The places of all of them.
    pub(super) held: u64,
    /// None began later.
    pub(super) newest_ms: u64,
    /// How many have ended that were counted already and are not forgotten.
    counted: usize,
    /// The numbers of the last call that took places.
    pub(super) clause: LeaseClause,
}

impl Leases {
    /// A set without a lease.
    pub(crate) fn new(clause: LeaseClause) -> Self {
        let (leases, marks) = (VecDeque::new(), Marks::default());
        Self { leases, marks, held: 0, newest_ms: 0, counted: 0, clause }
    }

    /// How many leases there are, those that have ended and are not forgotten included.
    pub(crate) fn len(&self) -> usize {
        self.leases.len()
    }

    /// How many have ended that were not counted yet; they are now.
    pub(crate) fn count_ended(&mut self, now: Now) -> usize {
        let ended = self.leases.iter().take_while(|lease| lease.end_ms() <= now.ms()).count();
        let before = std::mem::replace(&mut self.counted, ended);
        ended.saturating_sub(before)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// Where the lease of that id stands, if it has not ended.
    #[inline]
    pub(crate) fn find(&self, id: &[u8], now: Now) -> Option<usize> {
        self.marks.find(id, |place| {
            let lease = self.leases.get(place);
            lease.is_some_and(|lease| lease.id() == id && lease.end_ms() > now.ms())
        })
    }

    /// How many places the lease there holds.
    #[inline]
    pub(super) fn places_at(&self, place: usize) -> u64 {
        self.leases.get(place).map_or(0, Lease::places)
    }

    /// How many places are held.
    #[inline]
    pub(crate) fn held(&self, now: Now) -> u64 {
        let ended = self.leases.iter().take_while(|lease| lease.end_ms() <= now.ms());
        ended.map(Lease::places).fold(self.held, u64::saturating_sub)
    }

    /// Whether one of them begins later than now: the clock stepped back.
    #[inline]
    pub(crate) fn is_ahead(&self, now: Now) -> bool {
        self.newest_ms > now.ms() && self.leases.iter().any(|one| one.start_ms() > now.ms())
    }

    /// When the last of them ends, in ms since 1970; 0 if there is none.
    #[inline]
    pub(crate) fn unused_at_ms(&self) -> u64 {
        self.leases.back().map_or(0, Lease::end_ms)
    }

    /// Whether taking so many places leaves all numbers in their ranges: what calls do, does.
    pub(crate) fn accepts(&self, id: &ChargeId, places: u64, now: Now) -> bool {
        let own = self.find(id.as_bytes(), now).map_or(0, |place| self.places_at(place));
        let others = self.held(now).saturating_sub(own);
        places <= own || others.saturating_add(places) <= MAX_LEASE_LIMIT
    }

    /// Has `id` hold `places` from now on, and no others. How many leases have ended, as below.
    pub(crate) fn take(
        &mut self,
        id: &ChargeId,
        places: u64,
        clause: LeaseClause,
        now: Now,
    ) -> usize {
        let ended = self.begin_write(now);
        self.clause = clause;
        let own = self.find(id.as_bytes(), now).and_then(|place| self.remove(place));
        let mut lease = own.unwrap_or_else(|| Lease::new(id.as_bytes(), 0, 0, 0));
        lease.start_at(now.ms());
        lease.last_for(clause.duration_ms);
        lease.hold(places);
        self.insert(lease);
        ended
    }

    /// What every write does first: moves what begins later to now, and forgets what has ended.
    /// How many of those were not counted yet.
    pub(crate) fn begin_write(&mut self, now: Now) -> usize {
        if self.newest_ms > now.ms() {
            self.move_to(now);
        }
        let before = self.leases.len();
        while self.leases.front().is_some_and(|first| first.end_ms() <= now.ms()) {
            self.held = self.held.saturating_sub(self.places_at(0));
            self.leases.pop_front();
            self.marks.pop_front();
        }
        let ended = before.saturating_sub(self.leases.len());
        if ended > 0 {
            self.give_memory_back();
        }
        ended.saturating_sub(std::mem::take(&mut self.counted))
    }

    fn move_to(&mut self, now: Now) {
        let leases = self.leases.make_contiguous();
        for lease in leases.iter_mut().filter(|lease| lease.start_ms() > now.ms()) {
            lease.start_at(now.ms());
        }
        leases.sort_by_key(Lease::end_ms);
        self.marks.refill(self.leases.iter().map(Lease::id));
        self.newest_ms = now.ms();
    }

    /// Puts `lease` in its place.
    pub(super) fn insert(&mut self, lease: Lease) {
        let end_ms = lease.end_ms();
        let place = match self.leases.back() {
            Some(last) if last.end_ms() > end_ms => {
                self.leases.partition_point(|other| other.end_ms() <= end_ms)
            }
            _ => self.leases.len(),
        };
        self.held = self.held.saturating_add(lease.places());
        self.newest_ms = self.newest_ms.max(lease.start_ms());
        queue::for_one_more(&mut self.leases, usize::MAX);
        self.marks.insert(place, lease.id(), usize::MAX);
        self.leases.insert(place, lease);
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<Lease> {
        self.marks.remove(place);
        let lease = self.leases.remove(place)?;
        self.held = self.held.saturating_sub(lease.places());
        Some(lease)
    }

    pub(super) fn give_memory_back(&mut self) {
        queue::give_back(&mut self.leases);
        self.marks.give_back();
    }

    /// Bytes on the heap, those of the set itself aside.
    pub(crate) fn heap_bytes(&self) -> usize {
        let leases = self.leases.capacity().saturating_mul(size_of::<Lease>());
        let ids = self.leases.iter().map(Lease::heap_bytes);
        ids.fold(leases.saturating_add(self.marks.heap_bytes()), usize::saturating_add)
    }

    /// Allocations on the heap, that of the set itself aside.
    pub(crate) fn allocations(&self) -> usize {
        let long = self.leases.iter().filter(|lease| lease.heap_bytes() > 0).count();
        long.saturating_add(2)
    }

    /// Offers every allocation to `relocate`, that of the set itself aside.
    pub(crate) fn relocate(&mut self, relocate: &mut impl Relocate) {
        queue::relocate(&mut self.leases, relocate);
        self.marks.relocate(relocate);
        self.leases.iter_mut().for_each(|lease| lease.relocate(relocate));
    }
}
