//! A value for whoever acts for the server.

use std::sync::{Mutex, MutexGuard, TryLockError};

/// A value that is used by one at a time, and never waited for.
///
/// The server lets one thread at a time run commands, load and tell of events, so that nobody
/// meets anybody here. But a report of a crash is written wherever the crash was: waiting there for
/// what the crashed thread holds would wait for ever.
pub(crate) struct Exclusive<T>(Mutex<T>);

impl<T> Exclusive<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// The value; nothing while somebody uses it.
    pub(crate) fn try_hold(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(held) => Some(held),
            // Whoever panicked while it was held has been answered, and what it held is whole.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The value, which nobody may be using.
    #[inline]
    pub(crate) fn hold(&self) -> MutexGuard<'_, T> {
        self.try_hold().unwrap_or_else(|| in_use())
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
    use super::*;

    #[test]
    fn nobody_waits_for_what_is_in_use() {
        let value = Exclusive::new(5);
        let held = value.hold();
        assert!(value.try_hold().is_none());
        drop(held);
        assert_eq!(value.try_hold().map(|held| *held), Some(5));
    }

    #[test]
    fn a_panic_leaves_it_usable() {
        let value = Exclusive::new(5);
        let panicked = std::panic::catch_unwind(|| {
            let _held = value.hold();
            let _second = value.hold();
        });
        assert!(panicked.is_err());
        assert_eq!(*value.hold(), 5);
    }
}
