//! What is counted: decisions, errors, and the keys that are denied most.

use std::sync::atomic::{AtomicU64, Ordering};

use rl_core::{Algorithm, Clause, Verdict};

use crate::policies::Policies;
use crate::server::exclusive::Exclusive;
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

/// What INFO shows, in order: the parts of each name, and its value. The report of a crash goes
/// without the policies, since what crashed may have been changing them.
pub(crate) fn fields(for_crash_report: bool, field: &mut dyn FnMut(&[&str], u64)) {
    field(&["decisions_allowed"], CALLS.allowed.get());
    field(&["decisions_denied"], CALLS.denied.get());
    for (algorithm, decisions) in Algorithm::ALL.into_iter().zip(&CLAUSES) {
        let name = algorithm.name();
        field(&[name, "_allowed"], decisions.allowed.get());
        field(&[name, "_denied"], decisions.denied.get());
    }
    field(&["errors"], ERRORS.get());
    if for_crash_report {
        return;
    }
    let Some(policies) = Policies::in_force_if_free() else { return };
    field(&["policies"], policies.len() as u64);
    for (name, policy) in policies.iter() {
        field(&["policy_", name, "_allowed"], policy.decisions.allowed.get());
        field(&["policy_", name, "_denied"], policy.decisions.denied.get());
    }
}

/// Keyed by a fast hash that differs from process to process, so that nobody can aim at it.
type Table = Top<foldhash::fast::RandomState>;

static TOP: Exclusive<Option<Table>> = Exclusive::new(None);

/// Counts a denied call of `key`.
#[inline]
pub(crate) fn denied(key: &[u8]) {
    if TOP_SIZE.get() > 0 {
        with_top(|top| top.count(key));
    }
}

/// Gives the table of the keys that are denied most.
pub(crate) fn with_top<T>(use_it: impl FnOnce(&mut Table) -> T) -> T {
    let mut held = TOP.hold();
    use_it(held.get_or_insert_with(|| Top::new(top_size())))
}

/// Makes the table as large as it is set to be.
pub(crate) fn resize_top() {
    with_top(|top| top.resize(top_size()));
}

fn top_size() -> usize {
    usize::try_from(TOP_SIZE.get()).unwrap_or(0)
}
