//! What all consuming commands share: clock, key, decision, write, replication.

use rl_core::{Clause, Decision, Limiters, Now, decide};

use super::error::Error;
use crate::metrics;
use crate::server::{Call, Key};
use crate::settings::NOTIFY_DENIED;
use crate::state::{COMMAND, Outgoing};

/// Decides a call of `cost` against `clauses`, at most `N`, records what is to be recorded, and
/// has `answer` tell of it.
#[inline(always)]
pub(super) fn consume<const N: usize>(
    call: &Call<'_>,
    clauses: &[Clause],
    cost: u64,
    answer: impl FnOnce(&Decision<N>),
) -> Result<(), Error> {
    let now = call.now();
    let key = Key::<Limiters>::to_write(call)?;
    // By reference: a decision is long enough for its copies to be seen in a call's cost.
    let decided = decide::<N>(key.get(), clauses, cost, now);
    let decision = match &decided {
        Ok(decision) => decision,
        Err(error) => return Err((*error).into()),
    };
    if decision.changes().next().is_some() {
        record(call, key, decision, now)?;
    } else {
        drop(key);
    }
    metrics::decided(decision.allowed, clauses, &decision.verdicts);
    if !decision.allowed {
        denied(call);
    }
    answer(decision);
    Ok(())
}

/// Lets operators see who is denied.
#[inline(never)]
fn denied(call: &Call<'_>) {
    metrics::denied(call.key_bytes());
    if NOTIFY_DENIED.is_on() {
        call.notify(c"rl.denied");
    }
}

/// Writes the decision's changes, moves the expiry, and tells who must know.
#[inline(always)]
fn record<const N: usize>(
    call: &Call<'_>,
    mut key: Key<'_, Limiters>,
    decision: &Decision<N>,
    now: Now,
) -> Result<(), Error> {
    if decision.grows {
        call.check_memory()?;
    }
    let steady_ms = key.get().and_then(|limiters| limiters.steady_expire_at_ms(now));
    match key.get_mut() {
        Some(limiters) => decision.changes().for_each(|change| limiters.apply(change, now)),
        None => {
            if let Some(limiters) = Limiters::from_changes(decision.changes(), now) {
                key.set(limiters);
            }
        }
    }
    let expire_at_ms = key.get().map_or(0, |limiters| decision.expire_at_ms(limiters, now));
    if steady_ms != Some(expire_at_ms) || key.expire_at_ms() != Some(expire_at_ms) {
        key.set_expire_at_ms(expire_at_ms);
    }
    drop(key);
    call.signal_change();
    call.replicate(COMMAND, || Outgoing::of_changes(decision.changes(), now, expire_at_ms));
    Ok(())
}
