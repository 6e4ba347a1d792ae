//! Calls with an id, which leave a receipt; and what one on several keys does at each.

use rl_core::{Charge, Clause, Group, GroupOutcome, Limiters, Now, Outcome};

use super::denied::denied;
use super::written::written;
use crate::metrics;
use crate::server::{Call, Key};
use crate::state::Outgoing;
use crate::words::Error;

/// Decides a call of `cost` against `clauses`, at most `N`, whose charge has an id; records what is
/// to be recorded, and has `answer` tell of it.
#[inline(never)]
pub(super) fn charge<const N: usize>(
    call: &Call<'_>,
    clauses: &[Clause],
    cost: u64,
    charge: &Charge,
    answer: impl FnOnce(&Outcome<N>),
) -> Result<(), Error> {
    let now = call.now();
    let key = Key::<Limiters>::to_write(call)?;
    let mut group = GroupOutcome::<N>::undecided();
    let asked =
        Group { stored: key.get(), clauses, cost, charge: Some(charge), ..Group::default() };
    let decided = group.decide(&asked, now);
    decided.map_err(|refused| Error::of_refused(refused, Some(&charge.id)))?;
    if group.grows() {
        call.check_memory()?;
    }
    record(call, key, &group, now);
    metrics::decided(group.outcome.allowed, clauses, &group.outcome.verdicts);
    if !group.outcome.allowed {
        denied(call);
    }
    answer(&group.outcome);
    Ok(())
}

/// Writes what `group` changes at the call's key, if anything; moves the expiry, and tells who must
/// know.
pub(in crate::commands) fn record<const N: usize>(
    call: &Call<'_>,
    mut key: Key<'_, Limiters>,
    group: &GroupOutcome<N>,
    now: Now,
) {
    if group.repeat {
        metrics::repeated();
    }
    if !group.is_write() {
        return;
    }
    let standing_ms = match key.get_mut() {
        Some(limiters) => {
            metrics::dropped(group.record(limiters, now));
            key.expire_at_ms()
        }
        None => {
            if let Some(limiters) = group.make(now) {
                key.set(limiters);
            }
            None
        }
    };
    let moved_ms = |limiters: &Limiters| group.new_expiry_ms(limiters, standing_ms, now);
    written(call, key, standing_ms, moved_ms, |is_plain, expire_at_ms| {
        if is_plain {
            Outgoing::of_changes(group.outcome.changes(), now, expire_at_ms)
        } else {
            Outgoing::of_items(group.items(), now, expire_at_ms)
        }
    });
}
