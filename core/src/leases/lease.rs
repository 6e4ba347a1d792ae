//! One lease: who holds how many places, and until when.

use std::num::NonZeroU8;

use crate::packed::{U24, U40, U48};
use crate::relocate::Relocate;

const SHORT_ID: usize = 16;

/// An id of up to 16 bytes is kept in place.
#[derive(Clone, Debug)]
enum Holder {
    Short(NonZeroU8, [u8; SHORT_ID]),
    Long(Box<[u8]>),
}

/// What is recorded of a lease.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    holder: Holder,
    start_ms: U48,
    duration_ms: U40,
    places: U24,
}

const _: () = assert!(size_of::<Lease>() == 40, "a lease is small");

impl Lease {
    pub(super) fn new(id: &[u8], start_ms: u64, duration_ms: u64, places: u64) -> Self {
        let holder = match short(id) {
            Some((len, id)) => Holder::Short(len, id),
            None => Holder::Long(id.into()),
        };
        let (start_ms, duration_ms) = (U48::new(start_ms), U40::new(duration_ms));
        Self { holder, start_ms, duration_ms, places: packed_places(places) }
    }

    #[inline]
    pub(super) fn id(&self) -> &[u8] {
        match &self.holder {
            Holder::Short(len, id) => id.get(..usize::from(len.get())).unwrap_or(id),
            Holder::Long(id) => id,
        }
    }

    /// When it began, in ms since 1970.
    #[inline]
    pub(super) fn start_ms(&self) -> u64 {
        self.start_ms.get()
    }

    #[inline]
    pub(super) fn duration_ms(&self) -> u64 {
        self.duration_ms.get()
    }

    #[inline]
    pub(super) fn places(&self) -> u64 {
        self.places.get().into()
    }

    /// When it ends, in ms since 1970.
    #[inline]
    pub(super) fn end_ms(&self) -> u64 {
        self.start_ms().saturating_add(self.duration_ms())
    }

    /// When it ends for a call at `now_ms`, to which a start in the future is now.
    #[inline]
    pub(super) fn end_seen_at(&self, now_ms: u64) -> u64 {
        self.start_ms().min(now_ms).saturating_add(self.duration_ms())
    }

    /// Has it begin at `start_ms`.
    pub(super) fn start_at(&mut self, start_ms: u64) {
        self.start_ms = U48::new(start_ms);
    }

    /// Has it last for `duration_ms`.
    pub(super) fn last_for(&mut self, duration_ms: u64) {
        self.duration_ms = U40::new(duration_ms);
    }

    /// Has it hold so many places.
    pub(super) fn hold(&mut self, places: u64) {
        self.places = packed_places(places);
    }

    /// Bytes on the heap, in one allocation if there are any.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.holder {
            Holder::Short(..) => 0,
            Holder::Long(id) => id.len(),
        }
    }

    /// Offers every allocation to `relocate`.
    pub(super) fn relocate(&mut self, relocate: &mut impl Relocate) {
        if let Holder::Long(id) = &mut self.holder {
            let mut bytes = std::mem::take(id).into_vec();
            relocate.vec(&mut bytes);
            *id = bytes.into_boxed_slice();
        }
    }
}

fn packed_places(places: u64) -> U24 {
    U24::new(u32::try_from(places).unwrap_or(U24::MAX))
}

fn short(id: &[u8]) -> Option<(NonZeroU8, [u8; SHORT_ID])> {
    let mut bytes = [0; SHORT_ID];
    bytes.get_mut(..id.len())?.copy_from_slice(id);
    Some((NonZeroU8::new(u8::try_from(id.len()).ok()?)?, bytes))
}
