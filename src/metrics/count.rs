//! Counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count. The server's one thread counts, so no locked instruction is needed.
#[derive(Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more.
    #[inline]
    pub(crate) fn add(&self) {
        self.0.store(self.get().wrapping_add(1), Ordering::Relaxed);
    }

    /// So many more.
    #[inline]
    pub(crate) fn add_many(&self, more: u64) {
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often allowed, and how often denied.
#[derive(Debug)]
pub(crate) struct Decisions {
    allowed: Count,
    denied: Count,
}

impl Decisions {
    pub(crate) const fn new() -> Self {
        Self { allowed: Count::new(), denied: Count::new() }
    }

    #[inline]
    pub(crate) fn add(&self, allowed: bool) {
        if allowed { self.allowed.add() } else { self.denied.add() }
    }

    /// How often allowed.
    pub(crate) fn allowed(&self) -> u64 {
        self.allowed.get()
    }

    /// How often denied.
    pub(crate) fn denied(&self) -> u64 {
        self.denied.get()
    }
}
