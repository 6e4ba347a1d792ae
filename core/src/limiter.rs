//! One limiter of a key, and what a call changes of it: any of the algorithms'.

use crate::algorithm::Algorithm;
use crate::algorithms::*;
use crate::bytes::{Encoded, Reach, Sink, Source};
use crate::clause::Clause;
use crate::for_each_algorithm;
use crate::now::Now;
use crate::relocate::Relocate;

macro_rules! define {
    ($(
        $(#[$doc:meta])*
        $algorithm:ident $name:literal $word:literal ($($argument:ident)*)
            tag $tag:literal holds $stored:ty, changes by $change:ty, stands as $standing:ty;
    )*) => {
        /// What is recorded of one limiter, with the numbers of its last charged call.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Limiter {
            $($(#[$doc])* $algorithm($stored),)*
        }

        /// What a call changes: the limiter as it is from now on, or what to append to a log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Change {
            $($(#[$doc])* $algorithm($change),)*
        }

        /// Runs `$body` on what the limiter or change holds, whichever algorithm's it is.
        macro_rules! each {
            ($kind:ident, $of:expr, $held:ident => $body:expr) => {
                match $of {
                    $($kind::$algorithm($held) => $body,)*
                }
            };
        }

        impl Limiter {
            /// How it counts.
            #[inline]
            #[must_use]
            pub fn algorithm(&self) -> Algorithm {
                match self {
                    $(Self::$algorithm(_) => Algorithm::$algorithm,)*
                }
            }

            /// Whether `change`, which is of this limiter, leaves every recorded number in its
            /// range.
            pub(crate) fn accepts(&self, change: &Change, now: Now) -> bool {
                match (self, change) {
                    $((Self::$algorithm(state), Change::$algorithm(change)) => {
                        state.accepts(change, now)
                    })*
                    _ => false,
                }
            }

            /// Puts `change`, which is of this limiter, in place.
            #[inline(always)]
            pub(crate) fn apply(&mut self, change: Change, now: Now) {
                match change {
                    $(Change::$algorithm(change) => if let Self::$algorithm(state) = self {
                        state.apply(change, now);
                    })*
                }
            }

            /// Writes it: its algorithm's tag, and its state.
            pub fn put(&self, sink: &mut impl Sink) {
                match self {
                    $(Self::$algorithm(state) => {
                        sink.put_slice(&[$tag]);
                        state.put(sink);
                    })*
                }
            }

            pub(crate) fn take_within(source: &mut Source<'_>, reach: Reach) -> Option<Self> {
                match source.take_bytes::<1>()? {
                    $([$tag] => Encoded::take(source, reach).map(Self::$algorithm),)*
                    _ => None,
                }
            }
        }

        impl Change {
            /// How the limiter counts.
            #[inline]
            #[must_use]
            pub fn algorithm(&self) -> Algorithm {
                match self {
                    $(Self::$algorithm(_) => Algorithm::$algorithm,)*
                }
            }

            /// The limiter that the change makes where there was none; none if it charges nothing.
            #[inline(always)]
            pub(crate) fn into_limiter(self, now: Now) -> Option<Limiter> {
                match self {
                    $(Self::$algorithm(change) => {
                        State::from_change(change, now).map(Limiter::$algorithm)
                    })*
                }
            }

            /// Writes it: its algorithm's tag, and what changes.
            #[inline]
            pub fn put(&self, sink: &mut impl Sink) {
                match self {
                    $(Self::$algorithm(change) => {
                        sink.put_slice(&[$tag]);
                        change.put(sink);
                    })*
                }
            }

            fn take_within(source: &mut Source<'_>, reach: Reach) -> Option<Self> {
                match source.take_bytes::<1>()? {
                    $([$tag] => Encoded::take(source, reach).map(Self::$algorithm),)*
                    _ => None,
                }
            }
        }
    };
}

for_each_algorithm!(define);

impl Limiter {
    /// Reads what [`Limiter::put`] wrote; nothing if no call could have recorded it.
    #[must_use]
    pub fn take(source: &mut Source<'_>) -> Option<Self> {
        Self::take_within(source, Reach::Calls)
    }

    /// Whether calls alone could have left it so: no settle left its use at 0 or above its limit.
    pub(crate) fn is_plain(&self) -> bool {
        each!(Limiter, self, state => State::is_plain(state))
    }

    /// Whether its recorded time is later than `now`.
    pub(crate) fn is_ahead(&self, now: Now) -> bool {
        each!(Limiter, self, state => State::is_ahead(state, now))
    }

    /// Its period, in ms.
    #[inline]
    #[must_use]
    pub fn period_ms(&self) -> u64 {
        each!(Limiter, self, state => state.period_ms())
    }

    /// What sets limiters of a key apart, and orders them.
    #[inline]
    #[must_use]
    pub fn id(&self) -> (Algorithm, u64) {
        (self.algorithm(), self.period_ms())
    }

    /// The numbers recorded with it.
    #[must_use]
    pub fn clause(&self) -> Clause {
        let algorithm = self.algorithm();
        each!(Limiter, self, state => State::clause(state, algorithm))
    }

    /// When it is as if never used by its recorded numbers, in ms since 1970.
    #[inline]
    #[must_use]
    pub fn unused_at_ms(&self) -> u64 {
        each!(Limiter, self, state => State::unused_at_ms(state))
    }

    /// Whether it is in use by its recorded numbers.
    #[inline]
    #[must_use]
    pub fn is_in_use(&self, now: Now) -> bool {
        self.unused_at_ms() > now.ms()
    }

    /// Whether it can be freed at once, within one call.
    pub(crate) fn is_small(&self) -> bool {
        each!(Limiter, self, state => state.is_small())
    }

    /// Frees a part of it that no longer counts, as much as one call should.
    pub(crate) fn shrink(&mut self) {
        each!(Limiter, self, state => state.shrink());
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        each!(Limiter, self, state => state.heap_bytes())
    }

    /// Allocations on the heap.
    pub(crate) fn allocations(&self) -> usize {
        each!(Limiter, self, state => state.allocations())
    }

    /// Offers every allocation to `relocate`.
    pub(crate) fn relocate(&mut self, relocate: &mut impl Relocate) {
        each!(Limiter, self, state => state.relocate(relocate));
    }
}

impl Change {
    /// Reads what [`Change::put`] wrote; nothing if no call could have made it.
    #[must_use]
    pub fn take(source: &mut Source<'_>) -> Option<Self> {
        Self::take_within(source, Reach::Calls)
    }

    /// The same at a key that has or had receipts, where a move may be one of a limiter whose use
    /// is 0 or above its limit.
    #[must_use]
    pub fn take_settled(source: &mut Source<'_>) -> Option<Self> {
        Self::take_within(source, Reach::Settles)
    }

    /// Which limiter of a key is meant.
    #[inline]
    #[must_use]
    pub fn id(&self) -> (Algorithm, u64) {
        (self.algorithm(), each!(Change, self, change => change.period_ms()))
    }

    /// Whether every number is one that [`decide`](crate::decide) could have made.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        each!(Change, self, change => change.is_valid())
    }
}
