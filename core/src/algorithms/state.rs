//! What every algorithm can tell of what it has recorded, and of what a call changes of it.

use crate::algorithm::Algorithm;
use crate::bytes::{Encoded, Reach};
use crate::clause::Clause;
use crate::now::Now;
use crate::relocate::Relocate;

/// What is recorded of a limiter, or what a call changes of it.
pub(crate) trait Record {
    /// The period of the limiter that is meant, in ms.
    fn period_ms(&self) -> u64;

    /// Whether every number is one that a call could have recorded.
    fn is_valid(&self) -> bool;

    /// Whether every number is one that a call or a settle could have recorded.
    fn is_settled(&self) -> bool {
        self.is_valid()
    }

    /// Whether every number is within `reach`.
    fn is_within(&self, reach: Reach) -> bool {
        match reach {
            Reach::Calls => self.is_valid(),
            Reach::Settles => self.is_settled(),
        }
    }
}

/// The recorded use of one limiter, with the numbers of its last charged call.
pub(crate) trait State: Record + Encoded {
    /// What a call changes of it.
    type Change: Record + Encoded;

    /// The numbers recorded with it, as a clause of `algorithm`.
    fn clause(&self, algorithm: Algorithm) -> Clause;

    /// When it is as if never used by its recorded numbers, in ms since 1970.
    fn unused_at_ms(&self) -> u64;

    /// Whether a recorded time is later than `now`: the clock stepped back.
    fn is_ahead(&self, now: Now) -> bool;

    /// The change that brings a recorded time from the future to now.
    fn move_to(&self, now: Now) -> Self::Change;

    /// Whether calls alone could have left it so. A settle may leave it otherwise.
    fn is_plain(&self) -> bool {
        self.is_valid()
    }

    /// Whether a charge now needs memory that is not there yet.
    fn grows(&self, _now: Now) -> bool {
        false
    }

    /// Whether `change` leaves every recorded number in its range.
    fn accepts(&self, _change: &Self::Change, _now: Now) -> bool {
        true
    }

    /// Puts `change` in place.
    fn apply(&mut self, change: Self::Change, now: Now);

    /// What `change` makes where nothing was recorded; nothing if it charges nothing.
    fn from_change(change: Self::Change, now: Now) -> Option<Self>;

    /// Whether it can be freed at once, within one call.
    fn is_small(&self) -> bool {
        true
    }

    /// Frees a part of it that no longer counts, as much as one call should.
    fn shrink(&mut self) {}

    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// Allocations on the heap.
    fn allocations(&self) -> usize {
        0
    }

    /// Offers every allocation to `relocate`.
    fn relocate(&mut self, _relocate: &mut impl Relocate) {}
}

/// A record of fixed size, which a call replaces as a whole: nearly every algorithm's.
pub(crate) trait PlainState: Record + Encoded + Copy {
    /// See [`State::clause`].
    fn clause(&self, algorithm: Algorithm) -> Clause;

    /// See [`State::unused_at_ms`].
    fn unused_at_ms(&self) -> u64;

    /// See [`State::is_ahead`].
    fn is_ahead(&self, now: Now) -> bool;

    /// The same use, as of now.
    fn moved_to(&self, now: Now) -> Self;
}

impl<T: PlainState> State for T {
    type Change = Self;

    #[inline]
    fn clause(&self, algorithm: Algorithm) -> Clause {
        PlainState::clause(self, algorithm)
    }

    #[inline(always)]
    fn unused_at_ms(&self) -> u64 {
        PlainState::unused_at_ms(self)
    }

    #[inline(always)]
    fn is_ahead(&self, now: Now) -> bool {
        PlainState::is_ahead(self, now)
    }

    #[inline]
    fn move_to(&self, now: Now) -> Self {
        self.moved_to(now)
    }

    #[inline(always)]
    fn apply(&mut self, change: Self, _now: Now) {
        *self = change;
    }

    #[inline(always)]
    fn from_change(change: Self, _now: Now) -> Option<Self> {
        Some(change)
    }
}

/// Declares a record of packed fields, which are its bytes in that order.
macro_rules! record {
    ($(#[$doc:meta])* pub struct $record:ident {
        $($(#[$field_doc:meta])* pub $field:ident: $packed:ident,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $record {
            $($(#[$field_doc])* pub $field: $packed,)*
        }

        impl $crate::bytes::Encoded for $record {
            #[inline]
            fn put(&self, sink: &mut impl $crate::bytes::Sink) {
                $(sink.put_slice(self.$field.as_bytes());)*
            }

            fn take(
                source: &mut $crate::bytes::Source<'_>,
                reach: $crate::bytes::Reach,
            ) -> Option<Self> {
                let read = Self { $($field: $packed::from_bytes(source.take_bytes()?),)* };
                $crate::algorithms::Record::is_within(&read, reach).then_some(read)
            }
        }
    };
}
pub(crate) use record;
