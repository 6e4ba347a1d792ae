//! How an id is found among many: to look for it is to look through short digests.

use std::collections::VecDeque;

use super::id::mark;
use super::names::Names;
use crate::queue;
use crate::relocate::Relocate;

/// How many marks are compared at once.
const AT_ONCE: usize = 64;

/// A digest of each id, in the order of what the ids are of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(VecDeque<u16>);

impl Marks {
    /// The first place at which `is_it` finds `id`, asked only where the digest is that of `id`.
    #[inline]
    pub(crate) fn find(&self, id: &[u8], is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let wanted = mark(id);
        let (front, back) = self.0.as_slices();
        let in_front = places(front, wanted).find(|place| is_it(*place));
        in_front.or_else(|| {
            let behind = places(back, wanted).map(|place| place.saturating_add(front.len()));
            behind.into_iter().find(|place| is_it(*place))
        })
    }

    /// The places at which one of `names` may stand.
    pub(crate) fn places_of(&self, names: &Names<'_>) -> impl Iterator<Item = usize> {
        let marks = self.0.iter().enumerate();
        marks.filter_map(|(place, mark)| names.have(*mark).then_some(place))
    }

    /// Puts `id` at `place`, where there are at most `most`.
    pub(crate) fn insert(&mut self, place: usize, id: &[u8], most: usize) {
        queue::for_one_more(&mut self.0, most);
        self.0.insert(place, mark(id));
    }

    /// Puts `id` behind all others, where there are at most `most`.
    pub(crate) fn push_back(&mut self, id: &[u8], most: usize) {
        queue::for_one_more(&mut self.0, most);
        self.0.push_back(mark(id));
    }

    pub(crate) fn pop_front(&mut self) {
        self.0.pop_front();
    }

    pub(crate) fn remove(&mut self, place: usize) {
        self.0.remove(place);
    }

    /// Becomes those of `ids`.
    pub(crate) fn refill<'a>(&mut self, ids: impl Iterator<Item = &'a [u8]>) {
        self.0.clear();
        self.0.extend(ids.map(mark));
    }

    /// Frees memory where most of a crowd has gone.
    pub(crate) fn give_back(&mut self) {
        queue::give_back(&mut self.0);
    }

    /// Bytes on the heap, in one allocation.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity().saturating_mul(size_of::<u16>())
    }

    /// Offers the allocation to `relocate`.
    pub(crate) fn relocate(&mut self, relocate: &mut impl Relocate) {
        queue::relocate(&mut self.0, relocate);
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
