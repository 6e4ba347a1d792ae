//! Many ids that are looked for at once.

use super::id::{ChargeId, mark};

/// How many marks there are.
const MARKS: usize = 1 << 16;

/// Ids in an order in which they are found fast, and which marks they have.
pub(crate) struct Names<'a> {
    /// Each id, and its place among those that were given.
    sorted: Vec<(&'a [u8], usize)>,
    is_mark: Vec<bool>,
}

impl<'a> Names<'a> {
    /// `ids`, of which one that is there twice is found at its first place.
    pub(crate) fn new(ids: &'a [ChargeId]) -> Self {
        let named = ids.iter().enumerate().map(|(place, id)| (id.as_bytes(), place));
        let mut sorted: Vec<_> = named.collect();
        sorted.sort_unstable();
        sorted.dedup_by_key(|(id, _)| *id);
        let mut is_mark = vec![false; MARKS];
        for (id, _) in &sorted {
            if let Some(is_mark) = is_mark.get_mut(usize::from(mark(id))) {
                *is_mark = true;
            }
        }
        Self { sorted, is_mark }
    }

    /// Whether one of them may have that mark.
    #[inline]
    pub(super) fn have(&self, mark: u16) -> bool {
        self.is_mark.get(usize::from(mark)).is_some_and(|is_mark| *is_mark)
    }

    /// The place of `id` among those that were given.
    pub(crate) fn find(&self, id: &[u8]) -> Option<usize> {
        if !self.have(mark(id)) {
            return None;
        }
        let found = self.sorted.binary_search_by(|(other, _)| (*other).cmp(id)).ok()?;
        self.sorted.get(found).map(|(_, place)| *place)
    }
}
