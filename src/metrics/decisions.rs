//! Decisions and errors.

use rl_core::{Algorithm, Clause, Verdict};

use super::count::{Count, Decisions};
use crate::server::Field;

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
    judged(clauses, verdicts);
}

/// Counts clauses of a call that is counted by itself.
#[inline]
fn judged(clauses: &[Clause], verdicts: &[Verdict]) {
    for (clause, verdict) in clauses.iter().zip(verdicts) {
        if let Some(decisions) = CLAUSES.get(clause.algorithm as usize) {
            decisions.add(verdict.allowed);
        }
    }
}

/// Counts a call on several keys, each with its clauses.
pub(crate) fn decided_all<'a>(
    allowed: bool,
    groups: impl Iterator<Item = (&'a [Clause], &'a [Verdict])>,
) {
    CALLS.add(allowed);
    groups.for_each(|(clauses, verdicts)| judged(clauses, verdicts));
}

/// Gives what INFO shows of decisions and errors, in order.
pub(super) fn fields(field: Field<'_>) {
    field(&["decisions_allowed"], CALLS.allowed());
    field(&["decisions_denied"], CALLS.denied());
    for (algorithm, decisions) in Algorithm::ALL.into_iter().zip(&CLAUSES) {
        let name = algorithm.name();
        field(&[name, "_allowed"], decisions.allowed());
        field(&[name, "_denied"], decisions.denied());
    }
    field(&["errors"], ERRORS.get());
}
