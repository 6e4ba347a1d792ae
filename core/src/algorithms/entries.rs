//! The memory of a LOG: when each cost was admitted, in eight bytes an entry.
//!
//! An entry packs its time (40 bits, of ms modulo 2^40) and the running total of all costs up to
//! and with it (24 bits, modulo 2^24). All entries lie within one period, and their sum within
//! one limit, so differences are exact; and a running total makes both "how much is in use" and
//! "when will enough have left" a search instead of a sum.
//!
//! Entries stand in segments of 64, so that a log grows and shrinks without ever being copied.

use std::collections::VecDeque;

const SEGMENT: usize = 64;
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
    /// Entries of the first segment that are gone.
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
            .flatten()
            .skip(self.gone)
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

    /// Forgets the oldest `count` entries.
    pub(crate) fn drop_first(&mut self, count: usize) {
        if count >= self.len() {
            *self = Self { newest_ms: self.newest_ms, ..Self::default() };
            return;
        }
        self.base = self.base.wrapping_add(self.sum_of_first(count)) & TOTAL_MASK;
        self.gone = self.gone.saturating_add(count);
        while self.gone >= SEGMENT {
            self.segments.pop_front();
            self.gone = self.gone.saturating_sub(SEGMENT);
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
        let full = segments.saturating_sub(1).saturating_mul(SEGMENT);
        self.segments.truncate(segments);
        if let Some(last) = self.segments.back_mut() {
            last.truncate(end.saturating_sub(full));
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
mod tests {
    use super::*;

    fn with(costs: impl IntoIterator<Item = (u64, u64)>) -> Entries {
        let mut entries = Entries::default();
        for (time_ms, cost) in costs {
            entries.push(time_ms, cost);
        }
        entries
    }

    fn costs(entries: &Entries) -> Vec<(u64, u64)> {
        let mut before = 0;
        entries
            .iter()
            .map(|(time_ms, total)| (time_ms, total - std::mem::replace(&mut before, total)))
            .collect()
    }

    #[test]
    fn one_time_is_one_entry() {
        assert_eq!(costs(&with([(5, 1), (5, 2), (6, 4)])), [(5, 3), (6, 4)]);
    }

    #[test]
    fn sums_and_searches_hold_across_segments_and_wrapping_totals() {
        let mut entries = Entries::default();
        let mut expected: VecDeque<(u64, u64)> = VecDeque::new();
        for i in 0..40_000_u64 {
            let (time_ms, cost) = ((1 << 40) - 20_000 + i, 1_000 + i % 7);
            entries.push(time_ms, cost);
            expected.push_back((time_ms, cost));
            if expected.len() > 150 {
                entries.drop_first(1 + (i % 3) as usize);
                expected.drain(..1 + (i % 3) as usize);
            }
            assert_eq!(entries.len(), expected.len());
            assert_eq!(entries.sum(), expected.iter().map(|e| e.1).sum::<u64>());
        }
        assert_eq!(costs(&entries), Vec::from(expected.clone()));
        let mut total = 0;
        for (index, (time_ms, cost)) in expected.iter().enumerate() {
            assert_eq!(entries.count_until(*time_ms), index + 1);
            assert_eq!(entries.time_of_total(total + 1), *time_ms);
            total += cost;
            assert_eq!(entries.time_of_total(total), *time_ms);
            assert_eq!(entries.sum_of_first(index + 1), total);
        }
    }

    #[test]
    fn moving_back_keeps_every_cost() {
        for target in [0, 99, 100, 163, 164, 200, 299] {
            let mut entries = with((100..300).map(|time_ms| (time_ms, 2)));
            entries.drop_first(10);
            entries.move_back_to(target);
            assert_eq!(entries.sum(), 380);
            assert_eq!(entries.newest_ms(), target);
            assert_eq!(entries.len(), (target.max(110) - 109) as usize);
            entries.push(target + 1, 5);
            assert_eq!(costs(&entries).last(), Some(&(target + 1, 5)));
        }
    }

    #[test]
    fn dropping_all_leaves_nothing() {
        let mut entries = with((0..100).map(|time_ms| (time_ms, 1)));
        entries.drop_first(100);
        assert!(entries.is_empty());
        assert_eq!((entries.sum(), entries.heap_bytes()), (0, 0));
        entries.push(7, 3);
        assert_eq!(costs(&entries), [(7, 3)]);
    }

    #[test]
    fn an_entry_costs_less_than_nine_bytes() {
        for count in [1_000, 10_000, 100_000] {
            let bytes = with((0..count).map(|time_ms| (time_ms, 1))).heap_bytes();
            assert!(bytes < count as usize * 9, "{bytes} bytes for {count} entries");
        }
    }
}
