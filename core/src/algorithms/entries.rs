//! The memory of a LOG: when each cost was admitted, in eight bytes an entry.
//!
//! An entry packs its time (40 bits, of ms modulo 2^40) and the running total of all costs up to
//! and with it (24 bits, modulo 2^24). All entries lie within one period, and their sum within
//! one limit, so differences are exact; and a running total makes both "how much is in use" and
//! "when will enough have left" a search instead of a sum.
//!
//! Entries stand in segments of 64, so that a log grows and shrinks without ever being copied.
//! Those that are gone stay in front of the others until their segments are freed, some at a time.

use std::collections::VecDeque;

const SEGMENT: usize = 64;

/// Most segments that one change frees, so that no call pays for a large log that has emptied.
const FREED_AT_ONCE: usize = 128;
const TIME_BITS: u32 = 40;
const TOTAL_BITS: u32 = 24;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
const TOTAL_MASK: u64 = (1 << TOTAL_BITS) - 1;

const _: () = assert!(crate::bounds::MAX_PERIOD_MS <= TIME_MASK);
const _: () = assert!(crate::bounds::MAX_LOG_LIMIT <= TOTAL_MASK);

/// A time and a running total, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u64);

impl Entry {
    #[inline]
    fn new(time_ms: u64, total: u64) -> Self {
        Self((time_ms & TIME_MASK) << TOTAL_BITS | total & TOTAL_MASK)
    }

    #[inline]
    fn time_bits(self) -> u64 {
        self.0 >> TOTAL_BITS
    }

    #[inline]
    fn total_bits(self) -> u64 {
        self.0 & TOTAL_MASK
    }
}

/// Admitted costs by time, oldest first; no two at the same time.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    segments: VecDeque<Vec<Entry>>,
    /// How many of the first entries are gone.
    gone: usize,
    /// The running total up to the first entry, without it.
    base: u64,
    /// The time of the last entry.
    newest_ms: u64,
}

impl Entries {
    /// How many there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        let last = self.segments.back().map_or(0, Vec::len);
        self.segments
            .len()
            .saturating_sub(1)
            .saturating_mul(SEGMENT)
            .saturating_add(last)
            .saturating_sub(self.gone)
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time of the newest entry, in ms since 1970; 0 if there is none.
    #[inline]
    #[must_use]
    pub fn newest_ms(&self) -> u64 {
        self.newest_ms
    }

