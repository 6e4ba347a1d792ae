//! The keys that are denied most, in bounded memory.
//!
//! As many counters as the table is large. A key that has none takes over the smallest, and its
//! count, as in Space-Saving (Metwally, Agrawal and El Abbadi, 2005), but only with a chance of
//! one in that count: the randomized admission of Ben Basat, Chen, Einziger and Friedman (2017).
//! So passers-by seldom disturb the table, which makes it both cheaper and more exact. As long as
//! no more keys are counted than fit, all counts are exact.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Longest key that is told apart; of longer ones, only so much of their beginning.
pub(crate) const LONGEST_KEY: usize = 1024;

/// One key and how often it was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// The key.
    pub(crate) key: Arc<[u8]>,
    /// How often, about.
    pub(crate) count: u64,
}

/// A table of the keys that are counted most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Top<S = RandomState> {
    size: usize,
    slots: Vec<Counted>,
    /// Slots as a binary heap, the smallest count first.
    heap: Vec<usize>,
    /// Where in the heap each slot stands.
    places: Vec<usize>,
    index: HashMap<Arc<[u8]>, usize, S>,
    /// Throws for admission; any numbers will do, so they may as well repeat.
    dice: u64,
}

impl<S: BuildHasher + Default> Top<S> {
    /// A table of at most `size` keys; with 0 it counts nothing.
    #[must_use]
    pub(crate) fn new(size: usize) -> Self {
        Self { size, ..Self::default() }
    }

    /// Counts `key` once more.
    #[inline]
    pub(crate) fn count(&mut self, key: &[u8]) {
        let key = key.get(..LONGEST_KEY).unwrap_or(key);
        if let Some(slot) = self.index.get(key) {
            self.increment(*slot);
        } else if self.slots.len() < self.size {
            self.add(Counted { key: key.into(), count: 1 });
        } else if let Some(count) = self.count_at(0)
            && self.is_admitted(count)
        {
            self.take_over_smallest(key.into());
        }
    }

    /// The keys with the highest counts first, equal ones by name.
    #[must_use]
    pub(crate) fn most(&self) -> Vec<Counted> {
        let mut most = self.slots.clone();
        most.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        most
    }

    /// Forgets all counts.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.heap.clear();
        self.places.clear();
        self.index.clear();
    }

    /// Changes how many keys there may be, and keeps those with the highest counts. Takes the
    /// memory for all of them but their names, so that counting need not.
    pub(crate) fn resize(&mut self, size: usize) {
        let kept = self.most();
        *self = Self::new(size);
        self.slots.reserve_exact(size);
        self.heap.reserve_exact(size);
        self.places.reserve_exact(size);
        self.index.reserve(size);
        // The smallest first: a heap already.
        for counted in kept.into_iter().take(size).rev() {
            self.add(counted);
        }
    }

    fn add(&mut self, counted: Counted) {
        let slot = self.slots.len();
        self.index.insert(Arc::clone(&counted.key), slot);
        self.slots.push(counted);
        self.places.push(self.heap.len());
        self.heap.push(slot);
        self.rise(self.heap.len().saturating_sub(1));
    }

    /// Throws dice for a chance of one in `count`. The generator is Marsaglia's xorshift (2003).
    fn is_admitted(&mut self, count: u64) -> bool {
        let mut dice = if self.dice == 0 { u64::MAX } else { self.dice };
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        self.dice = dice;
        dice.checked_rem(count).is_none_or(|rest| rest == 0)
    }

    fn take_over_smallest(&mut self, key: Arc<[u8]>) {
        let Some(slot) = self.heap.first().copied() else { return };
        if let Some(counted) = self.slots.get_mut(slot) {
            self.index.remove(&counted.key);
            counted.key = Arc::clone(&key);
            self.index.insert(key, slot);
        }
        self.increment(slot);
    }

    fn increment(&mut self, slot: usize) {
        if let (Some(counted), Some(place)) = (self.slots.get_mut(slot), self.places.get(slot)) {
            counted.count = counted.count.saturating_add(1);
            self.sink(*place);
        }
    }

    fn count_at(&self, place: usize) -> Option<u64> {
        self.heap.get(place).and_then(|slot| self.slots.get(*slot)).map(|counted| counted.count)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        for place in [a, b] {
            if let Some(at) = self.heap.get(place).and_then(|slot| self.places.get_mut(*slot)) {
                *at = place;
            }
        }
    }

    /// Moves the slot at `place` down until no smaller one is below it.
    fn sink(&mut self, mut place: usize) {
        while let Some(count) = self.count_at(place) {
            let left = place.saturating_mul(2).saturating_add(1);
            let children = [left, left.saturating_add(1)];
            let smallest = children
                .into_iter()
                .filter_map(|child| self.count_at(child).map(|count| (count, child)))
                .min();
            match smallest {
                Some((below, child)) if below < count => self.swap(place, child),
                _ => return,
            }
            place = smallest.map_or(place, |(_, child)| child);
        }
    }

    /// Moves the slot at `place` up until no larger one is above it.
    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let above = place.saturating_sub(1) / 2;
            if self.count_at(above) <= self.count_at(place) {
                return;
            }
            self.swap(place, above);
            place = above;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Table = Top<RandomState>;

    fn counts(top: &Table) -> Vec<(String, u64)> {
        let most = top.most().into_iter();
        most.map(|c| (String::from_utf8_lossy(&c.key).into_owned(), c.count)).collect()
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut top = Table::new(3);
        for key in ["a", "b", "a", "c", "b", "a"] {
            top.count(key.as_bytes());
        }
        assert_eq!(counts(&top), [("a".into(), 3), ("b".into(), 2), ("c".into(), 1)]);
        top.clear();
        assert_eq!(counts(&top), []);
    }

    #[test]
    fn nothing_is_counted_in_no_space() {
        let mut top = Table::new(0);
        top.count(b"a");
        assert_eq!(counts(&top), []);
    }

    #[test]
    fn who_is_counted_often_is_found_in_a_crowd() {
        let mut top = Table::new(16);
        for round in 0..20_000_u32 {
            top.count(format!("passer-by {round}").as_bytes());
            for often in 0..4 {
                if round % (often + 1) == 0 {
                    top.count(format!("often {often}").as_bytes());
                }
            }
        }
        let most = counts(&top);
        assert_eq!(most.len(), 16);
        for (often, times) in [(0, 20_000), (1, 10_000), (2, 6_667), (3, 5_000)] {
            let (_, count) = most.iter().find(|(key, _)| *key == format!("often {often}")).unwrap();
            assert!(count.abs_diff(times) < times / 5, "{often}: {count} of {times}");
        }
    }

    #[test]
    fn the_heap_is_one_after_anything() {
        let mut top = Table::new(9);
        for round in 0..5_000_u64 {
            top.count(&(round.wrapping_mul(round) % 23).to_le_bytes());
            if round % 700 == 699 {
                top.resize((round % 13) as usize);
            }
            for place in 1..top.heap.len() {
                assert!(top.count_at((place - 1) / 2) <= top.count_at(place));
                assert_eq!(top.places[top.heap[place]], place);
            }
            assert_eq!(top.index.len(), top.slots.len());
        }
    }

    #[test]
    fn long_keys_are_cut() {
        let mut top = Table::new(2);
        top.count(&[b'x'; 5000]);
        top.count(&[b'x'; 6000]);
        assert_eq!(top.most()[0].key.len(), LONGEST_KEY);
        assert_eq!(top.most()[0].count, 2);
    }
}
