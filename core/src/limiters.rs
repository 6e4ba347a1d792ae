//! The limiters of one key.

use crate::algorithm::Algorithm;
use crate::bounds::MAX_LIMITERS;
use crate::holdings::Holdings;
use crate::limiter::{Change, Limiter};
use crate::now::Now;
use crate::relocate::Relocate;
use crate::unused::{drop_unused, is_named};

/// What a key holds: one limiter or more, ordered by algorithm and period.
#[derive(Clone, Debug)]
pub enum Limiters {
    /// The one limiter that nearly every key has, without a further allocation.
    One(Limiter),
    /// Several; never empty.
    Many(Vec<Limiter>),
    /// Any number, even none, with something beside them: receipts, shadows, leases, a ban.
    Mixed(Box<Holdings>),
}

const _: () = assert!(size_of::<Limiters>() == 32, "a key's limiters are one small allocation");

impl Limiters {
    /// What `changes` make of a key that does not exist; nothing if they admit nothing.
    #[must_use]
    pub fn from_changes(changes: impl Iterator<Item = Change>, now: Now) -> Option<Self> {
        let mut made: Option<Self> = None;
        for change in changes {
            match &mut made {
                Some(limiters) => limiters.apply(change, now),
                None => made = change.into_limiter(now).map(Self::One),
            }
        }
        made
    }

    /// The limiters in `sorted`, which are in the order of their ids; none if it is empty.
    #[must_use]
    pub fn from_sorted(mut sorted: Vec<Limiter>) -> Option<Self> {
        match sorted.len() {
            0 => None,
            1 => sorted.pop().map(Self::One),
            _ => Some(Self::Many(sorted)),
        }
    }

    /// All of them, in the order of their ids.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[Limiter] {
        match self {
            Self::One(limiter) => std::slice::from_ref(limiter),
            Self::Many(limiters) => limiters,
            Self::Mixed(holdings) => holdings.limiters(),
        }
    }

    #[inline]
    fn as_mut_slice(&mut self) -> &mut [Limiter] {
        match self {
            Self::One(limiter) => std::slice::from_mut(limiter),
            Self::Many(limiters) => limiters,
            Self::Mixed(holdings) => holdings.limiters_mut(),
        }
    }

    /// The limiter of this algorithm and period.
    #[inline]
    #[must_use]
    pub fn find(&self, id: (Algorithm, u64)) -> Option<&Limiter> {
        self.as_slice().iter().find(|limiter| limiter.id() == id)
    }

    /// The limiter at that place.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut Limiter> {
        self.as_mut_slice().get_mut(place)
    }

    /// Puts `change` in place. A limiter that is new pushes out those that are unused.
    #[inline(always)]
    pub fn apply(&mut self, change: Change, now: Now) {
        if let Self::Mixed(holdings) = self {
            return holdings.apply(change, now);
        }
        let id = change.id();
        match self.as_mut_slice().iter_mut().find(|limiter| limiter.id() == id) {
            Some(limiter) => limiter.apply(change, now),
            None => self.insert(change, now),
        }
    }

    fn insert(&mut self, change: Change, now: Now) {
        let Some(new) = change.into_limiter(now) else { return };
        if let Self::One(_) = self {
            let Self::One(first) = std::mem::replace(self, Self::Many(Vec::with_capacity(2)))
            else {
                return;
            };
            if let Self::Many(limiters) = self {
                limiters.push(first);
            }
        }
        if let Self::Many(limiters) = self {
            drop_unused(limiters, 0, now);
            let place = limiters.partition_point(|limiter| limiter.id() < new.id());
            limiters.reserve_exact(1);
            limiters.insert(place, new);
        }
    }

    /// Whether all of `ids`, no two the same, can be in use here together with what is.
    #[must_use]
    pub fn has_room_for(&self, ids: &[(Algorithm, u64)], now: Now) -> bool {
        self.in_use_beside(ids, now).saturating_add(ids.len()) <= MAX_LIMITERS
    }

    /// How many limiters are in use but those of `ids`, lease sets, shadows and bans being as many.
    pub(crate) fn in_use_beside(&self, ids: &[(Algorithm, u64)], now: Now) -> usize {
        let (named, others) = match self {
            Self::Mixed(holdings) => (holdings.ledger().named(now), holdings.others_in_use(now)),
            _ => (0, 0),
        };
        let limiters = self.as_slice().iter().enumerate();
        let in_use = limiters
            .filter(|(at, limiter)| limiter.is_in_use(now) || is_named(named, *at))
            .filter(|(_, limiter)| !ids.contains(&limiter.id()))
            .count();
        in_use.saturating_add(others)
    }

    /// How many limiters there are, in use or not, lease sets, shadows and bans being as many.
    #[inline]
    pub(crate) fn places(&self) -> usize {
        let others = match self {
            Self::Mixed(holdings) => holdings.others(),
            _ => 0,
        };
        self.as_slice().len().saturating_add(others)
    }

    /// Whether `change` leaves every recorded number in its range. Those that
    /// [`decide`](crate::decide) makes do; one that comes from elsewhere may not.
    #[must_use]
    pub fn can_apply(&self, change: &Change, now: Now) -> bool {
        match self.find(change.id()) {
            Some(limiter) => limiter.accepts(change, now),
            None => self.has_room_for(&[change.id()], now),
        }
    }

    /// When all limiters are unused by their recorded numbers, all receipts and bans forgotten and
    /// all leases ended, in ms since 1970.
    #[inline]
    #[must_use]
    pub fn unused_at_ms(&self) -> u64 {
        if let Self::Mixed(holdings) = self {
            return holdings.unused_at_ms();
        }
        self.as_slice().iter().map(Limiter::unused_at_ms).max().unwrap_or(0)
    }

    /// Bytes on the heap, without the 32 of this value itself.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let own = match self {
            Self::One(_) => 0,
            Self::Many(limiters) => limiters.capacity().saturating_mul(size_of::<Limiter>()),
            Self::Mixed(holdings) => holdings.heap_bytes(),
        };
        self.as_slice().iter().map(Limiter::heap_bytes).fold(own, usize::saturating_add)
    }

    /// How many allocations there are to free, this value's own counted.
    #[must_use]
    pub fn allocations(&self) -> usize {
        let own = match self {
            Self::Mixed(holdings) => holdings.allocations(),
            _ => 2,
        };
        self.as_slice().iter().map(Limiter::allocations).fold(own, usize::saturating_add)
    }

    /// Offers every allocation to `relocate`.
    pub fn relocate(&mut self, relocate: &mut impl Relocate) {
        match self {
            Self::One(_) => {}
            Self::Many(limiters) => relocate.vec(limiters),
            Self::Mixed(holdings) => {
                relocate.boxed(holdings);
                holdings.relocate(relocate);
            }
        }
        for limiter in self.as_mut_slice() {
            limiter.relocate(relocate);
        }
    }
}
