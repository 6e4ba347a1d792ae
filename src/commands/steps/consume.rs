//! What calls without an id share: clock, key, decision, write, replication.
//!
//! Two things here and below are for speed only; the module's instructions by callgrind:
//!
//! - [`consume`] is compiled for 1, 4 and 16 clauses. For 16 alone, a call of one clause would cost
//!   160 to 340 more (RL.FIXED 1,009, not 794), one of three 160 more.
//! - What a decision passes through is `inline(always)`, so that the compiler keeps the algorithm
//!   and the number of clauses. With hints alone, a call of one clause would cost 155 to 245 more
//!   (RL.FIXED 1,037), one of sixteen 1,700 to 2,900 more (of 12,100 to 15,900).

use rl_core::{Clause, Item, Limiters, Now, Outcome};

use super::charge::charge;
use super::denied::denied;
use super::written::written;
use crate::metrics;
use crate::server::{Call, Key};
use crate::state::Outgoing;
use crate::words::{Ending, Error};

/// Decides a call against `clauses`, at most `N`, that ends as `ending` says; records what is to be
/// recorded, and has `answer` tell of it.
#[inline(always)]
pub(in crate::commands) fn consume<const N: usize>(
    call: &Call<'_>,
    clauses: &[Clause],
    ending: &Ending,
    answer: impl FnOnce(&Outcome<N>),
) -> Result<(), Error> {
    let cost = ending.cost;
    if let Some(named) = &ending.charge {
        return charge::<N>(call, clauses, cost, named, answer);
    }
    let now = call.now();
    let key = Key::<Limiters>::to_write(call)?;
    let mut outcome = Outcome::<N>::undecided();
    outcome.decide(key.get(), clauses, cost, now)?;
    if outcome.changes().next().is_some() {
        record(call, key, &outcome, now)?;
    } else {
        drop(key);
    }
    metrics::decided(outcome.allowed, clauses, &outcome.verdicts);
    if !outcome.allowed {
        denied(call);
    }
    answer(&outcome);
    Ok(())
}

/// Writes the outcome's changes, moves the expiry, and tells who must know.
#[inline(always)]
fn record<const N: usize>(
    call: &Call<'_>,
    mut key: Key<'_, Limiters>,
    outcome: &Outcome<N>,
    now: Now,
) -> Result<(), Error> {
    if outcome.grows {
        call.check_memory()?;
    }
    let standing_ms = match key.get_mut() {
        Some(limiters) => {
            outcome.record(limiters, now);
            key.expire_at_ms()
        }
        None => {
            if let Some(limiters) = Limiters::from_changes(outcome.changes(), now) {
                key.set(limiters);
            }
            None
        }
    };
    let moved_ms = |limiters: &Limiters| outcome.new_expiry_ms(limiters, standing_ms, now);
    written(call, key, standing_ms, moved_ms, |is_plain, expire_at_ms| {
        if is_plain {
            Outgoing::of_changes(outcome.changes(), now, expire_at_ms)
        } else {
            Outgoing::of_items(outcome.changes().map(Item::Change), now, expire_at_ms)
        }
    });
    Ok(())
}