    /// Time and running total of each entry, oldest first; the first total is its own cost.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.segments
            .iter()
            .skip(self.gone / SEGMENT)
            .flatten()
            .skip(self.gone % SEGMENT)
            .map(|entry| (self.time_ms(*entry), self.total(*entry)))
    }

    /// The cost of all entries.
    #[inline]
    pub(crate) fn sum(&self) -> u64 {
        self.last().map_or(0, |entry| self.total(entry))
    }

    /// The cost of the first `count` entries.
    #[inline]
    pub(crate) fn sum_of_first(&self, count: usize) -> u64 {
        count.checked_sub(1).and_then(|last| self.get(last)).map_or(0, |entry| self.total(entry))
    }

    /// How many of the oldest entries are not later than `time_ms`.
    #[inline]
    pub(crate) fn count_until(&self, time_ms: u64) -> usize {
        self.leading(|entry| self.time_ms(entry) <= time_ms)
    }

    /// The time at which the running total reaches `total`; of the last entry if it never does.
    pub(crate) fn time_of_total(&self, total: u64) -> u64 {
        let index = self.leading(|entry| self.total(entry) < total);
        self.get(index).map_or(self.newest_ms, |entry| self.time_ms(entry))
    }

    /// Adds `cost` at `time_ms`, which is not before the newest entry.
    pub(crate) fn push(&mut self, time_ms: u64, cost: u64) {
        let total = self.base.wrapping_add(self.sum()).wrapping_add(cost);
        let entry = Entry::new(time_ms, total);
        if self.newest_ms == time_ms && !self.is_empty() {
            self.replace_last(entry);
            return;
        }
        self.newest_ms = time_ms;
        self.append(entry);
    }

    /// Puts `entry` behind all others.
    #[inline]
    fn append(&mut self, entry: Entry) {
        match self.segments.back_mut() {
            Some(last) if last.len() < SEGMENT => {
                if last.len() == last.capacity() {
                    last.reserve_exact(step(last.len()));
                }
                last.push(entry);
            }
            _ => {
                if self.segments.is_empty() {
                    self.segments.reserve_exact(1);
                }
                let mut segment = Vec::with_capacity(step(0));
                segment.push(entry);
                self.segments.push_back(segment);
            }
        }
    }

    /// The cost of the entry of `time_ms`; 0 if there is none.
    pub(crate) fn cost_at(&self, time_ms: u64) -> u64 {
        let place = self.place_of(time_ms);
        match self.get(place).filter(|entry| self.time_ms(*entry) == time_ms) {
            Some(entry) => self.total(entry).saturating_sub(self.sum_of_first(place)),
            None => 0,
        }
    }

    /// Has the entry of `time_ms`, which is not after the newest by more than a period, be one of
    /// `cost`; with 0 it goes.
    pub(crate) fn set_cost_at(&mut self, time_ms: u64, cost: u64) {
        let (place, there) = (self.place_of(time_ms), self.cost_at(time_ms));
        match (there, cost) {
            (0, 0) => {}
            (0, _) => self.insert(place, time_ms, cost),
            (_, 0) => self.remove(place, there),
            _ => self.add_from(place, cost.wrapping_sub(there)),
        }
    }

    /// Where an entry of `time_ms` stands, or would.
    fn place_of(&self, time_ms: u64) -> usize {
        self.leading(|entry| self.time_ms(entry) < time_ms)
    }

    /// Adds `more`, which may be below 0, to the running totals from `place` on.
    fn add_from(&mut self, place: usize, more: u64) {
        for place in place..self.len() {
            if let Some(entry) = self.get(place) {
                self.set(
                    place,
                    Entry::new(entry.time_bits(), entry.total_bits().wrapping_add(more)),
                );
            }
        }
    }

    fn insert(&mut self, place: usize, time_ms: u64, cost: u64) {
        let len = self.len();
        let Some(last) = self.last().filter(|_| place < len) else {
            return self.push(time_ms, cost);
        };
        self.append(last);
        for place in (place.saturating_add(1)..=len).rev() {
            if let Some(entry) = self.get(place.saturating_sub(1)) {
                self.set(place, entry);
            }
        }
        let before = self.base.wrapping_add(self.sum_of_first(place));
        self.set(place, Entry::new(time_ms, before));
        self.add_from(place, cost);
    }

    /// Removes the entry at `place`, which is one of `cost`.
    fn remove(&mut self, place: usize, cost: u64) {
        let left = self.len().saturating_sub(1);
        if left == 0 {
            *self = Self::default();
            return;
        }
        for place in place..left {
            if let Some(entry) = self.get(place.saturating_add(1)) {
                self.set(
                    place,
                    Entry::new(entry.time_bits(), entry.total_bits().wrapping_sub(cost)),
                );
            }
        }
        let newest = self.get(left.saturating_sub(1)).map(|entry| self.time_ms(entry));
        self.keep_first(left);
        self.newest_ms = newest.unwrap_or_default();
    }

    /// Forgets the oldest `count` entries, and frees some of those that are gone.
    pub(crate) fn drop_first(&mut self, count: usize) {
        let count = count.min(self.len());
        self.base = self.base.wrapping_add(self.sum_of_first(count)) & TOTAL_MASK;
        self.gone = self.gone.saturating_add(count);
        if self.gone >= SEGMENT {
            self.free_some();
        }
        if self.is_empty() && self.segments.len() <= 1 {
            *self = Self { newest_ms: self.newest_ms, ..Self::default() };
        }
    }

    /// Frees segments whose entries are gone, and what their places took.
    #[cold]
    fn free_some(&mut self) {
        let freed = (self.gone / SEGMENT).min(FREED_AT_ONCE);
        self.segments.drain(..freed);
        self.gone = self.gone.saturating_sub(freed.saturating_mul(SEGMENT));
        let places = self.segments.len().saturating_mul(2);
        if self.segments.capacity() > places.saturating_mul(2) {
            self.segments.shrink_to(places);
        }
    }

    /// Moves every entry that is later than `time_ms` to `time_ms`, where they become one.
    pub(crate) fn move_back_to(&mut self, time_ms: u64) {
        let (Some(last), true) = (self.last(), self.newest_ms > time_ms) else { return };
        let kept = self.leading(|entry| self.time_ms(entry) < time_ms);
        self.keep_first(kept.saturating_add(1));
        self.newest_ms = time_ms;
        self.replace_last(Entry::new(time_ms, last.total_bits()));
    }

    /// Forgets all entries but the oldest `count`, at least 1.
    fn keep_first(&mut self, count: usize) {
        let end = self.gone.saturating_add(count);
        let segments = end.div_ceil(SEGMENT);
        if segments < self.segments.len() {
            // The last one may not be full; those before it are, and go to the front.
            self.segments.pop_back();
            let behind = self.segments.len().saturating_sub(segments);
            self.segments.rotate_right(behind);
            self.gone = self.gone.saturating_add(behind.saturating_mul(SEGMENT));
        }
        let full = segments.saturating_sub(1).saturating_mul(SEGMENT);
        if let Some(last) = self.segments.back_mut() {
            last.truncate(end.saturating_sub(full));
        }
    }

    fn set(&mut self, index: usize, entry: Entry) {
        let at = index.saturating_add(self.gone);
        if let Some(slot) =
            self.segments.get_mut(at / SEGMENT).and_then(|segment| segment.get_mut(at % SEGMENT))
        {
            *slot = entry;
        }
    }

    fn replace_last(&mut self, entry: Entry) {
        if let Some(last) = self.segments.back_mut().and_then(|segment| segment.last_mut()) {
            *last = entry;
        }
    }

    #[inline]
    fn last(&self) -> Option<Entry> {
        self.segments.back().and_then(|segment| segment.last()).copied()
    }

    #[inline]
    fn get(&self, index: usize) -> Option<Entry> {
        let at = index.saturating_add(self.gone);
        self.segments.get(at / SEGMENT).and_then(|segment| segment.get(at % SEGMENT)).copied()
    }

    #[inline]
    fn time_ms(&self, entry: Entry) -> u64 {
        let age = self.newest_ms.wrapping_sub(entry.time_bits()) & TIME_MASK;
        self.newest_ms.saturating_sub(age)
    }

    #[inline]
    fn total(&self, entry: Entry) -> u64 {
        entry.total_bits().wrapping_sub(self.base) & TOTAL_MASK
    }

    /// How many entries `holds` is true of, which is true of none after one that it is false of.
    /// Gallops from the oldest, where the answer nearly always is.
    #[inline]
    fn leading(&self, holds: impl Fn(Entry) -> bool) -> usize {
        let holds_at = |index| self.get(index).is_some_and(&holds);
        let (mut below, mut above) = (0_usize, 1_usize);
        while holds_at(above.saturating_sub(1)) {
            (below, above) = (above, above.saturating_mul(2));
        }
        while below < above.saturating_sub(1) {
            let middle = below.midpoint(above);
            if holds_at(middle.saturating_sub(1)) { below = middle } else { above = middle }
        }
        below
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let index = self.segments.capacity().saturating_mul(size_of::<Vec<Entry>>());
        let entries = self.segments.iter().map(|s| s.capacity().saturating_mul(size_of::<Entry>()));
        entries.fold(index, usize::saturating_add)
    }

    /// How many allocations hold the entries.
    pub(crate) fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Whether one change is enough to free all of it.
    pub(crate) fn is_small(&self) -> bool {
        self.segments.len() <= FREED_AT_ONCE
    }

    /// Frees as much as one change does, and forgets the oldest entries for it, but for the newest.
    pub(crate) fn shrink(&mut self) {
        let most = FREED_AT_ONCE.saturating_mul(SEGMENT).saturating_sub(self.gone);
        self.drop_first(most.min(self.len().saturating_sub(1)));
    }

    /// Offers every allocation to `relocate`.
    pub(crate) fn relocate(&mut self, relocate: &mut impl crate::relocate::Relocate) {
        let mut index = Vec::from(std::mem::take(&mut self.segments));
        relocate.vec(&mut index);
        index.iter_mut().for_each(|segment| relocate.vec(segment));
        self.segments = VecDeque::from(index);
    }
}

/// By how many entries a segment of `len` grows: little while it is small, for the many logs
/// that stay short.
#[inline]
fn step(len: usize) -> usize {
    len.clamp(2, 8)
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.newest_ms == other.newest_ms && self.iter().eq(other.iter())
    }
}

impl Eq for Entries {}

#[cfg(test)]
mod tests;
