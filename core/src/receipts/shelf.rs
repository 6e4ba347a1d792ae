//! The receipts of one key, the one that is forgotten first in front; of equals the older.

use std::collections::VecDeque;

use super::receipt::Receipt;
use crate::ids::Marks;
use crate::now::Now;
use crate::queue;
use crate::relocate::Relocate;

/// Receipts in the order in which they are forgotten.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    receipts: VecDeque<Receipt>,
    marks: Marks,
    /// None is of a later time.
    newest_ms: u64,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.receipts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Receipt> {
        self.receipts.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Receipt> {
        self.receipts.iter_mut()
    }

    pub(super) fn get(&self, place: usize) -> Option<&Receipt> {
        self.receipts.get(place)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Receipt> {
        self.receipts.get_mut(place)
    }

    /// Where the receipt of that id stands, if it is known.
    pub(super) fn find(&self, id: &[u8], now: Now) -> Option<usize> {
        self.marks.find(id, |place| {
            let receipt = self.receipts.get(place);
            receipt.is_some_and(|receipt| receipt.id() == id && receipt.is_known(now.ms()))
        })
    }

    /// Puts `receipt` in its place, where there are at most `most`.
    pub(super) fn insert(&mut self, receipt: Receipt, most: usize) {
        let at_ms = receipt.forgotten_at_ms();
        self.newest_ms = self.newest_ms.max(receipt.time_ms());
        queue::for_one_more(&mut self.receipts, most);
        if self.forgotten_at_ms() <= at_ms {
            self.marks.push_back(receipt.id(), most);
            self.receipts.push_back(receipt);
            return;
        }
        let place = self.receipts.partition_point(|other| other.forgotten_at_ms() <= at_ms);
        self.marks.insert(place, receipt.id(), most);
        self.receipts.insert(place, receipt);
    }

    /// Takes the one away that would be forgotten first.
    pub(super) fn pop(&mut self) -> Option<Receipt> {
        self.marks.pop_front();
        self.receipts.pop_front()
    }

    /// Takes the one at `place` away.
    pub(super) fn remove(&mut self, place: usize) -> Option<Receipt> {
        self.marks.remove(place);
        self.receipts.remove(place)
    }

    /// Whether one of them is not known at `now`, or may be none.
    #[inline]
    fn has_unknown(&self, now: Now) -> bool {
        self.newest_ms > now.ms()
            || self.receipts.front().is_some_and(|first| first.forgotten_at_ms() <= now.ms())
    }

    /// Forgets those that are not known at `now`, each of which `gone` is told.
    #[inline]
    pub(super) fn forget(&mut self, now: Now, gone: impl FnMut(&Receipt)) {
        if self.has_unknown(now) {
            self.forget_unknown(now, gone);
        }
    }

    fn forget_unknown(&mut self, now: Now, mut gone: impl FnMut(&Receipt)) {
        while self.receipts.front().is_some_and(|first| first.forgotten_at_ms() <= now.ms()) {
            self.pop().iter().for_each(&mut gone);
        }
        if self.newest_ms > now.ms() {
            // The clock stepped back.
            self.receipts.retain(|receipt| {
                let known = receipt.is_known(now.ms());
                if !known {
                    gone(receipt);
                }
                known
            });
            self.marks.refill(self.receipts.iter().map(Receipt::id));
            self.newest_ms = self.receipts.iter().map(Receipt::time_ms).max().unwrap_or(0);
        }
        queue::give_back(&mut self.receipts);
        self.marks.give_back();
    }

    /// When the last of them is forgotten, in ms since 1970; 0 if there is none.
    pub(super) fn forgotten_at_ms(&self) -> u64 {
        self.receipts.back().map_or(0, Receipt::forgotten_at_ms)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let receipts = self.receipts.capacity().saturating_mul(size_of::<Receipt>());
        let whole = self.receipts.iter().map(Receipt::heap_bytes);
        whole.fold(receipts.saturating_add(self.marks.heap_bytes()), usize::saturating_add)
    }

    /// Allocations on the heap.
    pub(super) fn allocations(&self) -> usize {
        self.receipts.iter().map(Receipt::allocations).fold(2, usize::saturating_add)
    }

    /// Offers every allocation to `relocate`.
    pub(super) fn relocate(&mut self, relocate: &mut impl Relocate) {
        queue::relocate(&mut self.receipts, relocate);
        self.marks.relocate(relocate);
        self.receipts.iter_mut().for_each(|receipt| receipt.relocate(relocate));
    }
}
