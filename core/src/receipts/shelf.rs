//! The receipts of one key, the one that is forgotten first in front; of equals the older.

use std::collections::VecDeque;

use super::id::mark;
use super::receipt::Receipt;
use super::room;
use crate::now::Now;
use crate::relocate::Relocate;

/// How many marks are compared at once.
const AT_ONCE: usize = 64;

/// Receipts in the order in which they are forgotten.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    receipts: VecDeque<Receipt>,
    /// A digest of each one's id: to look for an id is to look through these.
    marks: VecDeque<u16>,
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
        let wanted = mark(id);
        let (front, back) = self.marks.as_slices();
        let is_it = |place: usize| {
            let receipt = self.receipts.get(place);
            receipt.is_some_and(|receipt| receipt.id() == id && receipt.is_known(now.ms()))
        };
        let in_front = places(front, wanted).find(|place| is_it(*place));
        in_front.or_else(|| {
            let behind = places(back, wanted).map(|place| place.saturating_add(front.len()));
            behind.into_iter().find(|place| is_it(*place))
        })
    }

    /// Puts `receipt` in its place, where there are at most `most`.
    pub(super) fn insert(&mut self, receipt: Receipt, most: usize) {
        let at_ms = receipt.forgotten_at_ms();
        self.newest_ms = self.newest_ms.max(receipt.time_ms());
        room::for_one_more(&mut self.receipts, most);
        room::for_one_more(&mut self.marks, most);
        if self.forgotten_at_ms() <= at_ms {
            self.marks.push_back(receipt.mark());
            self.receipts.push_back(receipt);
            return;
        }
        let place = self.receipts.partition_point(|other| other.forgotten_at_ms() <= at_ms);
        self.marks.insert(place, receipt.mark());
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
            self.marks.clear();
            self.marks.extend(self.receipts.iter().map(Receipt::mark));
            self.newest_ms = self.receipts.iter().map(Receipt::time_ms).max().unwrap_or(0);
        }
        room::give_back(&mut self.receipts);
        room::give_back(&mut self.marks);
    }

    /// When the last of them is forgotten, in ms since 1970; 0 if there is none.
    pub(super) fn forgotten_at_ms(&self) -> u64 {
        self.receipts.back().map_or(0, Receipt::forgotten_at_ms)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let receipts = self.receipts.capacity().saturating_mul(size_of::<Receipt>());
        let marks = self.marks.capacity().saturating_mul(size_of::<u16>());
        let whole = self.receipts.iter().map(Receipt::heap_bytes);
        whole.fold(receipts.saturating_add(marks), usize::saturating_add)
    }

    /// Allocations on the heap.
    pub(super) fn allocations(&self) -> usize {
        self.receipts.iter().map(Receipt::allocations).fold(2, usize::saturating_add)
    }

    /// Offers every allocation to `relocate`.
    pub(super) fn relocate(&mut self, relocate: &mut impl Relocate) {
        room::relocate(&mut self.receipts, relocate);
        room::relocate(&mut self.marks, relocate);
        self.receipts.iter_mut().for_each(|receipt| receipt.relocate(relocate));
    }
}

/// Where `wanted` stands in `marks`. Most chunks are passed over as a whole, many marks in one
/// instruction.
fn places(marks: &[u16], wanted: u16) -> impl Iterator<Item = usize> + '_ {
    let chunks = marks.chunks(AT_ONCE).enumerate();
    let hits = chunks
        .filter(move |(_, chunk)| chunk.iter().fold(false, |any, mark| any | (*mark == wanted)));
    hits.flat_map(move |(number, chunk)| {
        let start = number.saturating_mul(AT_ONCE);
        let within = chunk.iter().enumerate().filter(move |(_, mark)| **mark == wanted);
        within.map(move |(place, _)| start.saturating_add(place))
    })
}
