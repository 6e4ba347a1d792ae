//! One receipt: which call it is of, and what it charged.

use std::num::NonZeroU8;

use crate::packed::{U32, U40, U48, U56};

/// What a receipt remembers of a charge that is settled no more: later than any time.
pub(super) const OF_THE_PAST: u64 = U56::MAX;

/// What was charged to one limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where the limiter stands in its key.
    pub(super) limiter: u8,
    /// What it was charged, as settled.
    pub(super) cost: U40,
    /// What tells where the charge went: FIXED, when the window opened; SLIDING, the index of the
    /// window after it; LOG, the time of the entry; TOKEN, the number of the charge among all at
    /// the key; LEAKY, how long to hold.
    pub(super) trace: U56,
}

impl Part {
    /// Nothing, to limiter 0.
    #[inline]
    pub(super) fn none() -> Self {
        Self { limiter: 0, cost: U40::new(0), trace: U56::new(0) }
    }
}

/// A receipt as nearly all are: a short id, one clause, no more than one charge.
#[derive(Clone, Debug)]
struct Usual {
    len: NonZeroU8,
    id: [u8; SHORT_ID],
    time_ms: U48,
    keep_ms: U32,
    part: Part,
}

const SHORT_ID: usize = 16;

/// Any receipt.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    id: Box<[u8]>,
    time_ms: U48,
    keep_ms: U32,
    /// In the order of the clauses. A TOKEN's further ones, behind its first, are what settling
    /// as more has added, the newest last.
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Form {
    Usual(Usual),
    Whole(Box<Whole>),
}

/// What is remembered of a call by its id.
#[derive(Clone, Debug)]
pub(super) struct Receipt(Form);

const _: () = assert!(size_of::<Receipt>() == 40, "a receipt is small");

impl Receipt {
    /// That of a call at `time_ms` which charged `parts`.
    pub(super) fn new(id: &[u8], time_ms: u64, keep_ms: u64, parts: &[Part]) -> Self {
        let (time_ms, keep_ms) = (U48::new(time_ms), U32::new(keep_ms));
        if let ([part], Some((len, id))) = (parts, short(id)) {
            return Self(Form::Usual(Usual { len, id, time_ms, keep_ms, part: *part }));
        }
        let whole = Whole { id: id.into(), time_ms, keep_ms, parts: parts.to_vec() };
        Self(Form::Whole(Box::new(whole)))
    }

    #[inline]
    pub(super) fn id(&self) -> &[u8] {
        match &self.0 {
            Form::Usual(usual) => usual.id.get(..usize::from(usual.len.get())).unwrap_or(&usual.id),
            Form::Whole(whole) => &whole.id,
        }
    }

    /// When the call was, in ms since 1970.
    #[inline]
    pub(super) fn time_ms(&self) -> u64 {
        match &self.0 {
            Form::Usual(usual) => usual.time_ms.get(),
            Form::Whole(whole) => whole.time_ms.get(),
        }
    }

    #[inline]
    pub(super) fn keep_ms(&self) -> u64 {
        match &self.0 {
            Form::Usual(usual) => usual.keep_ms.get(),
            Form::Whole(whole) => whole.keep_ms.get(),
        }
    }

    /// When it is forgotten, in ms since 1970.
    #[inline]
    pub(super) fn forgotten_at_ms(&self) -> u64 {
        self.time_ms().saturating_add(self.keep_ms())
    }

    #[inline]
    pub(super) fn is_known(&self, now_ms: u64) -> bool {
        self.time_ms() <= now_ms && now_ms < self.forgotten_at_ms()
    }

    #[inline]
    pub(super) fn parts(&self) -> &[Part] {
        match &self.0 {
            Form::Usual(usual) => std::slice::from_ref(&usual.part),
            Form::Whole(whole) => &whole.parts,
        }
    }

    #[inline]
    pub(super) fn parts_mut(&mut self) -> &mut [Part] {
        match &mut self.0 {
            Form::Usual(usual) => std::slice::from_mut(&mut usual.part),
            Form::Whole(whole) => &mut whole.parts,
        }
    }

    /// The parts of one limiter, the first of which is at `start`: its limiter, and where they end.
    pub(super) fn group(&self, start: usize) -> Option<(u8, usize)> {
        let limiter = self.parts().get(start)?.limiter;
        let more = self.parts().iter().skip(start).take_while(|part| part.limiter == limiter);
        Some((limiter, start.saturating_add(more.count())))
    }

    /// What stands at each group's first part: the limiters that were charged.
    pub(super) fn limiters(&self) -> impl Iterator<Item = u8> + '_ {
        let chunks = self.parts().chunk_by(|one, next| one.limiter == next.limiter);
        chunks.filter_map(|group| group.first()).map(|part| part.limiter)
    }

    /// Adds `part` at `place`.
    pub(super) fn insert_part(&mut self, place: usize, part: Part) {
        self.become_whole();
        if let Form::Whole(whole) = &mut self.0
            && place <= whole.parts.len()
        {
            whole.parts.reserve_exact(1);
            whole.parts.insert(place, part);
        }
    }

    /// Removes the part at `place`, which is not the only one.
    pub(super) fn remove_part(&mut self, place: usize) {
        if let Form::Whole(whole) = &mut self.0
            && place < whole.parts.len()
        {
            whole.parts.remove(place);
        }
    }

    fn become_whole(&mut self) {
        if let Form::Usual(usual) = &self.0 {
            let whole = Whole {
                id: self.id().into(),
                time_ms: usual.time_ms,
                keep_ms: usual.keep_ms,
                parts: vec![usual.part],
            };
            self.0 = Form::Whole(Box::new(whole));
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Usual(_) => 0,
            Form::Whole(whole) => {
                let parts = whole.parts.capacity().saturating_mul(size_of::<Part>());
                size_of::<Whole>().saturating_add(whole.id.len()).saturating_add(parts)
            }
        }
    }

    /// Allocations on the heap.
    pub(super) fn allocations(&self) -> usize {
        match &self.0 {
            Form::Usual(_) => 0,
            Form::Whole(_) => 3,
        }
    }

    /// Offers every allocation to `relocate`.
    pub(super) fn relocate(&mut self, relocate: &mut impl crate::relocate::Relocate) {
        if let Form::Whole(whole) = &mut self.0 {
            relocate.boxed(whole);
            let mut id = std::mem::take(&mut whole.id).into_vec();
            relocate.vec(&mut id);
            whole.id = id.into_boxed_slice();
            relocate.vec(&mut whole.parts);
        }
    }
}

/// An id that fits into a receipt itself.
fn short(id: &[u8]) -> Option<(NonZeroU8, [u8; SHORT_ID])> {
    let mut bytes = [0; SHORT_ID];
    bytes.get_mut(..id.len())?.copy_from_slice(id);
    Some((NonZeroU8::new(u8::try_from(id.len()).ok()?)?, bytes))
}
