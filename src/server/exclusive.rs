//! A value for whoever acts for the server.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// A value that is used by one at a time, and never waited for.
///
/// The server lets one thread at a time run commands, load and tell of events, so that nobody
/// meets anybody here. But a report of a crash is written wherever the crash was: waiting there for
/// what the crashed thread holds would wait for ever.
pub(crate) struct Exclusive<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through `Held` only, of which there is one at a time.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// The value; nothing while somebody uses it.
    #[inline]
    pub(crate) fn try_hold(&self) -> Option<Held<'_, T>> {
        (!self.held.swap(true, Ordering::Acquire)).then(|| Held(self))
    }

    /// The value, which nobody may be using.
    #[inline]
    pub(crate) fn hold(&self) -> Held<'_, T> {
        self.try_hold().unwrap_or_else(|| in_use())
    }
}

/// The value in use, until this is dropped: also where somebody panics, who has been answered then,
/// and whatever was held is whole.
pub(crate) struct Held<'a, T>(&'a Exclusive<T>);

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: whoever has this is the only one.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Held<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.held.store(false, Ordering::Release);
    }
}

#[cold]
#[inline(never)]
#[expect(clippy::panic, reason = "it cannot be; the guard would answer, where a lock would wait")]
fn in_use() -> ! {
    panic!("used by two at a time")
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use super::*;

    #[test]
    fn nobody_waits_for_what_is_in_use() {
        let value = Exclusive::new(5);
        let mut held = value.hold();
        *held += 1;
        assert!(value.try_hold().is_none());
        drop(held);
        assert_eq!(value.try_hold().map(|held| *held), Some(6));
    }

    #[test]
    fn a_panic_leaves_it_usable() {
        let value = Exclusive::new(5);
        let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let _held = value.hold();
            let _second = value.hold();
        }));
        assert!(panicked.is_err());
        assert_eq!(*value.hold(), 5);
    }
}
