//! The limiters of limits on trial: ordinary ones, in a list of their own beside the real ones.

use crate::algorithm::Algorithm;
use crate::bounds::MAX_LIMITERS;
use crate::bytes::{Sink, Source};
use crate::limiter::{Change, Limiter};
use crate::now::Now;
use crate::relocate::Relocate;
use crate::unused::drop_unused;

/// Limiters on trial, in the order of their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shadows(Vec<Limiter>);

impl Shadows {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[Limiter] {
        &self.0
    }

    pub(crate) fn find(&self, id: (Algorithm, u64)) -> Option<&Limiter> {
        self.0.iter().find(|limiter| limiter.id() == id)
    }

    /// How many are in use.
    pub(crate) fn in_use(&self, now: Now) -> usize {
        self.0.iter().filter(|limiter| limiter.is_in_use(now)).count()
    }

    /// Puts `change` in place. A limiter that is new pushes out those that are unused.
    pub(crate) fn apply(&mut self, change: Change, now: Now) {
        let id = change.id();
        if let Some(limiter) = self.0.iter_mut().find(|limiter| limiter.id() == id) {
            return limiter.apply(change, now);
        }
        let Some(new) = change.into_limiter(now) else { return };
        drop_unused(&mut self.0, 0, now);
        let place = self.0.partition_point(|limiter| limiter.id() < id);
        self.0.reserve_exact(1);
        self.0.insert(place, new);
    }

    /// Forgets all of them once the last is unused.
    pub(crate) fn shed(&mut self, now: Now) {
        if !self.0.iter().any(|limiter| limiter.is_in_use(now)) {
            self.0 = Vec::new();
        }
    }

    /// When all of them are unused by their recorded numbers, in ms since 1970.
    pub(crate) fn unused_at_ms(&self) -> u64 {
        self.0.iter().map(Limiter::unused_at_ms).max().unwrap_or(0)
    }

    /// Writes them: how many 1, and each.
    pub(crate) fn put(&self, sink: &mut impl Sink) {
        sink.put::<1>(self.0.len() as u64);
        self.0.iter().for_each(|limiter| limiter.put(sink));
    }

    /// Reads what [`Shadows::put`] wrote; nothing if no calls could have recorded it.
    pub(crate) fn take(source: &mut Source<'_>) -> Option<Self> {
        let mut limiters: Vec<Limiter> = Vec::new();
        for _ in 0..source.take::<1>()? {
            let limiter = Limiter::take(source)?;
            let in_order = limiters.last().is_none_or(|last| last.id() < limiter.id());
            if !in_order || limiters.len() == MAX_LIMITERS {
                return None;
            }
            limiters.push(limiter);
        }
        (!limiters.is_empty()).then_some(Self(limiters))
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let own = self.0.capacity().saturating_mul(size_of::<Limiter>());
        self.0.iter().map(Limiter::heap_bytes).fold(own, usize::saturating_add)
    }

    /// Allocations on the heap.
    pub(crate) fn allocations(&self) -> usize {
        self.0.iter().map(Limiter::allocations).fold(1, usize::saturating_add)
    }

    /// Offers every allocation to `relocate`.
    pub(crate) fn relocate(&mut self, relocate: &mut impl Relocate) {
        relocate.vec(&mut self.0);
        self.0.iter_mut().for_each(|limiter| limiter.relocate(relocate));
    }
}
