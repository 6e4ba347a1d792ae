//! What is counted: decisions, errors, and the keys that are denied most.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rl_core::{Algorithm, Clause, Verdict};

use crate::policies::Policies;
use crate::settings::TOP_SIZE;
use crate::top::Top;

/// A count. The server's one thread counts, so no locked instruction is needed.
#[derive(Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more.
    #[inline]
    pub(crate) fn add(&self) {
        self.0.store(self.get().wrapping_add(1), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
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
}

/// Calls, by their verdict as a whole.
static CALLS: Decisions = Decisions::new();

/// Clauses, by their own verdict: a call of a single limit has one.
static CLAUSES: [Decisions; Algorithm::ALL.len()] =
    [const { Decisions::new() }; Algorithm::ALL.len()];

/// Errors that were answered.
pub(crate) static ERRORS: Count = Count::new();

/// Counts a call and its clauses.
#[inline]
pub(crate) fn decided(allowed: bool, clauses: &[Clause], verdicts: &[Verdict]) {
    CALLS.add(allowed);
    for (clause, verdict) in clauses.iter().zip(verdicts) {
        if let Some(decisions) = CLAUSES.get(clause.algorithm as usize) {
            decisions.add(verdict.allowed);
        }
    }
}

/// What INFO shows, in order.
pub(crate) fn fields(mut field: impl FnMut(&str, u64)) {
    field("decisions_allowed", CALLS.allowed.get());
    field("decisions_denied", CALLS.denied.get());
    for (algorithm, decisions) in Algorithm::ALL.into_iter().zip(&CLAUSES) {
        let name = algorithm.name();
        field(&format!("{name}_allowed"), decisions.allowed.get());
        field(&format!("{name}_denied"), decisions.denied.get());
    }
    field("errors", ERRORS.get());
    let policies = Policies::in_force();
    field("policies", policies.len() as u64);
    for (name, policy) in policies.iter() {
        // In INFO a colon ends the field's name.
        let name = name.replace(':', "|");
        field(&format!("policy_{name}_allowed"), policy.decisions.allowed.get());
        field(&format!("policy_{name}_denied"), policy.decisions.denied.get());
    }
}

/// Keyed by a fast hash that differs from process to process, so that nobody can aim at it.
type Table = Top<foldhash::fast::RandomState>;

static TOP: Mutex<Option<Table>> = Mutex::new(None);

/// Counts a denied call of `key`.
#[inline]
pub(crate) fn denied(key: &[u8]) {
    if TOP_SIZE.get() > 0 {
        with_top(|top| top.count(key));
    }
}

/// Gives the table of the keys that are denied most, as large as it is set to be.
pub(crate) fn with_top<T>(use_it: impl FnOnce(&mut Table) -> T) -> T {
    let size = usize::try_from(TOP_SIZE.get()).unwrap_or(0);
    let mut held: MutexGuard<'_, _> = TOP.lock().unwrap_or_else(PoisonError::into_inner);
    let top = held.get_or_insert_with(|| Top::new(size));
    if top.size() != size {
        top.resize(size);
    }
    use_it(top)
}
